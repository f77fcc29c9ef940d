"""The world of these tests is what it says: real users, real daemons, and nothing of it outside."""
import pathlib
import pwd

import machine
from machine import BRIDGE, LABA, LABB
from way_in import WayIn


class World(WayIn):
    def uid_of(self, pid):
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        return int(status.split("Uid:")[1].split()[0])

    def test_users(self):
        """Each daemon has the user that it is meant to have, and people have their ids."""
        self.boot_people()
        broker = pathlib.Path("/run/mdns-mqtt-broker/mosquitto.pid").read_text().strip()
        for pid, user in ((self.a.dbus.pid, "messagebus"), (self.a.avahi.pid, "avahi"), (broker, "mosquitto"),
                          (self.lab.bridge.pid, BRIDGE.name)):
            self.assertEqual(self.uid_of(pid), pwd.getpwnam(user).pw_uid, user)
        for user in (LABA, LABB):
            self.assertEqual(user.run("id", "-u").stdout.strip(), str(user.uid))
            self.assertEqual(user.run("sh", "-c", "cd && pwd && echo $XDG_RUNTIME_DIR").stdout.split(),
                             [str(user.home), str(user.runtime)])
        ids = LABA.run("unshare", "--map-auto", "--map-root-user", "cat", "/proc/self/uid_map").stdout.split()
        self.assertEqual(ids, ["0", "1601", "1", "1", "400000", "65535"])

    def test_private(self):
        """/etc can be changed, and programs that change it work."""
        self.a.run("useradd", "--no-create-home", "somebody")
        self.assertIn("somebody", pathlib.Path("/etc/passwd").read_text())
        self.assertEqual(self.a.run("stat", "-fc", "%T", "/etc", "/home", "/run", "/tmp", "/var/lib").split(),
                         [b"tmpfs"] * 5)


if __name__ == "__main__":
    machine.main()
