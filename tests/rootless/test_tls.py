"""TLS with client certificates, as deploy/examples/tls has it: the bridge, a program on the host, and a
container that has no way to the broker but TCP. Who has no certificate, or that of somebody else, gets
nothing."""
import json
import pathlib
import pwd
import shutil

import image
import machine
from lan import resolves
from machine import BRIDGE, EXAMPLES, LABA
from process import Process
from rootless import RootlessCase
from runtimes import Podman, why_not

TLS = EXAMPLES / "tls"
FOLDER = pathlib.Path("/etc/mosquitto/tls")
HOST = "10.77.0.1"  # of A, on the LAN
PORT = "8883"
CONNECT = ["-V", "5", "-q", "1", "-h", HOST, "-p", PORT]
IN_CONTAINER = ["--cafile", "/run/secrets/ca.crt", "--cert", "/run/secrets/client.crt",
                "--key", "/run/secrets/client.key"]
OF_BRIDGE = pathlib.Path("/etc/mdns-mqtt-bridge/tls")
# The test itself comes in by the loopback.
BROKER = """per_listener_settings true
listener 1883 127.0.0.1
allow_anonymous true
"""
ANOTHER_AUTHORITY = pathlib.Path("/tmp/another")


def give(user, folder, client, source=FOLDER):
    """Copies what a client needs to where the client is; returns the options for Mosquitto's tools."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("ca.crt", f"{client}.crt", f"{client}.key"):
        shutil.copy(source / file, folder)
        shutil.chown(folder / file, user.name, user.name)
    return ["--cafile", folder / "ca.crt", "--cert", folder / f"{client}.crt", "--key", folder / f"{client}.key"]


class Tls(RootlessCase):
    def boot_tls(self):
        """The bridge comes in by TLS."""
        self.a.run(TLS / "certificates", FOLDER, HOST, BRIDGE.name, "web", "sensor")
        shutil.copy(TLS / "acl", FOLDER / "acl")
        give(BRIDGE, OF_BRIDGE, BRIDGE.name)
        config = (TLS / "bridge.conf").read_text().replace("192.168.1.5", HOST)
        self.web = give(LABA, LABA.home / "web", "web")
        self.watch, _ = self.boot_lan(broker=BROKER + (TLS / "listener.conf").read_text(), config=config)
        self.add_printer()

    def test_bridge_and_container(self):
        """The bridge comes in as mdns-mqtt; a container browses and advertises with its secrets."""
        podman = Podman()
        reason = why_not(podman)
        if reason:
            self.skipTest(reason)
        self.boot_tls()
        self.assertIn("u'mdns-mqtt'", self.lab.broker.text())
        podman.get_ready()
        container = [TLS / "podman", LABA.home / "web", "web", "--user", "1000", "--rootfs", image.ROOT]
        said = LABA.run(*container, "mosquitto_sub", *CONNECT, *IN_CONTAINER, "-C", "1", "-W", "15",
                        "-t", "mdns/service/+/_ipp._tcp/#").stdout
        self.assertIn("Printer on B", said)
        wish = {"name": "By TLS", "type": "_http._tcp", "port": 8080}
        LABA.run(*container, "mosquitto_pub", *CONNECT, *IN_CONTAINER, "-r", "-t", "mdns/advertise/web/app",
                 "-m", json.dumps(wish))
        self.watch.established("web/app", name="By TLS")
        resolves(self.b, "By TLS", port=8080)

    def test_who_is_who(self):
        """What counts is the certificate: not a user name, not the topic, and not another authority's."""
        self.boot_tls()
        wish = json.dumps({"name": "Forged", "type": "_http._tcp", "port": 8080})

        def publish(topic, *options):
            return LABA.run("mosquitto_pub", *CONNECT, *options, "-r", "-t", topic, "-m", wish, check=False)
        own = "mdns/advertise/web/app"
        others = "mdns/advertise/sensor/app"
        self.assertIn("ot authori", publish(others, *self.web).stderr)
        self.assertIn("ot authori", publish(others, *self.web, "-u", "sensor").stderr)
        self.assertIn("ot authori", publish("mdns/service/local/_http._tcp/Forged/lan0", *self.web).stderr)
        self.assertNotEqual(publish(own, "--cafile", FOLDER / "ca.crt").returncode, 0)
        self.a.run(TLS / "certificates", ANOTHER_AUTHORITY, HOST, "web")
        forged = give(LABA, LABA.home / "forged", "web", ANOTHER_AUTHORITY)
        forged[1] = self.web[1]  # trusts the broker, but is not trusted
        self.assertNotEqual(publish(own, *forged).returncode, 0)
        done = publish(own, *self.web)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.watch.established("web/app")
        self.watch.owned("web/app", "Forged")
        self.assertEqual({m.topic for m in self.watch.messages if b'"Forged"' in m.payload},
                         {own, own + "/status", "mdns/service/local/_http._tcp/Forged/lan0"})

    def test_certificates(self):
        """Called again, the script adds what is new and leaves the rest; keys are for their owners."""
        self.a.run(TLS / "certificates", FOLDER, HOST, "web")
        before = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
        self.a.run(TLS / "certificates", FOLDER, HOST, "web", "sensor")
        after = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
        self.assertEqual({**after, **before}, after)
        self.assertEqual(set(after) - set(before), {"sensor.crt", "sensor.key"})
        self.a.run("openssl", "verify", "-CAfile", FOLDER / "ca.crt", *[FOLDER / f"{name}.crt" for name in
                                                                     ("broker", "web", "sensor")])
        modes = {path.name: path.stat().st_mode & 0o777 for path in FOLDER.glob("*.key")}
        self.assertEqual(modes, {"ca.key": 0o600, "broker.key": 0o640, "web.key": 0o600, "sensor.key": 0o600})
        self.assertEqual((FOLDER / "broker.key").stat().st_gid, pwd.getpwnam("mosquitto").pw_gid)
        for name in ("ca", "broker", "..", "a/b", "a+"):
            refused = Process("refused", [TLS / "certificates", FOLDER, HOST, name])
            self.assertEqual(refused.wait_end(), 64)
            self.assertIn("cannot be called", refused.text())


if __name__ == "__main__":
    machine.main()
