"""grant and revoke out of the package, under systemd: at the broker's own unit, and at Debian's mosquitto."""
import json
import re

import machine
from process import wait_until
from systemd_case import SystemdCase

SHARE = "/usr/share/mdns-mqtt-bridge"
USERS = {"laba": (1601, 400000), "labb": (1602, 500000)}
OWN, DEBIANS = "mdns-mqtt-broker", "mosquitto"
DROP_IN = "/etc/systemd/system/mosquitto.service.d/mdns-mqtt.conf"


class BrokerCase(SystemdCase):
    def set_up_users(self):
        """Two users with subordinate ids; the bridge comes by its own socket."""
        m = self.machine
        for user, (uid, first) in USERS.items():
            m.run("useradd", "--uid", uid, user)
            m.run("sh", "-c", f"sed -i /^{user}:/d /etc/subuid && echo {user}:{first}:65536 >>/etc/subuid")
        m.write("/etc/mdns-mqtt-bridge/bridge.conf",
                "[broker]\nurl = unix:///run/mdns-mqtt-broker/mqtt.sock\n[advertise]\nport-check = off\n")

    def grant(self, *args, **options):
        return self.machine.run(f"{SHARE}/grant", *args, **options)

    def revoke(self, *args, **options):
        return self.machine.run(f"{SHARE}/revoke", *args, **options)

    def in_container(self, user, uid, *command):
        """As a uid in a container of the user's: by a mount of the inner directory, with a subordinate id.
        Returns (whether it ended well, what it said)."""
        own, first = USERS[user]
        said = self.machine.run("unshare", "--mount", "sh", "-c", 'mount --bind "$1" /mnt && shift && '
                                'setpriv --reuid="$@"; echo "ended $?"', "sh", f"/run/mdns-mqtt/{user}/s",
                                first + uid - 1 if uid else own, "--clear-groups", *command)
        return said.endswith("ended 0\n") and "failed" not in said, said

    def gets_in(self, user, uid=1000, *options):
        done, said = self.in_container(user, uid, "mosquitto_sub", "--unix", "/mnt/mqtt.sock", "-t",
                                       "mdns/bridge/state", "-C", 1, "-W", 10, *options)
        return done and '"state"' in said

    def publishes(self, user, topic, payload):
        return self.in_container(user, 1000, "mosquitto_pub", "-V", "5", "-q", 1, "-r", "--unix", "/mnt/mqtt.sock",
                                 "-t", topic, "-m", payload)[0]

    def mode(self, user):
        return self.machine.run("stat", "-c", "%a", f"/run/mdns-mqtt/{user}/s/mqtt.sock").strip()

    def status_of(self, ident):
        """The status at laba's branch, or nothing, as the bridge's own socket has it."""
        said = self.machine.run("mosquitto_sub", "--unix", "/run/mdns-mqtt-broker/mqtt.sock", "-t",
                                f"mdns/advertise/laba/{ident}/status", "-C", 1, "-W", 1, "-F", "%p", check=False)
        found = re.search(r"\{.*\}", said)
        return json.loads(found[0])["state"] if found else None

    def pid(self, unit):
        return self.machine.unit("MainPID", unit)

    def all_ways(self, unit):
        """laba has been granted `advertise`, and the broker runs: what is a reload and what a restart, and who
        gets in behind each."""
        m = self.machine
        wait_until(lambda: self.gets_in("laba"), "laba's container gets in")
        self.assertEqual(self.mode("laba"), "666")
        self.assertTrue(self.publishes("laba", "mdns/advertise/laba/app",
                                       '{"name":"Web","type":"_http._tcp","port":8080}'))
        wait_until(lambda: self.status_of("app") == "established", "it is established", 30)

        pid = self.pid(unit)
        self.assertIn(f"run: systemctl reload {unit}.service\n", self.grant("laba", "observe", "--dry-run"))
        self.assertIn(f"systemctl reload {unit}.service\n", self.grant("laba", "observe"))
        wait_until(lambda: self.status_of("app") is None, "the end of what was advertised", 30)
        self.assertFalse(self.publishes("laba", "mdns/advertise/laba/app", "x"))
        self.grant("laba", "advertise")
        wait_until(lambda: self.publishes("laba", "mdns/advertise/laba/app", "x"), "the right to publish")
        self.assertEqual(self.pid(unit), pid)

        self.assertIn(f"systemctl restart {unit}.service (and start)\n", self.grant("labb", "observe"))
        self.assertNotEqual(self.pid(unit), pid)
        self.open_to_all()
        for restart in (("systemctl", "restart", unit), ("systemctl", "kill", "-s", "KILL", unit)):
            pid = self.pid(unit)
            m.run(*restart)
            wait_until(lambda: self.pid(unit) not in (pid, "0") and m.unit("ActiveState", unit) == "active",
                       "another broker", 30)
            self.open_to_all()

        self.assertIn(f"systemctl restart {unit}.service (and start)\n", self.revoke("laba"))
        self.assertFalse(m.does("test", "-e", "/run/mdns-mqtt/laba"))
        wait_until(lambda: self.gets_in("labb"), "labb's container gets in")
        self.assertEqual(m.unit("ActiveState", unit), "active")

    def open_to_all(self):
        for user in USERS:
            self.assertEqual(self.mode(user), "666", user)
            for uid in (0, 1, 1000):
                wait_until(lambda: self.gets_in(user, uid), f"{uid} in {user}'s container gets in")


class Own(BrokerCase):
    def setUp(self):
        super().setUp()
        self.machine.run("systemctl", "stop", "mosquitto")
        self.machine.run("dpkg", "-i", self.machine.deb)
        self.set_up_users()

    def start(self):
        self.machine.run("systemctl", "enable", "--now", OWN)
        self.machine.run("systemctl", "restart", "mdns-mqtt-bridge")

    def test_ways(self):
        self.assertIn("does not run", self.grant("laba", "advertise"))
        self.start()
        self.all_ways(OWN)
        self.assertFalse(self.machine.does("test", "-e", DROP_IN))
        self.cut_short()

    def cut_short(self):
        """Where a grant is killed when its last file is in place, the next one gives the broker all that it takes to
        start."""
        m = self.machine
        m.write("/usr/local/bin/mv", '#!/bin/sh\n/bin/mv "$@"\n'
                'case "$*" in */users/laba.conf) kill -KILL $PPID ;; esac\n')
        m.run("chmod", "755", "/usr/local/bin/mv")
        self.grant("laba", "advertise", check=False)
        m.run("rm", "/usr/local/bin/mv")
        self.assertFalse(m.does("test", "-e", "/run/mdns-mqtt/laba"))
        self.assertIn("systemctl restart", self.grant("labb", "observe"))
        self.assertEqual(m.unit("ActiveState", OWN), "active")
        for user in USERS:
            wait_until(lambda: self.gets_in(user), f"{user}'s container gets in")

    def test_does_not_come_up(self):
        """A revoke that the broker does not survive is gone back on, in every file, and the broker is there."""
        m = self.machine
        self.grant("laba", "advertise", "--password")
        self.start()
        login = ("-u", "laba", "-P", m.read("/etc/mdns-mqtt-broker/secrets/laba/laba").strip())
        wait_until(lambda: self.gets_in("laba", 1000, *login), "laba's container gets in")
        m.write(f"/run/systemd/system/{OWN}.service.d/test.conf",
                "[Service]\nExecStartPre=/usr/bin/test -e /etc/mdns-mqtt-broker/users/laba.conf\n")
        m.run("systemctl", "daemon-reload")
        before = self.files()
        self.assertIn("-r-------- laba ", before)
        self.assertIn("did not come up", self.revoke("laba", check=False))
        self.assertEqual(self.files(), before)
        wait_until(lambda: self.gets_in("laba", 1000, *login), "laba's container gets in again")

    def files(self):
        """What there is, with owners, modes and contents."""
        return self.machine.run("sh", "-c", "find /etc/mdns-mqtt-broker /etc/tmpfiles.d /etc/cdi "
                                "-printf '%p %M %u %g\\n' -type f -exec sha256sum {} \\; | sort")

    def test_life_of_the_package(self):
        """An upgrade lets the broker run, a removal ends it."""
        m = self.machine
        self.grant("laba", "advertise")
        self.assertEqual(m.unit("ActiveState", OWN), "inactive")
        m.run("dpkg", "-i", m.newer())
        self.assertEqual((m.unit("ActiveState", OWN), m.unit("UnitFileState", OWN)), ("inactive", "disabled"))
        self.start()
        pid = self.pid(OWN)
        m.run("dpkg", "-i", "--force-downgrade", m.deb)
        self.assertEqual(self.pid(OWN), pid)
        m.run("dpkg", "-r", "mdns-mqtt-bridge")
        self.assertFalse(m.does("test", "-e", f"/proc/{pid}"))
        self.assertTrue(m.does("test", "-e", "/etc/mdns-mqtt-broker/users/laba.acl"))


class Existing(BrokerCase):
    def setUp(self):
        super().setUp()
        self.machine.run("dpkg", "-i", self.machine.deb)
        self.set_up_users()
        self.machine.run("cp", f"{SHARE}/mosquitto/existing.conf", "/etc/mosquitto/conf.d/00-mdns-mqtt.conf")
        self.machine.run("systemctl", "stop", "mosquitto")

    def test_ways(self):
        """Debian's unit knows nothing of the users' sockets; grant adds what it takes."""
        self.grant("laba", "advertise")
        self.machine.run("systemctl", "start", "mosquitto")
        self.machine.run("systemctl", "restart", "mdns-mqtt-bridge")
        self.all_ways(DEBIANS)
        self.machine.run("rm", DROP_IN)  # as where an older version was
        self.machine.run("sh", "-c", f"systemctl reset-failed {DEBIANS} && for i in 1 2 3 4 5; do "
                         f"systemctl restart {DEBIANS}; done")  # one more is too much for systemd by itself
        pid = self.pid(DEBIANS)
        self.assertIn("restart", self.grant("labb", "observe"))
        self.assertNotEqual(self.pid(DEBIANS), pid)
        self.assertEqual((self.mode("labb"), self.grant("labb", "observe")), ("666", "grant: labb: unchanged\n"))

        self.purge()

    def purge(self):
        """Ends what users had at the other broker, which starts with what is left."""
        m = self.machine
        self.revoke("labb")
        m.run("rm", "-r", "/run/mdns-mqtt")
        m.run("systemctl", "restart", DEBIANS)
        self.grant("labb", "observe")
        self.assertTrue(self.gets_in("labb"))
        pid = self.pid(DEBIANS)
        m.run("dpkg", "-P", "mdns-mqtt-bridge")
        self.assertNotEqual(self.pid(DEBIANS), pid)
        self.assertFalse(m.does("test", "-e", "/run/mdns-mqtt/labb"))
        self.assertEqual(m.unit("ActiveState", DEBIANS), "active")
        m.run("mosquitto_pub", "-t", "home/lamp", "-m", "on")
        m.run("systemd-tmpfiles", "--remove", "--create")
        m.run("systemctl", "restart", DEBIANS)


if __name__ == "__main__":
    machine.main()
