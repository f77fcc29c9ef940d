"""All ways to reach a broker, and brokers that do not want us or do not keep what they got."""
import json
import pathlib
import re
import signal
import socket
import subprocess
import threading

import observer
import world
from case import Case
from devices import Raw, service
from process import wait_until

TMP = pathlib.Path("/tmp")
ALL_IN_ONE = """per_listener_settings true
log_type all
max_queued_messages 200000
set_tcp_nodelay true
listener 1883 127.0.0.1
allow_anonymous true
listener 1884 127.0.0.1
allow_anonymous false
password_file /tmp/passwd
listener 0 /tmp/mqtt.sock
allow_anonymous true
"""
TLS = """listener 8883 127.0.0.1
cafile /tmp/ca.crt
certfile /tmp/server.crt
keyfile /tmp/server.key
require_certificate true
use_identity_as_username true
"""
SECRET = "correct horse battery"


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=TMP)


def make_certificates(name="IP:127.0.0.1"):
    """A CA, and certificates by it for the broker and for the bridge; another CA that nobody trusts."""
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for ca in ("ca", "other-ca"):
        openssl("req", "-x509", *new_key, "-days", "2", "-subj", f"/CN={ca}", "-keyout", f"{ca}.key",
                "-out", f"{ca}.crt")
    (TMP / "san").write_text(f"subjectAltName={name}")
    for who in ("server", "client"):
        openssl("req", *new_key, "-subj", f"/CN={who}", "-keyout", f"{who}.key", "-out", f"{who}.csr")
        openssl("x509", "-req", "-in", f"{who}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                "-CAcreateserial", "-days", "2", "-extfile", "san", "-out", f"{who}.crt")


class Ways(Case):
    def boot_way(self, config, *args, broker=ALL_IN_ONE, password=SECRET):
        """Bridge to broker by the way under test; the observer sees it by the plain one."""
        b = self.lab.add_host("b")
        self.add_user(password)
        (TMP / "secret").write_text(SECRET + "\n")
        (TMP / "secret").chmod(0o600)
        self.lab.start_broker(broker)
        self.lab.boot(self.a)
        self.watch = self.observe()
        self.start_bridge({"broker": config}, *args)
        self.device = Raw(b)
        self.device.set(service("Thing"))

    def add_user(self, password):
        subprocess.run(["mosquitto_passwd", "-b", "-c", TMP / "passwd", "bridge", password], check=True,
                       capture_output=True)

    def works(self):
        self.watch.service("Thing", protocols=["IPv4", "IPv6"], timeout=30)
        self.watch.online()
        return self.lab.broker.text()

    def test_tcp(self):
        self.boot_way({"url": "mqtt://127.0.0.1:1883", "client-id": "fixed-id"})
        self.assertRegex(self.works(), r"New client connected from 127.0.0.1:\d+ as fixed-id \(p5, c1, k")

    def test_mqtt_311(self):
        self.boot_way({"protocol": "3.1.1", "client-id": "fixed-id"})
        self.assertRegex(self.works(), r"as fixed-id \(p2, c1, k")

    def test_random_client_id(self):
        self.boot_way({})
        self.works()
        lines = [line for line in self.lab.broker.text().splitlines() if "New client connected" in line]
        self.assertEqual(len({line.split(" as ")[1].split(" ")[0] for line in lines}), len(lines))

    def test_unix_socket(self):
        self.boot_way({}, "--broker", "unix:///tmp/mqtt.sock")
        self.works()

    def use_hosts(self, text):
        (TMP / "hosts").write_text(text)
        subprocess.run(["mount", "--bind", TMP / "hosts", "/etc/hosts"], check=True)

    def test_name_of_two_addresses(self):
        """The broker listens on IPv4 only, and IPv6 comes first: Debian's localhost."""
        self.use_hosts("::1 localhost\n127.0.0.1 localhost\n")
        self.boot_way({"url": "mqtt://localhost:1883"})
        self.works()

    def test_name_of_a_dead_host(self):
        """One that hangs in connecting hears a signal all the same."""
        self.use_hosts("10.77.0.77 nowhere\n")
        self.a.run("ip", "neighbour", "add", "10.77.0.77", "lladdr", "02:00:00:00:00:77", "dev", "lan0")
        self.lab.boot(self.a)
        self.start_bridge({"broker": {"url": "mqtt://nowhere:1883"}})
        self.lab.bridge.wait_log("waiting -> resolving")
        self.assertEqual(self.lab.bridge.stop(), 0)

    def test_tls_by_name(self):
        """The certificate is compared with the name, not with an address of it."""
        self.use_hosts("::1 broker.test\n127.0.0.1 broker.test\n")
        make_certificates("DNS:broker.test")
        self.boot_way({"url": "mqtts://broker.test:8883", "ca-file": "/tmp/ca.crt",
                       "cert-file": "/tmp/client.crt", "key-file": "/tmp/client.key"},
                      broker=ALL_IN_ONE + TLS)
        self.works()

    def test_password(self):
        self.boot_way({"url": "mqtt://127.0.0.1:1884", "username": "bridge",
                       "password-file": "/tmp/secret"})
        self.assertRegex(self.works(), r"\(p5, c1, k\d+, u'bridge'\)")
        self.assertNotIn(SECRET, self.lab.bridge.text())

    def test_wrong_password(self):
        """It keeps trying, says so without the secret, and gets in when the broker has learnt it."""
        self.boot_way({"url": "mqtt://127.0.0.1:1884", "username": "bridge",
                       "password-file": "/tmp/secret"}, password="something else")
        text = self.lab.broker.text
        wait_until(lambda: text().count("not authorised") > 1, "two attempts refused", 30)
        self.assertTrue(self.lab.bridge.alive())
        self.assertEqual(self.watch.messages, [])
        self.add_user(SECRET)
        self.lab.broker.send(signal.SIGHUP)
        self.works()
        for text in (self.lab.bridge.text(), pathlib.Path(f"/proc/{self.lab.bridge.pid}/cmdline").read_text()):
            self.assertNotIn(SECRET, text)

    def test_tls(self):
        make_certificates()
        self.boot_way({"url": "mqtts://127.0.0.1:8883", "ca-file": "/tmp/ca.crt",
                       "cert-file": "/tmp/client.crt", "key-file": "/tmp/client.key"},
                      broker=ALL_IN_ONE + TLS)
        self.assertRegex(self.works(), r"u'client'\)")

    def test_encrypted_key(self):
        """Nobody is there to type its password: an error as any other, and the bridge works on."""
        make_certificates()
        self.add_user(SECRET)
        openssl("ec", "-in", "client.key", "-aes256", "-passout", "pass:x", "-out", "locked.key")
        self.lab.start_broker(ALL_IN_ONE + TLS)
        bridge = self.start_bridge({"broker": {
            "url": "mqtts://127.0.0.1:8883", "ca-file": "/tmp/ca.crt", "cert-file": "/tmp/client.crt",
            "key-file": "/tmp/locked.key"}}, stdin=subprocess.PIPE, start_new_session=True)
        wait_until(lambda: bridge.text().count("cannot connect") > 2, "three attempts", 30)
        self.assertEqual(bridge.text().count(" warning: mqtt: cannot connect"), 1)
        self.assertLess(bridge.text().count(" warning: mqtt: libmosquitto"), 5)  # of one attempt

    def test_broker_that_hangs_up(self):
        """It welcomes the bridge and closes the connection, again and again: attempts become rare."""
        server = socket.create_server(("127.0.0.1", 1883))

        def serve():
            while True:
                connection, _ = server.accept()
                with connection:
                    connection.recv(10000)
                    connection.sendall(b"\x20\x03\x00\x00\x00")  # CONNACK
        threading.Thread(target=serve, daemon=True).start()
        bridge = self.start_bridge()
        wait_until(lambda: re.search(r"next attempt in \d{4,} ms", bridge.text()), "a pause of a second", 30)

    def test_tls_wrong_ca(self):
        """A broker that cannot prove who it is gets nothing."""
        make_certificates()
        self.boot_way({"url": "mqtts://127.0.0.1:8883", "ca-file": "/tmp/other-ca.crt",
                       "cert-file": "/tmp/client.crt", "key-file": "/tmp/client.key"},
                      broker=ALL_IN_ONE + TLS)
        text = self.lab.broker.text
        wait_until(lambda: text().count("on port 8883") > 1, "two attempts", 30)
        self.assertTrue(self.lab.bridge.alive())
        self.assertEqual(self.watch.messages, [])


class Refused(Case):
    """An ACL that lets the bridge publish its state, and no services."""

    def write_acl(self, *topics):
        (TMP / "acl").write_text("user bridge\ntopic read #\n" +
                                 "".join(f"topic readwrite {topic}\n" for topic in topics))

    def test_until_the_acl_is_mended(self):
        """No `online` before the broker has taken everything; and nobody has to start anything again."""
        b = self.lab.add_host("b")
        subprocess.run(["mosquitto_passwd", "-b", "-c", TMP / "passwd", "bridge", SECRET], check=True,
                       capture_output=True)
        (TMP / "secret").write_text(SECRET)
        self.write_acl("mdns/bridge/#")
        self.lab.start_broker("per_listener_settings true\nlistener 1883 127.0.0.1\nallow_anonymous true\n"
                              "listener 1884 127.0.0.1\nallow_anonymous false\n"
                              "password_file /tmp/passwd\nacl_file /tmp/acl\n")
        self.lab.boot(self.a)
        watch = self.observe(strict=False)  # seq has holes: records that nobody got
        Raw(b).set(service("One"), service("Two"))
        self.start_bridge({"broker": {"url": "mqtt://127.0.0.1:1884", "username": "bridge",
                                      "password-file": "/tmp/secret"}, "records": {"stats-interval": 1}})
        watch.stats(lambda r: r["publish_refused"] > 4, "records refused again", timeout=30)
        self.assertNotIn("online", [m.state for m in watch.messages])
        self.assertEqual(self.lab.bridge.text().count("check the ACL"), 1)
        self.write_acl("mdns/#")
        self.lab.broker.send(signal.SIGHUP)
        watch.online(timeout=30)
        self.assertEqual({r["name"] for r in watch.services().values()}, {"One", "Two"})


class Retained(Case):
    """Mosquitto 2.0.11 drops what does not fit a subscriber's queue, and tells nobody."""

    limit = 2 * Case.limit
    DEFAULTS = "listener 1883 127.0.0.1\nallow_anonymous true\n"
    CROWD = 1100

    def crowd(self, broker):
        b = self.lab.add_host("b")
        self.lab.start_broker(broker)
        self.lab.boot(self.a, cache_entries_max=20000)
        Raw(b).set(*[service(f"Service {i:04}", f"_kind{i % 20:02}._tcp", 1000 + i)
                     for i in range(self.CROWD)])
        config = {"records": {"stats-interval": 1}, "log": {"level": "info"}, "browse": {"ipv6": "no"}}
        self.start_bridge(config)
        self.watch = self.observe(strict=broker is None)
        self.watch.stats(lambda r: r["avahi_clients"] > 1, "all services followed", timeout=60)
        self.watch.bridge_state(state="online", timeout=60)
        self.watch.wait(lambda: len({m.topic for m in self.watch.messages if m.key}) == self.CROWD,
                        "all services", 60)
        return config

    def heard(self):
        """How many a real subscriber at QoS 1 gets within 5 s."""
        out = subprocess.run(["mosquitto_sub", "-q", "1", "-t", "mdns/service/#", "-C", str(self.CROWD),
                              "-F", "%l", "-W", "5"], stdout=subprocess.PIPE).stdout
        return len(out.splitlines())

    def test_shipped_configuration(self):
        self.crowd(None)
        self.assertEqual(self.heard(), self.CROWD)
        self.assertEqual(len(observer.snapshot("mdns/service/#")), self.CROWD)

    def test_default_configuration(self):
        config = self.crowd(self.DEFAULTS)
        self.assertLess(self.heard(), self.CROWD)
        if not [m for m in self.watch.messages if m.topic == "mdns/bridge/stats" and m.record
                and m.record.get("retained_missing")]:
            # Seen at the latest by the next life, which reads what this one published.
            self.lab.bridge.stop()
            self.start_bridge(config)
        mark = self.watch.mark()
        self.watch.stats(lambda r: r["retained_missing"] > 0, "retained_missing", since=mark, timeout=60)
        self.assertIn("max_queued_messages", self.lab.bridge.text())
        self.assertEqual(json.loads(observer.snapshot("mdns/bridge/state")["mdns/bridge/state"])["v"], 1)


if __name__ == "__main__":
    world.main()
