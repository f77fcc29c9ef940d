"""What deploy/grant does to a broker that runs, and deploy/broker, which runs it."""
import pathlib
import shutil
import signal
import subprocess

import machine
import observer
from granted import (BRIDGE_SOCKET, BROKER_ETC, BROKER_PID, DEPLOY, LABA, LABB, PLACES, USERS, GrantedCase, broker_pid,
                     changed, client, files_of, grant, publish, put_in_front, request, revoke, tool)
from process import wait_until
from rootless import socket_of


# In place of one that is busy between its first socket and its last.
SLOW_MOSQUITTO = """
import os, pathlib, signal, socket, sys, time
pathlib.Path("/proc/self/comm").write_text("mosquitto")
os.umask(7)
sockets = []
for path in ("/run/mdns-mqtt-broker/mqtt.sock", sys.argv[1]):
    sockets.append(socket.socket(socket.AF_UNIX))
    sockets[-1].bind(path)
    pathlib.Path("/run/mdns-mqtt-broker/mosquitto.pid").write_text(str(os.getpid()))
    end = time.monotonic() + 1
    while not os.path.exists("/tmp/opened") and time.monotonic() < end:
        time.sleep(0.01)
signal.pause()
"""


class Broker(GrantedCase):
    def test_running(self):
        self.boot_granted()
        self.bad_configuration()
        self.started_by_others()
        self.crash()
        self.stop_and_hup()

    def bad_configuration(self):
        """What Mosquitto would not start with is not put in place."""
        (USERS / "mistake.conf").write_text("listner 1885\n")
        files, pid = files_of(*PLACES), broker_pid()
        for arguments in (("grant", "labb", "advertise", "--password"), ("grant", "laba", "observe"), ("revoke", "laba")):
            done = tool(*arguments, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("listner", done.stdout)
            self.assertIn("nothing was changed", done.stdout)
        self.assertEqual((changed(files, files_of(*PLACES)), broker_pid()), ([], pid))
        (USERS / "mistake.conf").unlink()

    def started_by_others(self):
        """systemd has a unit that does not run: the broker follows all the same, or it is said that it does not."""
        env = put_in_front("systemctl", 'case "$*" in *is-active*) exit 3 ;; esac')
        pathlib.Path("/run/systemd/system").mkdir(parents=True)
        self.assertIn("kill -HUP", grant("laba", "observe", env=env))
        self.assertFalse(publish(LABA, "mdns/advertise/laba/app", request("Web of laba")))
        hidden = BROKER_PID.rename(BROKER_PID.with_suffix(".hidden"))
        done = tool("grant", "laba", "advertise", env=env, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("a broker runs that is neither", done.stdout)
        hidden.rename(BROKER_PID)
        grant("laba", "advertise", env=env)
        self.assertTrue(publish(LABA, "mdns/advertise/laba/app", request("Web of laba")))
        pathlib.Path("/run/systemd/system").rmdir()

    def test_directories(self):
        """Without systemd-tmpfiles, too; and the user who has gone keeps nobody from theirs."""
        few = pathlib.Path("/tmp/few")
        few.mkdir()
        for program in "basename cat chmod chown dirname getent grep id mkdir setfacl".split():
            (few / program).symlink_to(shutil.which(program))
        wanted = pathlib.Path("/tmp/wanted.conf")
        wanted.write_text("d /run/gone 0755 root root -\na /run/gone - - - - u:no-such-user:x\n"
                          f"d /run/there 0750 root root -\na /run/there - - - - u:{LABB.name}:x\n")
        script = 'deploy=$1; . "$deploy/roles/roles.sh"; . "$deploy/roles/broker.sh"; make_directories /tmp/wanted.conf'
        done = subprocess.run(["/bin/sh", "-c", script, "sh", DEPLOY], env={"PATH": str(few)}, capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0, "somebody has to be told")
        self.assertIn("user:labb:--x", subprocess.run(["getfacl", "/run/there"], capture_output=True, text=True).stdout,
                      done.stderr)

    def test_does_not_come_up(self):
        """Where the broker is not started again, all files are as they were, and it is said."""
        grant("laba", "advertise")
        self.start_broker()
        self.lab.broker.stop()
        self.lab.broker = None
        self.a.start("bare-broker", "mosquitto", "-c", BROKER_ETC / "mosquitto.conf")
        wait_until(BRIDGE_SOCKET.exists, "the socket")
        files = files_of(*PLACES[:-1])
        done = tool("grant", "labb", "advertise", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("nobody has started it again", done.stdout)
        self.assertEqual(changed(files, files_of(*PLACES[:-1]), parts=1), [])

    def crash(self):
        """deploy/broker starts it again, with open sockets, and what was retained."""
        self.assertTrue(publish(LABA, "mdns/advertise/laba/app", request("Web of laba"), "-r"))
        self.watch.established("laba/app")
        before, mark = broker_pid(), self.watch.mark()
        subprocess.run(["kill", "-TERM", before], check=True)
        wait_until(lambda: BROKER_PID.exists() and broker_pid() not in ("", before), "another broker")
        self.watch.online(since=mark, timeout=30)
        wait_until(lambda: socket_of(LABA).exists() and socket_of(LABA).stat().st_mode & 0o777 == 0o666, "open sockets")
        self.assertIn("mdns/advertise/laba/app", observer.snapshot("mdns/advertise/#"))
        self.assertTrue(self.can_open(LABA, socket_of(LABA)))

    def test_start_and_end(self):
        grant("laba", "observe")
        self.early_end()
        self.after_a_flood()
        self.slow_start()

    def slow_start(self):
        """Sockets are opened when all of them are there. This Mosquitto makes a user's socket long after the
        bridge's: when they have been opened, or a second later."""
        put_in_front("find", 'case "$*" in *-exec*) touch /tmp/opened ;; esac; exec "$real" "$@"')
        env = put_in_front("mosquitto", f"exec /usr/bin/python3 -c '{SLOW_MOSQUITTO}' {socket_of(LABA)}")
        broker = self.a.start("broker", "env", f"PATH={env['PATH']}", DEPLOY / "broker")
        socket = socket_of(LABA)
        wait_until(lambda: socket.exists() and socket.stat().st_mode & 0o777 == 0o666, "an open socket")
        self.assertEqual(broker.stop(), 0)

    def after_a_flood(self):
        """A database that would fill the broker is set aside."""
        state = pathlib.Path("/var/lib/mdns-mqtt-broker")
        with (state / "mosquitto.db").open("wb") as database:
            database.truncate(200 << 20)
        shutil.chown(state / "mosquitto.db", "mosquitto")
        broker = self.a.start("broker", DEPLOY / "broker")
        wait_until(lambda: BROKER_PID.exists() and socket_of(LABA).exists(), "the broker")
        self.assertEqual((state / "mosquitto.db.flood").stat().st_size, 200 << 20)
        self.assertEqual(broker.stop(), 0)

    def early_end(self):
        """A SIGTERM is not lost, however early it comes."""
        env = put_in_front("chown", 'rm "$0"; kill -TERM $PPID; exec "$real" "$@"')  # before Mosquitto is started
        broker = self.a.start("broker", "env", f"PATH={env['PATH']}", DEPLOY / "broker")
        self.assertEqual(broker.wait_end(), 0)

    def stop_and_hup(self):
        pid = broker_pid()
        (USERS / "labb.acl").write_text("# observe for labb as labb\n")
        self.lab.broker.send(signal.SIGHUP)
        wait_until(lambda: not client(LABB, "mosquitto_sub", "-t", "mdns/bridge/state", "-C", "1", "-W", "1").stdout,
                   "the new rights")
        self.assertEqual(broker_pid(), pid)
        self.bridges[0].stop()
        self.assertEqual(self.lab.broker.stop(), 0)
        wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the end of Mosquitto")

    def test_other_root(self):
        """A tree of another machine is written, and nothing else."""
        root = pathlib.Path("/tmp/root")
        (root / "etc").mkdir(parents=True)
        (root / "etc/passwd").write_text("device:x:1234:1234::/home/device:/bin/sh\nother:x:1235:1235::/:/bin/sh\n")
        (root / "etc/subuid").write_text("device:7000000:100\n1234:100000:65536\nother:4000000000:65536\n")
        (root / "etc/mdns-mqtt-bridge").mkdir()
        (root / "etc/mdns-mqtt-bridge/bridge.conf").write_text("[broker]\nprefix = no\n[records]\nprefix = home/dns ; x\n")
        files = files_of("/etc", "/run")
        grant("device", "advertise", "--client", "web", "--container-uid", "1000", "--root", root)
        self.assertEqual(changed(files, files_of("/etc", "/run")), [])
        self.assertIn("d:u:100899:rw", (root / "etc/tmpfiles.d/mdns-mqtt-device.conf").read_text())
        self.assertIn("topic write home/dns/advertise/web/+\n", (root / "etc/mdns-mqtt-broker/users/device.acl").read_text())
        self.assertIn("topic readwrite home/dns/#\n", (root / "etc/mdns-mqtt-broker/bridge.acl").read_text())
        self.assertEqual(grant("--list", "--root", root), "device advertise web\n")
        (root / "etc/mdns-mqtt-broker/users").chmod(0o700)  # nothing for this machine's users
        grant("other", "observe", "--container-uid", "1000", "--root", root)
        self.assertIn("d:u:4000000999:rw", (root / "etc/tmpfiles.d/mdns-mqtt-other.conf").read_text())
        revoke("other", "--root", root)
        self.assertFalse((root / "etc/mdns-mqtt-broker/unfinished").exists())
        self.assertNotEqual(tool("grant", "laba", "observe", "--root", root, check=False).returncode, 0)
        revoke("device", "--root", root)
        self.assertEqual(grant("--list", "--root", root), "")


if __name__ == "__main__":
    machine.main()
