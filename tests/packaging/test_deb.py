"""The package under dpkg, where no systemd runs, as in a container's image."""
import os
import re
import unittest

import machine
from machine import IDLE, Machine

CONFIG = "/etc/mdns-mqtt-bridge/bridge.conf"


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

    def test_the_bridge_as_its_user(self):
        """Where nobody starts it, it can be started by hand; its user may read what it needs."""
        m = self.machine
        m.run("dpkg", "-i", m.deb)
        got = m.run("setpriv", "--reuid=mdns-mqtt", "--regid=mdns-mqtt", "--clear-groups", "--no-new-privs",
                    "timeout", "--preserve-status", "1", "mdns-mqtt-bridge")
        self.assertIn("bridge: ended", got)


if __name__ == "__main__":
    machine.main()
