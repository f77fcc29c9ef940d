"""The units of the broker, and the user's own socket as systemd would run it."""
import os
import pathlib
import re
import shutil
import subprocess

import machine
from granted import DEPLOY, GrantedCase
from machine import LABA, LABB
from process import wait_until

UNITS = DEPLOY / "systemd"
PROXY = "/lib/systemd/systemd-socket-proxyd"


class Units(GrantedCase):
    def setUp(self):
        super().setUp()
        missing = [p for p in ("systemd-analyze", "systemd-socket-activate", PROXY) if not shutil.which(p)]
        if missing:
            self.skipTest("not installed: " + ", ".join(missing))

    def setting(self, unit, key):
        return re.search(rf"(?m)^{key}=(.*)$", (UNITS / unit).read_text())[1]

    def test_verify(self):
        """systemd has nothing to say about them, and little about the broker's exposure."""
        for arguments in ([UNITS / "mdns-mqtt-broker.service"],
                          ["--user", *sorted((UNITS / "user").iterdir())]):
            done = subprocess.run(["systemd-analyze", "verify", *arguments], stdout=subprocess.PIPE, text=True,
                                  stderr=subprocess.STDOUT, env={**os.environ, "XDG_RUNTIME_DIR": "/tmp"})
            self.assertEqual((done.returncode, done.stdout), (0, ""))
        said = self.a.run("systemd-analyze", "security", "--offline=yes", UNITS / "mdns-mqtt-broker.service").decode()
        self.assertLessEqual(float(re.search(r"exposure level.*: ([0-9.]+)", said)[1]), 0.5)

    def test_after_start(self):
        """What the unit runs after the start opens the users' sockets, as the broker's user."""
        self.boot_granted()
        socket = pathlib.Path("/run/mdns-mqtt/laba/s/mqtt.sock")
        for unit in ("mdns-mqtt-broker.service", "mosquitto.service.d/mdns-mqtt.conf"):
            socket.chmod(0o660)
            command = self.setting(unit, "ExecStartPost").removeprefix("-").split()
            if unit.startswith("mdns"):
                command = ["setpriv", "--reuid=mosquitto", "--regid=mosquitto", "--clear-groups", *command]
            subprocess.run(command, check=True)
            self.assertEqual(socket.stat().st_mode & 0o777, 0o666)

    def test_users_socket(self):
        """A user without root: a socket of the user's own, forwarded to a broker's TCP port."""
        self.boot_granted()
        unit = "user/mdns-mqtt.socket"
        socket = pathlib.Path(self.setting(unit, "ListenStream").replace("%t", str(LABA.runtime)))
        broker = self.setting("user/mdns-mqtt.service", "Environment").partition("=")[2]
        command = self.setting("user/mdns-mqtt.service", "ExecStart").replace("${MQTT_BROKER}", broker).split()
        LABA.run("mkdir", "-m", self.setting(unit, "DirectoryMode"), socket.parent)
        LABA.start("proxy", "systemd-socket-activate", "-l", socket, *command)
        wait_until(socket.exists, "the user's socket")
        socket.chmod(int(self.setting(unit, "SocketMode"), 8))
        self.assertTrue(self.can_open(LABA, socket))
        self.assertFalse(self.can_open(LABB, socket))
        done = LABA.run("unshare", "--map-auto", "--map-root-user", "--mount", "sh", "-c",
                        f"mount --rbind {socket.parent} /mnt && exec setpriv --reuid=1000 --clear-groups "
                        "mosquitto_sub --unix /mnt/mqtt.sock -t mdns/bridge/state -C 1 -W 10")
        self.assertIn('"state"', done.stdout)


if __name__ == "__main__":
    machine.main()
