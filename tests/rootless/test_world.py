"""The world of these tests is what it says: real users, real daemons, and nothing of it outside."""
import os
import pathlib
import pwd

import machine
from machine import BRIDGE, LABA, LABB
from rootless import RootlessCase, socket_of
from lan import resolves


class World(RootlessCase):
    def uid_of(self, process):
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        return int(status.split("Uid:")[1].split()[0])

    def test_users(self):
        """Each daemon has the user that it is meant to have, and people have their ids."""
        self.boot_people()
        for process, user in ((self.a.dbus, "messagebus"), (self.a.avahi, "avahi"),
                              (self.lab.broker, "mosquitto"), (self.lab.bridge, BRIDGE.name)):
            self.assertEqual(self.uid_of(process), pwd.getpwnam(user).pw_uid, user)
        for user in (LABA, LABB):
            self.assertEqual(user.run("id", "-u").stdout.strip(), str(user.uid))
            self.assertEqual(user.run("sh", "-c", "cd && pwd && echo $XDG_RUNTIME_DIR").stdout.split(),
                             [str(user.home), str(user.runtime)])
        ids = LABA.run("unshare", "--map-auto", "--map-root-user", "cat", "/proc/self/uid_map").stdout.split()
        self.assertEqual(ids, ["0", "1601", "1", "1", "400000", "65535"])

    def test_sockets(self):
        """Each person's socket is open to this person alone, and shows what is there."""
        self.boot_people()
        for user, other in ((LABA, LABB), (LABB, LABA)):
            subscribe = ["mosquitto_sub", "-V", "5", "-W", "10", "-C", "1", "-t", "mdns/service/+/_ipp._tcp/#"]
            self.assertIn("Printer on B", user.run(*subscribe, "--unix", socket_of(user)).stdout)
            refused = user.run(*subscribe, "--unix", socket_of(other), check=False)
            self.assertIn("Permission denied", refused.stderr)

    def test_advertise(self):
        """A request through the socket reaches B; with nobody at the port, its status says so."""
        self.boot_people()
        LABA.run("mosquitto_pub", "-V", "5", "-q", "1", "-r", "--unix", socket_of(LABA), "-t",
                 "mdns/advertise/laba/app", "-m", '{"name":"Web of laba","type":"_http._tcp","port":8080}')
        self.watch.warned("laba/app", "port-unpublished", state="established")
        self.view.sees("Web of laba")
        resolves(self.b, "Web of laba", port=8080)

    def test_private(self):
        """/etc can be changed, and programs that change it work."""
        before = os.stat("/proc/1/root/etc/passwd").st_ino
        self.a.run("useradd", "--no-create-home", "somebody")
        self.assertIn("somebody", pathlib.Path("/etc/passwd").read_text())
        self.assertEqual(self.a.run("stat", "-fc", "%T", "/etc", "/home", "/run", "/tmp").split(),
                         [b"tmpfs"] * 4)
        self.assertNotEqual(os.stat("/etc/passwd").st_ino, before)


if __name__ == "__main__":
    machine.main()
