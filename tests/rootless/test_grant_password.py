"""Containers of one user that do not trust each other: a password each, on the same socket."""
import pathlib

import machine
from granted import (LABA, LABB, SECRETS, USERS, GrantedCase, broker_pid, client, files_of, grant, publish,
                     put_in_front, request)
from rootless import socket_of


class Password(GrantedCase):
    def boot_two(self):
        self.boot_granted(("laba", "advertise", "--client", "web", "--client", "db", "--password"),
                          ("labb", "advertise"))

    def login(self, name, password=None):
        return ("-u", name, "-P", password or LABA.run("cat", SECRETS / "laba" / name).stdout.strip())

    def test_passwords(self):
        self.boot_two()
        self.files()
        self.each_its_own()
        self.two_connections()

    def test_changes(self):
        self.boot_two()
        self.more_and_less()
        self.lost_password()
        self.no_more_passwords()

    def files(self):
        """The user reads the passwords, the broker their hashes, nobody else either."""
        secrets = {n: LABA.run("cat", SECRETS / "laba" / n).stdout.strip() for n in ("web", "db")}
        self.assertEqual(len(set(secrets.values())), 2)
        for secret in secrets.values():
            self.assertGreaterEqual(len(secret), 24)
        hashed = (USERS / "laba.passwd").read_text()
        self.assertEqual([l.split(":")[0] for l in hashed.splitlines()], ["web", "db"])
        for secret in secrets.values():
            self.assertNotIn(secret, hashed + self.lab.broker.text())
        for path in (SECRETS / "laba/web", USERS / "laba.passwd"):
            self.assertNotEqual(LABB.run("cat", path, check=False).returncode, 0, path)
        self.assertNotEqual(LABA.run("cat", USERS / "laba.passwd", check=False).returncode, 0)
        env = put_in_front("cmp", 'case $2 in */passwd) stat -c "%a %G" "$2" >/tmp/staged ;; esac; exec "$real" "$@"')
        said = grant("laba", "advertise", "--client", "new", "--password", "--dry-run", env=env)
        self.assertEqual(pathlib.Path("/tmp/staged").read_text(), "640 root\n")
        self.assertIn(f"write {SECRETS}/laba/new (laba, 400; not shown)", said)
        self.assertIn(f"remove {SECRETS}/laba/web", said)
        self.assertNotIn("$7$", said)

    def each_its_own(self):
        """Each has its branch, and no other one; who has no password gets nowhere."""
        for name, other in (("web", "db"), ("db", "web")):
            self.assertTrue(publish(LABA, f"mdns/advertise/{name}/app", request(f"Of {name}"), "-r", *self.login(name)))
            self.watch.established(f"{name}/app")
            for topic in (f"mdns/advertise/{other}/app", f"mdns/client/{other}", f"mdns/advertise/{name}/app/status",
                          "mdns/advertise/laba/app", "mdns/bridge/state"):
                self.assertFalse(publish(LABA, topic, "x", "-r", *self.login(name)), topic)
            self.assertFalse(publish(LABA, f"mdns/advertise/{other}/app", "x", *self.login(
                other, self.login(name)[-1])), "with the other's name and its own password")
            own = client(LABA, "mosquitto_sub", "-t", "mdns/advertise/#", "-F", "%t", "-W", "1", *self.login(name))
            self.assertEqual({t.split("/")[2] for t in own.stdout.split()}, {name})
        for options in ((), ("-u", "web"), ("-u", "web", "-P", "guess"), ("-u", "labb", "-P", "x"),
                        ("-i", "web"), ("-u", "", "-P", self.login("web")[-1])):
            done = client(LABA, "mosquitto_pub", "-t", "mdns/advertise/web/app", "-m", "x", *options)
            self.assertNotEqual(done.returncode, 0, options)
        self.assertEqual(self.watch.settled_statuses(), {"web/app": "established", "db/app": "established"})

    def two_connections(self):
        """One container may have several, as a shell script with mosquitto_sub and mosquitto_pub has."""
        mark = self.watch.mark()
        options = [*self.login("web"), "--will-topic", "mdns/client/web", "--will-payload", "offline"]
        listener = LABA.start("listener", "mosquitto_sub", "-V", "5", "-v", "--unix", socket_of(LABA), "-t",
                              "mdns/advertise/web/+/status", *options)
        for ident in ("a", "b"):
            self.assertTrue(publish(LABA, f"mdns/advertise/web/{ident}", request(f"Of web {ident}"), *self.login("web")))
            listener.wait_log(f'"id":"{ident}"')
        self.assertEqual(self.heard("mdns/client/web", mark), [])
        self.assertTrue(listener.alive())

    def more_and_less(self):
        """A client more or less is no restart; who has none any more is disconnected, the others are not."""
        pid, web = broker_pid(), self.login("web")
        listeners = {name: LABA.start(name, "mosquitto_sub", "-V", "5", "-d", "--unix", socket_of(LABA), "-t", "mdns/#",
                                      *self.login(name)) for name in ("web", "db")}
        for listener in listeners.values():
            listener.wait_log("SUBACK")
        db = self.login("db")
        grant("laba", "advertise", "--client", "web", "--client", "more", "--password")
        self.assertEqual((broker_pid(), self.login("web")), (pid, web))
        self.assertTrue(publish(LABA, "mdns/advertise/more/app", request("Of more"), *self.login("more")))
        self.watch.established("more/app")
        self.assertNotEqual(listeners["db"].wait_end(), 0)
        self.assertFalse(publish(LABA, "mdns/advertise/db/app", request("Of db"), *db))
        self.assertTrue(listeners["web"].alive())
        self.assertFalse((SECRETS / "laba/db").exists())

    def lost_password(self):
        """A password that is deleted is made anew; the others stay, whatever they are called."""
        clients = ("web", "web.new", "web.old", "db")
        grants = ("laba", "advertise", *(w for c in clients for w in ("--client", c)), "--password")
        grant(*grants)
        old = {n: self.login(n) for n in clients}
        (SECRETS / "laba/web").unlink()
        grant(*grants)
        self.assertEqual({n: self.login(n) for n in clients[1:]}, {n: old[n] for n in clients[1:]})
        self.assertNotEqual(self.login("web"), old["web"])
        self.assertFalse(publish(LABA, "mdns/advertise/web/app", request("Of web"), *old["web"]))
        self.assertTrue(publish(LABA, "mdns/advertise/web/app", request("Of web"), *self.login("web")))

    def no_more_passwords(self):
        """Without --password they go, and the socket is open to all of the user's containers again."""
        grant("laba", "advertise", "--client", "web", "--client", "db")
        self.assertEqual([p for p in files_of("/etc/mdns-mqtt-broker") if "passwd" in p or "secrets/laba/" in p], [])
        self.assertTrue(publish(LABA, "mdns/advertise/web/app", request("Of web")))


if __name__ == "__main__":
    machine.main()
