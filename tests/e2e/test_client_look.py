"""The tool looks: browse, resolve, status, watch, decode; how each ends, and what outlives a broker."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import unicodedata
from urllib.parse import quote

import tool
import world
from case import Case
from devices import Raw, service
from lab import SHIPPED, TMP
from observer import publish
from process import slow, wait_until
from test_broker_ways import ALL_IN_ONE, TLS, make_certificates
from tool import OFFLINE, lines

SOCKET = TMP / "mqtt.sock"


def set_hosts(text):
    """What names stand for, in this world."""
    hosts = TMP / "hosts"
    hosts.write_text(text)
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)


class Look(Case):
    def start(self):
        watch = self.boot("b")
        self.device = Raw(self.b)
        self.device.set(service("Printer / 1", "_ipp._tcp", 631, [b"rp=ipp", b"bin=\x00\xff", b"duplex"]),
                        service("Web", "_http._tcp", 80), service("Web 2", "_http._tcp", 8080))
        for name in ("Printer / 1", "Web", "Web 2"):
            watch.service(name, protocols=["IPv4", "IPv6"])
        watch.bridge_state(services=3)
        return watch

    def test_once(self):
        """What there is, by type and name, as text and as the bridge's own records."""
        watch = self.start()
        text = tool.run("browse", "-t").stdout.splitlines()
        self.assertEqual([line.split()[2] for line in text], ["Web", "Web", "Printer"])
        self.assertIn("10.77.0.2 fe80::", text[0])
        found = lines(tool.run("browse", "--json", "-t", "_ipp._tcp").stdout)
        record = watch.service("Printer / 1", protocols=["IPv4", "IPv6"])
        self.assertEqual(found, [{"event": "add", **record}])
        self.assertEqual(lines(tool.run("resolve", "--json", "Printer / 1", "_ipp._tcp").stdout), [record])
        text = tool.run("resolve", "Printer / 1", "_ipp._tcp", "-d", "local").stdout
        for line in ("host        thing.local", "port        631", "txt         rp=ipp", "txt         duplex",
                     "txt         bin=\\x00\\xFF", "interface   lan0", "address     10.77.0.2"):
            self.assertIn(line, text)
        self.assertEqual(tool.run("browse", "-t", "-d", "example.com").stdout, "")
        self.assertIn("there is no service 'Nobody'", tool.run("resolve", "Nobody", "_ipp._tcp", check=1).stderr)

    def test_waiting(self):
        """resolve --timeout waits for a service; it ends as soon as it is there."""
        self.start()
        waiting = tool.Tool("resolve", "--timeout", "60", "Late", "_http._tcp")
        self.device.set(service("Late"))
        self.assertEqual(waiting.wait_end(30), 0)
        self.assertIn("thing.local", waiting.text())
        start = time.monotonic()
        tool.run("resolve", "--timeout", "0.5", "Never", "_http._tcp", check=1)
        self.assertGreaterEqual(time.monotonic() - start, 0.5)

    def test_status(self):
        watch = self.start()
        publish("mdns/advertise/web/app", json.dumps({"name": "App", "type": "_http._tcp", "port": 9}), True)
        watch.message(lambda m: m.topic.endswith("/status") and m.state == "established", "established")
        text = tool.run("status").stdout
        self.assertIn("bridge online", text)
        self.assertIn("advertisement web/app established", text)
        self.assertNotIn("published", text)
        state, stats, advertisement = lines(tool.run("status", "--json", "--stats").stdout)
        self.assertEqual(state["bridge"]["state"], "online")
        self.assertIn("published", stats["stats"])
        self.assertEqual(advertisement["advertisement"]["name"], "App")
        self.assertRegex(tool.run("status", "--stats").stdout, r"(?m)^  published +\d+$")

    def test_decode(self):
        """What mosquitto_sub writes, with topics and without, and what is no such thing."""
        self.start()
        text = subprocess.run(["mosquitto_sub", "-v", "-t", "mdns/#", "-C", "5"], check=True,
                              stdout=subprocess.PIPE, timeout=30 * slow()).stdout.decode()
        decoded = tool.run("decode", input=text, stdin=None).stdout
        for line in ("Printer / 1\n", "bridge online\n", "Web 2\n", "counters\n"):
            self.assertIn(line, decoded)
        for record, line in zip(lines(tool.run("decode", "--json", input=text, stdin=None).stdout),
                                text.splitlines()):
            self.assertEqual(record, json.loads(line[line.index("{"):]))
        topic = "mdns/service/local/_http._tcp/a%2Fb {x} %25/eth0"
        for line in (topic, topic + " (null)"):
            self.assertTrue(tool.run("decode", input=line + "\n", stdin=None).stdout.startswith("a/b {x} %"))
        asked = tool.run("decode", stdin=None, input=(
            'mdns/advertise/web/app {"name":"App","type":"_http._tcp","port":80,"lease":60}\n'
            'mdns/advertise/web/app {"name":"App","port":80}\n'
            "mdns/advertise/web/app (null)\nmdns/client/web online\n")).stdout
        for line in ("request web/app\n  name        App\n", "lease       60 seconds", "web/app is wrong: type",
                     "web/app is withdrawn", "client web online"):
            self.assertIn(line, asked)
        objects = tool.run("decode", "--json", stdin=None, input=(
            "mdns/client/web online\nmdns/advertise/web/app (null)\n")).stdout
        self.assertEqual(list(lines(objects)), [{"client": "web", "state": "online"},
                                                {"client": "web", "id": "app", "withdrawn": True}])
        forged = '{"v":1,"state":"pending","client":"\\u001b[2Jx","id":"y"}'
        self.assertNotIn("\x1b", tool.run("decode", input=f"mdns/client/web {forged}\n", stdin=None, check=1).stdout)
        bad = tool.run("decode", input=f"nonsense\n{topic}\n{{}}\n", stdin=None, check=1)
        self.assertIn("line 1:", bad.stderr)
        self.assertIn("line 3:", bad.stderr)
        self.assertIn("a/b", bad.stdout)


class Ends(Case):
    def test_broker(self):
        """No broker, one that does not let us in, and one that comes in time."""
        socket = ["--broker", f"unix://{SOCKET}"]
        self.assertIn("No such file", tool.run("browse", "-t", *socket, check=69).stderr)
        self.assertIn("refused", tool.run("status", check=69).stderr)
        for args in (["browse", "-t"], ["resolve", "A", "_a._tcp"], ["status"]):
            tool.run(*args, check=69)
        tool.run("-a", "-t", name="avahi-browse", check=69)
        self.assertIn("no host of this name", tool.run("status", "--broker", "mqtt://no.invalid", check=69).stderr)
        late = tool.Tool("status", "--timeout", "60")
        late.wait_log("trying again")
        self.lab.start_broker()
        self.assertEqual(late.wait_end(30), 75)  # the broker is there, but no bridge
        self.assertIn("connected to the broker", late.text())
        self.assertIn("there is no bridge", late.text())

    def test_timeout(self):
        """A broker and a name server that say nothing are waited for as long as that is wanted, and no longer."""
        resolver = TMP / "resolv.conf"
        resolver.write_text("nameserver 127.0.0.1\noptions timeout:30 attempts:5\n")
        subprocess.run(["mount", "--bind", resolver, "/etc/resolv.conf"], check=True)
        with socket.create_server(("127.0.0.1", 0)) as silent, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 53))
            url = f"mqtt://127.0.0.1:{silent.getsockname()[1]}"
            for broker in (url, "mqtt://broker.test", "mqtts://broker.test"):
                for name, *args in (("mdns-mqtt", "status"), ("mdns-mqtt", "browse", "-t"),
                                    ("mdns-mqtt", "resolve", "A", "_a._tcp"), ("avahi-browse", "-at")):
                    other = tool.Tool("status", "--broker", url)  # one attempt: ten seconds
                    done = tool.run(*args, "--timeout", "0.2", "--broker", broker, name=name, check=69)
                    self.assertIn("in time", done.stderr)
                    self.assertTrue(other.alive())
                    other.kill()

    def test_unsteady(self):
        """A broker that lets everybody in and drops them is not kept busy, and no more is said than is new."""
        with socket.create_server(("127.0.0.1", 0)) as broker:
            broker.settimeout(15 * slow())
            run = tool.Tool("browse", "--broker", f"mqtt://127.0.0.1:{broker.getsockname()[1]}")
            start = time.monotonic()
            for _ in range(7):
                with broker.accept()[0] as one:
                    one.recv(1000)
                    one.send(b"\x20\x03\x00\x00\x00")  # CONNACK
            self.assertGreater(time.monotonic() - start, 1.5)
            run.stop()
            self.assertEqual([run.text().count(words) for words in ("was lost (", "connected again")], [1, 1], run.text())

    def test_localhost_tls(self):
        """The same with TLS, where the name is to be verified."""
        make_certificates("IP:127.0.0.1,DNS:both")
        set_hosts("::1 both\n127.0.0.1 both\n")
        (TMP / "passwd").write_text("")
        self.lab.start_broker(ALL_IN_ONE + TLS)
        ours = ["--ca-file", "/tmp/ca.crt", "--cert-file", "/tmp/client.crt", "--key-file", "/tmp/client.key"]
        self.assertIn("no bridge", tool.run("status", "--broker", "mqtts://both", *ours, check=75).stderr)
        self.assertIn("refused", tool.run("status", "--broker", "mqtts://both:9", *ours, check=69).stderr)
        done = tool.run("status", "--broker", "mqtts://both", *ours[2:], check=69)
        self.assertNotIn("refused", done.stderr)

    def test_localhost(self):
        """Of the addresses of a name, the one that answers, whichever is the first."""
        set_hosts("::1 both\n127.0.0.1 both\n")
        self.lab.start_broker()
        self.assertIn("no bridge", tool.run("status", "--broker", "mqtt://both", check=75).stderr)
        self.assertIn("refused", tool.run("status", "--broker", "mqtt://both:9", check=69).stderr)

    def test_user(self):
        """A user whom the broker does not know, and a password file that is none."""
        (TMP / "passwords").write_text("")
        (TMP / "secret").write_text("wrong\n")
        self.lab.start_broker(SHIPPED.read_text().replace("allow_anonymous true", "allow_anonymous false")
                              + f"\npassword_file {TMP}/passwords\n")
        self.assertIn("Not authorized", tool.run("status", check=77).stderr)
        done = tool.run("browse", env={"MQTT_USERNAME": "me", "MQTT_PASSWORD_FILE": str(TMP / "secret")},
                        check=77)
        self.assertIn("Not authorized", done.stderr)
        done = tool.run("status", "--username", "me", "--password-file", str(TMP / "none"), check=78)
        self.assertIn("password file", done.stderr)

    def test_tls(self):
        """Both sides show certificates; who cannot, gets nowhere. By address and by name."""
        make_certificates("IP:127.0.0.1,DNS:localhost")
        set_hosts("127.0.0.1 localhost other\n")
        (TMP / "passwd").write_text("")
        self.lab.start_broker(ALL_IN_ONE + TLS)
        ours = {"MQTT_CERT_FILE": "/tmp/client.crt", "MQTT_KEY_FILE": "/tmp/client.key"}
        place = ["status", "--broker", "mqtts://127.0.0.1"]
        self.assertIn("no bridge", tool.run(*place, "--ca-file", "/tmp/ca.crt", env=ours, check=75).stderr)
        self.assertIn("u'client')", self.lab.broker.text())
        tool.run(*place, "--ca-file", "/tmp/other-ca.crt", env=ours, check=69)
        tool.run(*place, "--ca-file", "/tmp/ca.crt", check=69)
        for host, code in (("localhost", 75), ("other", 69)):
            tool.run("status", "--broker", f"mqtts://{host}", "--ca-file", "/tmp/ca.crt", env=ours, check=code)
        self.assertIn("TLS", tool.run(*place, "--ca-file", "/none", check=78).stderr)

    def test_subscription_refused(self):
        """Mosquitto's ACL file only withholds messages; others tell."""
        config = tool.refuses_subscriptions()
        if not config:
            self.skipTest("Mosquitto has no dynamic security here")
        self.lab.start_broker(config)
        wish = ["--client", "web", "--name", "App", "--type", "_http._tcp", "--port", "80"]
        for args in (["browse"], ["browse", "-t"], ["watch"], ["status"], ["advertise", *wish]):
            self.assertIn("Not authorized", tool.run(*args, check=77).stderr)
        self.assertIn("Not authorized", tool.run("-s", "App", "_http._tcp", "80", name="avahi-publish", check=1,
                                                 env={"MDNS_MQTT_CLIENT": "web"}).stderr)

    def test_signals(self):
        """Where a signal is how one ends it, all is well; else it has not done what it was to do."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            broker = ["--broker", f"mqtt://127.0.0.1:{silent.getsockname()[1]}"]
            silent.settimeout(15 * slow())
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
                for args, code in ((["browse"], 0), (["watch"], 0), (["browse", "-t"], 128 + number),
                                   (["resolve", "A", "_a._tcp"], 128 + number), (["status"], 128 + number)):
                    run = tool.Tool(*args, *broker)
                    with silent.accept()[0]:
                        run.send(number)
                        self.assertEqual(run.wait_end(), code, args)

    def test_no_bridge(self):
        self.lab.start_broker()
        for args in (["browse", "-t"], ["resolve", "A", "_a._tcp"], ["status"]):
            self.assertIn("there is no bridge", tool.run(*args, check=75).stderr)
        self.assertEqual(tool.run("status", "--json", check=75).stdout, '{"bridge":null}\n')
        publish("mdns/bridge/state", OFFLINE, True)
        self.assertIn("the bridge is offline", tool.run("browse", "-t", check=75).stderr)
        self.assertIn("bridge offline", tool.run("status", check=75).stdout)
        publish("mdns/bridge/state", OFFLINE.replace("offline", "starting"), True)
        waiting = tool.Tool("browse", "-t")  # a bridge that is starting is waited for
        self.assertIn("starting", tool.run("browse", "-t", "--timeout", "0.3", check=75).stderr)
        self.assertTrue(waiting.alive())
        publish("mdns/bridge/state", OFFLINE.replace("offline", "online"), True)
        self.assertEqual(waiting.wait_end(), 0)

    def test_output(self):
        """What cannot be written is an error, at once for those who would go on; what nobody reads is none."""
        self.lab.start_broker()
        publish("mdns/bridge/state", OFFLINE.replace("offline", "online"), True)
        record = {"v": 1, "state": "up", "name": "x", "type": "_x._tcp", "domain": "local", "interface": "e",
                  "protocols": ["IPv4"]}
        publish("mdns/service/local/_x._tcp/x/e", json.dumps(record), True)
        topic = "mdns/service/local/_x._tcp/x/e\n"
        for args, options in ((["browse"], {}), (["browse", "-t"], {}), (["watch", "--json"], {}), (["status"], {}),
                              (["--help"], {}), (["-pat"], {"name": "avahi-browse"}),
                              (["decode"], {"input": topic, "stdin": None})):
            with open("/dev/full", "wb") as full:
                done = self.run_to(full, *args, **options)
            self.assertEqual((done.returncode, "No space left on device" in done.stderr), (74, True), args)
            reading, writing = os.pipe()
            os.close(reading)
            self.assertEqual(self.run_to(writing, *args, **options).returncode, 0, args)
            os.close(writing)
            done = self.run_to(None, *args, preexec_fn=lambda: os.close(1), **options)  # what is opened is not stdout
            self.assertEqual((done.returncode, "Bad file descriptor" in done.stderr), (74, True), args)

    @staticmethod
    def run_to(stdout, *args, name="mdns-mqtt", **options):
        return subprocess.run([tool.program(name), *args], **{"stdin": subprocess.DEVNULL, **options}, text=True,
                              stdout=stdout, stderr=subprocess.PIPE, timeout=30 * slow())

    def test_usage(self):
        for args in (["nothing"], [], ["browse", "--nothing"], ["browse", "a", "b"], ["resolve", "a"],
                     ["browse", "--prefix", "a/#"], ["browse", "--broker", "http://x"], ["status", "x"],
                     ["browse", "--timeout", "x"], ["browse", "x" * 69], ["decode", "file"]):
            self.assertTrue(tool.run(*args, check=64).stderr, args)
        tool.run("browse", "-t", env={"MQTT_URL": "http://x"}, check=78)
        for args in (["--help"], ["--version"], ["watch", "--help"], ["browse", "-h"]):
            self.assertIn("mdns-mqtt", tool.run(*args).stdout)

    def test_manual(self):
        """Each option that --help names is in the manual page, and each exit code of the header."""
        manual = (world.PROJECT / "client/tool/mdns-mqtt.1").read_text()
        documented = set(re.findall(r"Fl -([a-z-]+)", manual))
        for command in ("browse", "resolve", "status", "watch", "decode", "advertise", "doctor"):
            options = re.findall(r"--([a-z-]+)", tool.run(command, "--help").stdout)
            self.assertIn("json", options)
            self.assertEqual(set(options) - documented, set())
        codes = re.findall(r"(?m)^    EXIT_\w+ =\s*(\d+)", (world.PROJECT / "client/common/exit_codes.h").read_text())
        self.assertEqual(set(re.findall(r"(?m)^\.It (\d+)$", manual)), set(codes))

    def test_completion(self):
        self.lab.start_broker()
        publish("mdns/bridge/state", OFFLINE.replace("offline", "online"), True)
        record = {"v": 1, "state": "up", "name": "x", "type": "_x-type._tcp", "domain": "local", "interface": "e"}
        publish("mdns/service/local/_x-type._tcp/x/e", json.dumps(record), True)
        ran = TMP / "ran"
        for kind in ("_`touch ran`._tcp", "_$(touch ran)._tcp", "_x;touch ran;._tcp", "_x*._tcp", "_${PATH}._tcp"):
            publish(f"mdns/service/local/{kind}/x/e", json.dumps({**record, "type": kind}), True)

        def complete(*words):
            script = (f"source {world.PROJECT}/client/tool/mdns-mqtt.bash; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($#-1));"
                      f" _mdns_mqtt {tool.program()} \"${{@: -1}}\" \"${{@: -2:1}}\"; echo \"${{COMPREPLY[*]}}\"")
            return subprocess.run(["bash", "-c", script, "bash", *words], check=True, timeout=30 * slow(), cwd=TMP,
                                  stdout=subprocess.PIPE).stdout.decode().split()
        self.assertEqual(complete("mdns-mqtt", "br"), ["browse"])
        self.assertLessEqual({"browse", "resolve", "watch", "--help"}, set(complete("mdns-mqtt", "")))
        self.assertEqual(complete("mdns-mqtt", "browse", "--js"), ["--json"])
        self.assertEqual(complete("mdns-mqtt", "browse", "_"), ["_x-type._tcp"])
        self.assertEqual(complete("mdns-mqtt", "browse", ""), ["_x-type._tcp"])
        self.assertEqual(complete("mdns-mqtt", "browse", "_y"), [])
        self.assertFalse(ran.exists(), "a service type was run as a command")
        self.assertEqual(complete("mdns-mqtt", "status", "--broker", "mqtts"), ["mqtts://"])

    def test_nothing_acts_on_a_terminal(self):
        """Neither as JSON nor as Avahi's lines, and JSON stays one object a line."""
        self.lab.start_broker()
        publish("mdns/bridge/state", OFFLINE.replace("offline", "online"), True)
        name, record = "a\x7fb\x9b2J", {"v": 1, "state": "up", "type": "_x._tcp", "domain": "local", "port": 1,
                                        "host": "h.local", "protocols": ["IPv4"], "addresses": ["192.0.2.1"]}
        for interface in ("eth0", "e\x1b[2J"):
            publish(f"mdns/service/local/_x._tcp/{quote(name)}/{quote(interface, safe='[')}",
                    json.dumps({**record, "name": name, "interface": interface}, ensure_ascii=False), True)
        status = {"v": 1, "state": "pending", "client": "web", "id": "app", "name": name}
        publish("mdns/advertise/web/app/status", json.dumps(status, ensure_ascii=False, indent=1), True)
        found = tool.run("browse", "-t", "--json").stdout
        self.assertEqual([r["name"] for r in lines(found)], [name, name])
        told = tool.run("status", "--json").stdout
        self.assertEqual(lines(told)[1], {"advertisement": status})
        avahi = tool.run("-arpt", name="avahi-browse").stdout
        self.assertIn("192.0.2.1", avahi)
        for text in (found, told, avahi, tool.run("-art", name="avahi-browse").stdout):
            self.assertFalse([c for c in text if unicodedata.category(c) == "Cc" and c != "\n"], text)

    def test_places(self):
        """--broker wins over MQTT_SOCKET, that over MQTT_URL, and that over the usual socket."""
        config = TMP / "socket.conf"
        config.write_text(f"user root\nlistener 0 {SOCKET}\nallow_anonymous true\n")
        self.a.start("broker", "mosquitto", "-c", config)
        usual = tool.pathlib.Path("/run/mdns-mqtt/mqtt.sock")
        wait_until(SOCKET.exists, "the socket")
        bad, good = "/nowhere.sock", str(SOCKET)
        usual.parent.mkdir()
        for env, args in (({"MQTT_SOCKET": bad, "MQTT_URL": "mqtt://127.0.0.1:9"}, ["--broker", f"unix://{good}"]),
                          ({"MQTT_SOCKET": good, "MQTT_URL": "mqtt://127.0.0.1:9"}, []),
                          ({"MQTT_URL": f"unix://{good}"}, []), ({}, [])):
            usual.unlink(missing_ok=True)
            usual.symlink_to(bad if env else good)
            tool.run("status", *args, env=env, check=75)
        usual.unlink()
        self.assertIn("127.0.0.1:1883", tool.run("status", check=69).stderr)


if __name__ == "__main__":
    world.main()
