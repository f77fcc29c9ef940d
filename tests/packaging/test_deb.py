"""The package under dpkg, where no systemd runs, as in a container's image."""
import os
import re
import unittest

import machine
from machine import IDLE, Machine
from process import wait_until

CONFIG = "/etc/mdns-mqtt-bridge/bridge.conf"
SHARE = "/usr/share/mdns-mqtt-bridge"
SHARED = "/etc/mosquitto/conf.d/00-mdns-mqtt.conf"


class Deb(unittest.TestCase):
    limit = 240 * float(os.environ.get("E2E_SLOW", "1"))

    def setUp(self):
        self.machine = Machine(*IDLE)
        self.addCleanup(self.machine.end)

    def status(self):
        """As dpkg has it: "installed", "config-files", or nothing."""
        return self.machine.run("dpkg-query", "-W", "-f", "${db:Status-Status}", "mdns-mqtt-bridge",
                                check=False) if self.machine.does("dpkg-query", "-W", "mdns-mqtt-bridge") else ""

    def test_from_installation_to_purge(self):
        """Each step leaves what it should, and the last one nothing but the user."""
        m = self.machine
        before = m.written()
        m.run("dpkg", "-i", m.deb)
        self.assertEqual(self.status(), "installed")
        self.assertEqual(m.run("dpkg", "--verify", "mdns-mqtt-bridge"), "")
        self.assertEqual(m.run("dpkg-query", "-W", "-f", "${Conffiles}", "mdns-mqtt-bridge").split()[0], CONFIG)
        self.assertEqual(m.run("mdns-mqtt-bridge", "--version").split()[1], "1.0.0")
        m.run("mdns-mqtt-bridge", "--check-config")
        self.assertIn("nologin", m.run("getent", "passwd", "mdns-mqtt"))
        enabled = "/etc/systemd/system/multi-user.target.wants/mdns-mqtt-bridge.service"
        self.assertTrue(m.does("test", "-L", enabled))
        self.assertEqual({f for f in m.written() - before if f.startswith("/etc/")},
                         {os.path.dirname(CONFIG), CONFIG, enabled})

        m.run("sh", "-c", f"echo '# mine' >>{CONFIG}")
        m.run("dpkg", "-i", m.newer())
        self.assertEqual(self.status(), "installed")
        self.assertIn("+test1", m.run("dpkg-query", "-W", "mdns-mqtt-bridge"))
        self.assertIn("# mine", m.read(CONFIG))

        m.run("dpkg", "-r", "mdns-mqtt-bridge")
        self.assertEqual(self.status(), "config-files")
        self.assertIn("# mine", m.read(CONFIG))
        # Besides its configuration it is remembered that it was enabled, to be so when it comes back.
        left = {f for f in m.written() - before
                if not re.match("/var/lib/systemd/deb-systemd-(user-)?helper-enabled/", f)}
        self.assertEqual(left, {os.path.dirname(CONFIG), CONFIG, enabled})

        m.run("dpkg", "-P", "mdns-mqtt-bridge")
        self.assertEqual(self.status(), "")
        self.assertEqual(m.written(), before)
        # The user stays, as usual in Debian, so that nobody else gets its number.
        m.run("getent", "passwd", "mdns-mqtt")

    def test_purge_keeps_what_is_not_ours(self):
        """A file of the administrator's survives, and so does its folder."""
        m = self.machine
        m.run("dpkg", "-i", m.deb)
        m.write("/etc/mdns-mqtt-bridge/notes", "x")
        m.run("dpkg", "-P", "mdns-mqtt-bridge")
        self.assertEqual(m.run("ls", "/etc/mdns-mqtt-bridge").split(), ["notes"])

    def install_with_users(self):
        """Returns what was written before the installation."""
        for user in ("laba", "labb"):
            self.machine.run("useradd", "-M", user)
        before = self.machine.written()
        self.machine.run("dpkg", "-i", self.machine.deb)
        return before

    def grant_two(self):
        self.machine.run(f"{SHARE}/grant", "laba", "advertise", "--client", "web", "--client", "laba", "--password")
        self.machine.run(f"{SHARE}/grant", "labb", "observe")

    def test_purge_of_roles(self):
        """What grant wrote goes, what the administrator put beside it does not."""
        m = self.machine
        before = self.install_with_users()
        self.grant_two()
        m.run("touch", "/etc/mdns-mqtt-broker/unfinished")
        granted = {f for f in m.written() if f.startswith("/etc/mdns-mqtt-broker/")}
        m.run("dpkg", "-r", "mdns-mqtt-bridge")
        self.assertLessEqual(granted, m.written())
        m.run("dpkg", "-P", "mdns-mqtt-bridge")
        self.assertEqual(m.written(), before)
        self.assertEqual(m.run("ls", "/run").split().count("mdns-mqtt-broker"), 0)

        m.run("dpkg", "-i", m.deb)
        self.grant_two()
        own = ["/etc/mdns-mqtt-broker/users/mine.acl", "/etc/mdns-mqtt-broker/users/mine.conf",
               "/etc/mdns-mqtt-broker/secrets/laba/notes"]
        for path in own:
            m.write(path, "topic read #\n")
        m.run("dpkg", "-P", "mdns-mqtt-bridge")
        self.assertEqual({f for f in m.written() - before if not m.does("test", "-d", f)}, set(own))

    def test_purge_beside_another_broker(self):
        """A Mosquitto that was there before starts after the purge, with what its own file needs."""
        m = self.machine
        self.install_with_users()
        m.run("cp", f"{SHARE}/mosquitto/existing.conf", SHARED)
        self.grant_two()
        self.assertIn(SHARED, m.run("dpkg", "-P", "mdns-mqtt-bridge"))
        left = m.run("sh", "-c", "find /etc/mdns-mqtt-broker /etc/tmpfiles.d /etc/cdi /etc/mosquitto/conf.d "
                     "/etc/systemd/system/mosquitto.service.d -name '*mdns-mqtt*.*' -o -name '*.acl'; true")
        self.assertCountEqual([line for line in left.splitlines() if not line.startswith("find: ")],
                              [SHARED, "/etc/mdns-mqtt-broker/bridge.acl", "/etc/mdns-mqtt-broker/local.acl",
                               "/etc/tmpfiles.d/mdns-mqtt-broker.conf"])
        m.run("sh", "-c", "rm -r /run/mdns-mqtt*; systemd-tmpfiles --create; install -d -o mosquitto /run/mosquitto")
        m.run("mosquitto", "-d", "-c", "/etc/mosquitto/mosquitto.conf")
        wait_until(lambda: m.does("mosquitto_pub", "-t", "home/lamp", "-m", "on"), "Mosquitto")

    def test_the_bridge_as_its_user(self):
        """Where nobody starts it, it can be started by hand; its user may read what it needs."""
        m = self.machine
        m.run("dpkg", "-i", m.deb)
        got = m.run("setpriv", "--reuid=mdns-mqtt", "--regid=mdns-mqtt", "--clear-groups", "--no-new-privs",
                    "timeout", "--preserve-status", "1", "mdns-mqtt-bridge")
        self.assertIn("bridge: ended", got)


if __name__ == "__main__":
    machine.main()
