"""deploy/grant at a Mosquitto that the machine has already, as Debian installs it."""
import pathlib
import shutil
import subprocess

import machine
from granted import (BRIDGE_SOCKET, BROKER_ETC, DEPLOY, USERS, GrantedCase, changed, client, files_of, grant, publish,
                     request, revoke, tool)
from machine import BRIDGE, LABA, LABB
from process import Process, slow, wait_until
from rootless import socket_of

CONF_D = pathlib.Path("/etc/mosquitto/conf.d")
SHARED = CONF_D / "00-mdns-mqtt.conf"
# Listeners of somebody else, as existing.conf says of them.
OTHERS = """listener 1884 127.0.0.1
allow_anonymous true
listener 1885 127.0.0.1
password_file /etc/mosquitto/others.passwords
acl_file /etc/mosquitto/others.acl
"""
OTHERS_ACL = """topic readwrite #
topic deny mdns/#
user joe
topic readwrite #
topic deny mdns/#
user ann
pattern readwrite #
pattern deny mdns/#
"""
PID = pathlib.Path("/run/mosquitto/mosquitto.pid")
# What its unit does; `restart` is done by whoever starts it again.
BROKER = """for d in /run/mosquitto /var/log/mosquitto; do mkdir -p $d && chown mosquitto $d; done
trap 'over=yes; kill $pid' TERM
while [ -z "$over" ]; do
    mosquitto -c /etc/mosquitto/mosquitto.conf & pid=$!
    while kill -0 $pid 2>/dev/null; do wait $pid; done
done"""


def local(*args):
    """A program on this host, at 127.0.0.1:1883: (whether it was taken, what it printed)."""
    done = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=20 * slow())
    return done.returncode == 0 and "failed" not in done.stderr, done.stdout


def local_publish(topic, payload="x", *options):
    return local("mosquitto_pub", "-V", "5", "-q", "1", "-r", "-t", topic, "-m", payload, *options)[0]


class Existing(GrantedCase):
    def setUp(self):
        super().setUp()
        if not pathlib.Path("/etc/mosquitto/mosquitto.conf").exists():
            self.skipTest("/etc/mosquitto/mosquitto.conf: not there")
        for file in CONF_D.iterdir():
            file.unlink()
        self.share()

    def share(self):
        shutil.copy(DEPLOY / "mosquitto/existing.conf", SHARED)

    def boot_existing(self, *grants):
        for arguments in grants:
            grant(*arguments)
        self.lab.broker = Process("broker", ["sh", "-c", BROKER])
        wait_until(lambda: PID.exists() and BRIDGE_SOCKET.exists() and local_publish("ready"), "the broker")

    def test_roles(self):
        """The roles are the same, by the same sockets; no file of a broker of our own is made."""
        self.boot_existing(("laba", "advertise"))
        self.assertTrue(publish(LABA, "mdns/advertise/laba/app", request("Web of laba"), "-r"))
        self.assertFalse(publish(LABA, "mdns/bridge/state", "x"))
        before = PID.read_text()
        grant("labb", "observe")
        self.assertNotEqual(PID.read_text(), before)
        self.assertEqual(socket_of(LABA).stat().st_mode & 0o777, 0o666)
        self.assertFalse(publish(LABB, "mdns/advertise/labb/app", "x"))
        self.assertIn("Permission denied", client(LABB, "mosquitto_pub", "-t", "x", "-n", socket=socket_of(LABA)).stderr)
        self.assertEqual(grant("labb", "observe"), "grant: labb: unchanged\n")
        self.assertFalse(pathlib.Path("/etc/mdns-mqtt-broker/mosquitto.conf").exists())
        self.assertEqual(sorted(f.name for f in CONF_D.iterdir()),
                         ["00-mdns-mqtt.conf", "mdns-mqtt-laba.conf", "mdns-mqtt-labb.conf"])
        bridge = BRIDGE.run("mosquitto_sub", "-q", "1", "--unix", BRIDGE_SOCKET, "-t", "mdns/#", "-C", "1", "-W", "10")
        self.assertIn("Web of laba", bridge.stdout)
        revoke("laba")
        self.assertNotEqual(client(LABA, "mosquitto_pub", "-t", "x", "-n").returncode, 0)

    def test_others(self):
        """Other programs at 127.0.0.1 go on as before, also with a user name, but keep away from the bridge's
        topics. At other listeners it takes what existing.conf says."""
        (CONF_D / "others.conf").write_text(OTHERS)
        pathlib.Path("/etc/mosquitto/others.acl").write_text(OTHERS_ACL)
        for user in ("joe", "ann"):
            subprocess.run(["mosquitto_passwd", *(["-c"] if user == "joe" else []), "-b",
                            "/etc/mosquitto/others.passwords", user, "x"], check=True)
        self.boot_existing(("laba", "advertise"))
        logins = [(), ("-u", "somebody"), *(("-p", "1885", "-u", user, "-P", "x") for user in ("joe", "ann"))]
        for login in logins:
            self.assertTrue(local_publish("home/lamp", "on", *login), login)
            self.assertEqual(local("mosquitto_sub", "-t", "home/#", "-C", "1", "-W", "10", *login)[1], "on\n")
            for topic in ("mdns/advertise/laba/app", "mdns/service/x", "mdns/bridge/state", "mdns"):
                self.assertFalse(local_publish(topic, "x", *login), (topic, login))
        self.assertTrue(local_publish("mdns/service/x", "", "-p", "1884"), "a listener without an ACL is open")
        self.assertTrue(publish(LABA, "mdns/advertise/laba/app", request("Web of laba"), "-r"))
        self.assertNotIn("mdns/", local("mosquitto_sub", "-t", "#", "-F", "%t", "-W", "1")[1])

    def test_bad_configuration(self):
        self.boot_existing(("laba", "advertise"))
        (CONF_D / "mdns-mqtt-mistake.conf").write_text("listner 1885\n")
        files, pid = files_of("/etc/mosquitto", "/etc/mdns-mqtt-broker"), PID.read_text()
        self.assertIn("nothing was changed", tool("grant", "labb", "observe", check=False).stdout)
        self.assertEqual((changed(files, files_of("/etc/mosquitto", "/etc/mdns-mqtt-broker")), PID.read_text()), ([], pid))

    def test_prefix(self):
        """What keeps others out has to be about the bridge's prefix."""
        grant("laba", "advertise")
        done = tool("grant", "laba", "advertise", "--prefix", "x", check=False)
        self.assertIn("does not let the bridge", done.stdout)
        acl = BROKER_ETC / "local.acl"
        acl.write_text(acl.read_text().replace("mdns/#", "other/#"))
        done = tool("grant", "laba", "observe", check=False)
        self.assertIn("'pattern deny mdns/#'", done.stdout)
        self.assertNotEqual(done.returncode, 0)

    def confs(self):
        return sorted(f.name for folder in (CONF_D, USERS) for f in folder.iterdir() if f.suffix == ".conf")

    def test_other_kind(self):
        """Where the administrator changes over from one kind of broker to the other, all listeners go along, and
        none is left to be in the way of a start."""
        SHARED.unlink()
        grant("laba", "advertise")
        grant("labb", "observe")
        self.assertEqual(self.confs(), ["laba.conf", "labb.conf"])
        self.share()
        said = grant("laba", "observe")
        self.assertIn("systemctl disable --now mdns-mqtt-broker", said)
        self.assertEqual(self.confs(), ["00-mdns-mqtt.conf", "mdns-mqtt-laba.conf", "mdns-mqtt-labb.conf"])
        self.boot_existing()
        for user in (LABA, LABB):
            self.assertTrue(socket_of(user).is_socket())
        self.lab.broker.kill()
        SHARED.unlink()
        done = tool("revoke", "laba", check=False)  # the Mosquitto that was shared runs yet
        self.assertIn("until it is restarted", done.stdout)
        self.assertNotEqual(done.returncode, 0, "laba's rights are what they were")
        self.assertEqual(self.confs(), ["labb.conf"])
        self.lab.broker = Process("broker", ["sh", "-c", BROKER])
        wait_until(lambda: local_publish("ready"), "the broker, without the bridge and its users")

    def tearDown(self):
        if self.lab.broker:
            self.lab.broker.kill()
        super().tearDown()


if __name__ == "__main__":
    machine.main()
