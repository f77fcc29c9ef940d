"""deploy/grant and deploy/revoke: exactly the pieces of a role, with no more disturbance than needed, and
back again."""
import contextlib
import json
import pathlib
import subprocess

import machine
import observer
from granted import (BRIDGE_SOCKET, BROKER_ETC, LABA, LABB, PLACES, USERS, GrantedCase, broker_pid, changed, client, files_of,
                     grant, publish, request, revoke, tool)
from process import wait_until
from rootless import socket_of

PIECES = ["/etc/cdi/mdns-mqtt-laba.json", "/etc/mdns-mqtt-broker/users/laba.acl",
          "/etc/mdns-mqtt-broker/users/laba.conf", "/etc/tmpfiles.d/mdns-mqtt-laba.conf"]


class Grant(GrantedCase):
    """What can share a world does, as a world takes more than a grant."""

    def test_grant(self):
        self.boot_granted()
        self.pieces()
        self.container_users()
        self.dry_run()
        self.again()

    def pieces(self):
        """From nothing to a socket of the user's own, and these files with these rights."""
        self.assertEqual(grant("--list"), "laba advertise laba\nlabb observe labb\n")
        for piece in PIECES:
            stat = pathlib.Path(piece).stat()
            self.assertEqual((stat.st_uid, stat.st_gid, oct(stat.st_mode & 0o777)), (0, 0, "0o644"), piece)
        for line in (USERS / "laba.acl").read_text().splitlines()[1:]:
            self.assertEqual(line.split()[0], "topic")
        device = json.loads(pathlib.Path("/etc/cdi/mdns-mqtt-laba.json").read_text())
        self.assertEqual(device["kind"], "mdns-mqtt/broker")
        edits = device["devices"][0]["containerEdits"]
        self.assertEqual(edits["mounts"][0]["hostPath"], str(socket_of(LABA).parent))
        self.assertEqual(edits["env"], ["MQTT_SOCKET=/run/mdns-mqtt/mqtt.sock", "MDNS_MQTT_CLIENT=laba"])
        self.assertTrue(self.can_open(LABA, socket_of(LABA)))
        self.assertFalse(self.can_open(LABB, socket_of(LABA)))
        self.assertNotEqual(LABB.run("ls", socket_of(LABA).parent, check=False).returncode, 0)
        self.assertTrue(publish(LABA, "mdns/advertise/laba/app", request("Web of laba")))
        self.watch.established("laba/app")
        for text in (self.lab.broker.text(), self.lab.bridge.text()):
            self.assertNotRegex(text, "(?i)warning|error")

    def container_uid_gets_in(self, uid):
        """What a container does: mounts the inner directory, and comes from a subordinate id."""
        done = LABA.run("unshare", "--map-auto", "--map-root-user", "--mount", "sh", "-c",
                        f"mount --rbind {socket_of(LABA).parent} /mnt && exec setpriv --reuid={uid} --clear-groups "
                        "mosquitto_sub --unix /mnt/mqtt.sock -t mdns/bridge/state -C 1 -W 10", check=False)
        return '"state"' in done.stdout

    def container_users(self):
        """Any user in the container gets in, also when the broker has started anew."""
        for options in (["--password"], []):  # a change of labb's listener
            before = broker_pid()
            grant("labb", "observe", *options)
            self.assertNotEqual(broker_pid(), before)
            for uid in (0, 1, 1000, 65534):
                self.assertTrue(self.container_uid_gets_in(uid), uid)

    def test_directories(self):
        self.without_systemd_tools("laba", "observe", "--container-uid", "1000", "--container-uid", "33")
        self.without_help()

    def without_help(self):
        """The uids that were named get in where nobody opens the sockets."""
        self.start_broker()
        self.lab.broker.stop()
        self.lab.broker = None
        self.a.start("bare-broker", "mosquitto", "-c", BROKER_ETC / "mosquitto.conf")
        wait_until(socket_of(LABA).exists, "the socket")
        self.assertEqual(socket_of(LABA).stat().st_mode & 0o7, 0)
        LABA.run("mosquitto_pub", "--unix", socket_of(LABA), "-t", "x", "-n")
        for uid, allowed in ((0, True), (1000, True), (33, True), (34, False)):
            script = (f"mount --rbind {socket_of(LABA).parent} /mnt && exec setpriv --reuid={uid} --clear-groups "
                      "mosquitto_pub --unix /mnt/mqtt.sock -t x -n")
            done = LABA.run("unshare", "--map-auto", "--map-root-user", "--mount", "sh", "-c", script, check=False)
            self.assertEqual(done.returncode == 0, allowed, (uid, done.stderr))

    def without_systemd_tools(self, *arguments):
        """The directories are the same without systemd-tmpfiles."""
        def rights():
            return subprocess.run(["getfacl", "-pR", "/run/mdns-mqtt", "/run/mdns-mqtt-broker"], check=True,
                                  stdout=subprocess.PIPE, text=True).stdout
        grant(*arguments)
        with_systemd = rights()
        subprocess.run(["sh", "-ec", "rm -r /run/mdns-mqtt /run/mdns-mqtt-broker; mount --bind /dev/null "
                        "$(command -v systemd-tmpfiles)"], check=True)
        grant(*arguments)
        self.assertEqual(rights(), with_systemd)

    def test_without_the_bridges_user(self):
        """In a checkout without the package, the bridge is run by root, and its socket is root's."""
        for file in ("passwd", "group"):
            path = pathlib.Path("/etc", file)
            path.write_text("".join(l for l in path.read_text().splitlines(True) if not l.startswith("mdns-mqtt:")))
        self.assertIn("no user mdns-mqtt", grant("laba", "observe"))
        self.start_broker()
        self.assertNotIn("could not", self.lab.broker.text())
        self.assertIn("Permission denied", client(LABA, "mosquitto_pub", "-t", "x", "-n", socket=BRIDGE_SOCKET).stderr)
        self.a.run("mosquitto_pub", "--unix", BRIDGE_SOCKET, "-t", "mdns/x", "-m", "x")

    def again(self):
        """The same again changes no file, does nothing to the broker, and says so."""
        grant("laba", "advertise", "--client", "web", "--client", "db", "--password")
        self.assertNotIn("MDNS_MQTT_CLIENT", pathlib.Path("/etc/cdi/mdns-mqtt-laba.json").read_text())
        files, pid, log = files_of(*PLACES), broker_pid(), self.lab.broker.text()
        for arguments in (("laba", "advertise", "--client", "web", "--client", "db", "--password"),
                          ("labb", "observe")):
            self.assertEqual(grant(*arguments), f"grant: {arguments[0]}: unchanged\n")
        self.assertEqual(changed(files, files_of(*PLACES)), [])
        self.assertEqual((broker_pid(), self.lab.broker.text()), (pid, log))

    def test_names(self):
        self.first_dry_run()
        self.bad_arguments()
        self.same_client()

    def first_dry_run(self):
        files = files_of("/etc", "/run")
        said = grant("laba", "advertise", "--dry-run")
        self.assertEqual(changed(files, files_of("/etc", "/run")), [])
        for text in [*(f"+++ {p}" for p in PIECES), "+++ /etc/mdns-mqtt-broker/mosquitto.conf",
                     "+listener 0 /run/mdns-mqtt/laba/s/mqtt.sock", "+topic write mdns/advertise/laba/+"]:
            self.assertIn(text, said)

    def dry_run(self):
        """Shows the difference and what would be run, and does nothing."""
        files, pid = files_of("/etc", "/run/mdns-mqtt"), broker_pid()
        said = {" ".join(a): tool(*a, "--dry-run").stdout for a in (
            ("grant", "laba", "advertise"), ("grant", "laba", "observe"),
            ("grant", "laba", "advertise", "--password"), ("revoke", "laba"))}
        self.assertEqual(said["grant laba advertise"], "grant: laba: unchanged\n")
        self.assertIn(f"run: kill -HUP {pid}\n", said["grant laba observe"])
        self.assertIn("-topic write mdns/advertise/laba/+\n", said["grant laba observe"])
        self.assertIn(f"run: kill -TERM {pid}\n", said["grant laba advertise --password"])
        self.assertIn("-listener 0 /run/mdns-mqtt/laba/s/mqtt.sock", said["revoke laba"])
        self.assertEqual((changed(files, files_of("/etc", "/run/mdns-mqtt")), broker_pid()), ([], pid))

    def bad_arguments(self):
        """Names that the specification does not allow, users that are not there, roles, uids and prefixes."""
        for user in ("broker", "bridge"):
            self.a.run("useradd", "--no-create-home", user)
        files = files_of("/etc", "/run")
        names = ("", ".", "..", "a b", "a/b", "../etc", "a\nb", "ü", "a#", "+", "a*", "x" * 65, "$(id)", "a|b", "a:b")
        for name in names:
            with self.subTest(client=name):
                self.assertNotEqual(tool("grant", "laba", "advertise", "--client", name, check=False).returncode, 0)
        for name in (*names, "broker", "bridge"):  # files of ours are called like those
            for arguments in (("revoke", name), ("grant", name, "observe")):
                with self.subTest(arguments):
                    self.assertNotEqual(tool(*arguments, check=False).returncode, 0)
        for arguments in (("nobodyhere", "observe"), ("l.ba", "observe"), (LABA.uid, "observe"), (".x", "observe"), ("laba", "root"), ("laba",),
                          ("laba", "advertise", "x"), ("laba", "observe", "--container-uid", "70000"),
                          ("laba", "observe", "--container-uid", "-1"), ("laba", "observe", "--container-uid", "00"),
                          ("mdns-mqtt", "observe", "--container-uid", "1"),
                          ("laba", "observe", "--prefix", "a/#"),
                          ("laba", "observe", "--nothing"), ("laba", "observe", "--client")):
            with self.subTest(arguments):
                done = tool("grant", *arguments, check=False)
                self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertEqual(changed(files, files_of("/etc", "/run")), [])

    def same_client(self):
        """No two users have the same client, and none has the name of another user of the host."""
        grant("laba", "advertise", "--client", "web", "--client", "laba")
        grant("labb", "advertise")
        files = files_of(*PLACES)
        for clients, word in ((["web"], "laba's"), (["labb", "web"], "laba's"), (["laba"], "laba's"),
                              (["root"], "another user"), (["mail"], "another user")):
            done = tool("grant", "labb", "advertise", *[w for c in clients for w in ("--client", c)], check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(word, done.stdout)
        self.assertEqual(changed(files, files_of(*PLACES)), [])
        grant("laba", "advertise")
        grant("labb", "advertise", "--client", "web")

    def test_changes(self):
        self.boot_granted()
        self.role()
        self.client_taken_away()

    def role(self):
        """It is the broker's reload and no more: who is connected stays. What was advertised ends."""
        pid = broker_pid()
        listener = LABA.start("listener", "mosquitto_sub", "-V", "5", "-v", "--unix", socket_of(LABA), "-t", "mdns/#")
        listener.wait_log("mdns/bridge/state")
        for ident, options in (("kept", ["-r"]), ("live", [])):
            self.assertTrue(publish(LABA, f"mdns/advertise/laba/{ident}", request(f"Web {ident}"), *options))
            self.watch.established(f"laba/{ident}")
        mark = self.watch.mark()
        grant("laba", "observe")
        for ident in ("kept", "live"):
            self.watch.ended(f"laba/{ident}", None, since=mark, retained=False)
        self.view.forgets("Web kept", "Web live")
        self.assertEqual(observer.snapshot("mdns/advertise/laba/#"), {})
        self.assertEqual(observer.snapshot("mdns/client/laba"), {})
        self.assertFalse(publish(LABA, "mdns/advertise/laba/kept", request("Web kept"), "-r"))
        mark = self.watch.mark()
        grant("laba", "advertise")
        self.assertTrue(publish(LABA, "mdns/advertise/laba/kept", request("Web kept"), "-r"))
        self.watch.established("laba/kept", since=mark)
        listener.wait_log('"state":"established","client":"laba","id":"kept"')
        self.assertEqual(broker_pid(), pid)
        self.assertTrue(listener.alive())

    def client_taken_away(self):
        """What one of a user's clients advertised ends with the client, what the other did stays."""
        grant("laba", "advertise", "--client", "web", "--client", "db")
        for name in ("web", "db"):
            self.assertTrue(publish(LABA, f"mdns/advertise/{name}/app", request(f"Of {name}"), "-r"))
            self.watch.established(f"{name}/app")
        mark = self.watch.mark()
        grant("laba", "advertise", "--client", "db")
        self.watch.ended("web/app", None, since=mark, retained=False)
        self.view.sees_only("Of db")
        self.assertFalse(publish(LABA, "mdns/advertise/web/app", request("Of web"), "-r"))
        self.assertFalse(publish(LABA, "mdns/advertise/laba/app", request("Of laba"), "-r"))

    def test_revoke(self):
        """Nothing is left of it: files, socket, connections, advertisements. Others are not concerned."""
        self.boot_granted(("labb", "observe"))
        with self.nothing_left():
            grant("laba", "advertise", "--client", "web", "--password")
            self.assertIn("revoked", revoke("laba"))
        self.assertEqual(revoke("laba"), "revoke: laba: has been granted nothing\n")
        self.assertEqual(grant("--list"), "labb observe labb\n")
        self.assertTrue(self.can_open(LABB, socket_of(LABB)))
        self.user_is_gone()
        with self.nothing_left():
            grant("laba", "advertise")
            self.assertTrue(publish(LABA, "mdns/advertise/laba/app", request("Web of laba"), "-r"))
            self.watch.established("laba/app")
            mark = self.watch.mark()
            self.assertIn("revoked", revoke("laba"))
        self.watch.ended("laba/app", None, since=mark, retained=False)
        self.assertEqual(observer.snapshot("mdns/advertise/laba/#"), {})
        self.view.forgets("Web of laba")
        # Not only when the bridge had come back, and had given laba time to do so, too.
        order = [m.topic for m in self.watch.since(mark) if m.state != "online" and (
            m.topic == "mdns/bridge/state" or m.topic == "mdns/advertise/laba/app/status" and not m.payload)]
        self.assertEqual(order[0], "mdns/advertise/laba/app/status")

    @contextlib.contextmanager
    def nothing_left(self):
        """Of laba's, when this has been done."""
        before = files_of(*PLACES)
        yield
        self.assertEqual(changed(before, files_of(*PLACES), parts=3), [])
        self.assertNotEqual(client(LABA, "mosquitto_pub", "-t", "x", "-n").returncode, 0)

    def user_is_gone(self):
        """A user can be revoked when there is no such user any more."""
        for file in ("passwd", "group"):
            path = pathlib.Path("/etc", file)
            path.write_text("".join(l for l in path.read_text().splitlines(True) if not l.startswith("labb:")))
        self.assertIn("revoked", revoke("labb"))
        self.assertEqual(grant("--list"), "")


if __name__ == "__main__":
    machine.main()
