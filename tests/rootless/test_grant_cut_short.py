"""A grant or revoke that is cut short between the files and the broker: the next one, whatever it is about,
makes up for it. And what is no more than impatience does not cut it short."""
import signal

import machine
import observer
from granted import (BROKER_ETC, LABA, USERS, GrantedCase, broker_pid, grant, publish, put_in_front, request, revoke,
                     tool)
from rootless import socket_of

UNFINISHED = BROKER_ETC / "unfinished"
APP = "mdns/advertise/laba/app"


class CutShort(GrantedCase):
    def cut(self, signals, program, *arguments):
        """Runs a tool that gets these signals when its `program` (mv puts files in place, rm takes them away) has
        dealt with laba's ACL, and so before the broker hears of it. Returns the process."""
        kill = "; ".join(f"kill -{s} $PPID" for s in signals.split())
        env = put_in_front(program, f'"$real" "$@"; case "$*" in *{USERS}/laba.acl) {kill} ;; esac')
        return tool(*arguments, env=env, check=False)

    def advertise(self):
        """laba has the right to, and does."""
        mark = self.watch.mark()
        grant("laba", "advertise")
        self.assertTrue(publish(LABA, APP, request("Web of laba"), "-r"))
        self.watch.established("laba/app", since=mark)
        self.assertFalse(UNFINISHED.exists())
        return self.watch.mark()

    def ended(self, mark):
        self.watch.ended("laba/app", None, since=mark, retained=False)
        self.assertEqual(observer.snapshot("mdns/advertise/laba/#"), {})
        self.assertFalse(UNFINISHED.exists())

    def test_cut_short(self):
        self.boot_granted()
        self.impatience()
        self.killed()

    def killed(self):
        mark, pid = self.advertise(), broker_pid()
        self.assertEqual(self.cut("KILL", "mv", "grant", "laba", "observe").returncode, -signal.SIGKILL)
        self.assertTrue(publish(LABA, APP, request("Web of laba"), "-r"), "the broker knows already")
        self.assertIn(f"run: kill -HUP {pid}\n", grant("laba", "observe", "--dry-run"))
        self.assertIn("may observe", grant("laba", "observe"))
        self.assertFalse(publish(LABA, APP, request("Web of laba"), "-r"))
        self.ended(mark)
        self.assertEqual((grant("laba", "observe"), broker_pid()), ("grant: laba: unchanged\n", pid))

        mark = self.advertise()
        self.assertEqual(self.cut("KILL", "rm", "revoke", "laba").returncode, -signal.SIGKILL)
        self.assertFalse((USERS / "laba.acl").exists())
        self.assertTrue(publish(LABA, APP, request("Web of laba"), "-r"), "the broker knows already")
        grant("labb", "observe")  # as it is
        self.assertFalse(socket_of(LABA).exists())
        self.ended(mark)
        self.assertIn("revoked", revoke("laba"))  # the device and the directories, which are left
        self.assertEqual(revoke("laba"), "revoke: laba: has been granted nothing\n")

        self.cut("KILL", "mv", "grant", "laba", "advertise")
        self.assertFalse((USERS / "laba.conf").exists(), "a listener before the files that it names")
        mark = self.advertise()
        self.assertEqual(self.cut("KILL", "mv", "grant", "laba", "observe").returncode, -signal.SIGKILL)
        revoke("mdns-mqtt")  # who has been granted nothing
        self.assertFalse(publish(LABA, APP, request("Web of laba"), "-r"))
        self.ended(mark)

    def impatience(self):
        mark = self.advertise()
        done = self.cut("HUP INT TERM PIPE", "mv", "grant", "laba", "observe")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertFalse(publish(LABA, APP, request("Web of laba"), "-r"))
        self.ended(mark)

    def test_broker_is_down(self):
        """What was advertised is remembered until there is a broker to forget it."""
        self.boot_granted()
        mark = self.advertise()
        self.lab.broker.stop()
        self.assertIn("ends with the next grant or revoke", revoke("laba"))
        self.start_broker()
        self.watch.online(since=mark, timeout=30)
        self.assertIn(APP, observer.snapshot("mdns/advertise/laba/#"))
        self.assertNotIn("unchanged", grant("labb", "observe"))
        self.ended(mark)


if __name__ == "__main__":
    machine.main()
