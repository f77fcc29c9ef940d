"""mdns-mqtt watch: what outlives a broker, and what is to be seen on a terminal."""
import contextlib
import os
import pathlib
import pty
import re
import select
import signal
import subprocess

import tool
import world
from case import Case
from devices import Raw, service
from observer import publish
from process import slow, wait_until
from tool import OFFLINE, lines

ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"


def pending_signals(pid):
    """Are there some that have been sent and were not taken yet?"""
    status = pathlib.Path("/proc", str(pid), "status").read_text()
    return any(int(mask, 16) for mask in re.findall(r"(?m)^(?:Sig|Shd)Pnd:\s*(\w+)$", status))


class Terminal:
    """The tool on a terminal of its own; `text` is what has come there."""

    def __init__(self, *args, columns=160, rows=24, **options):
        self.master, slave = pty.openpty()
        subprocess.run(["stty", "cols", str(columns), "rows", str(rows)], stdin=slave, check=True)
        self.process = subprocess.Popen([tool.program(), *args], stdout=slave, stderr=slave, stdin=slave, **options)
        os.close(slave)
        self.text = ""

    def read(self):
        """What has come by now; False: the other end is closed."""
        with contextlib.suppress(OSError):
            if select.select([self.master], [], [], 0.1)[0]:
                self.text += os.read(self.master, 65536).decode(errors="replace")
            return True
        return False

    def hear(self, word, after=""):
        wait_until(lambda: self.read() and word in self.text[self.text.find(after):],
                   lambda: f"{word!r} in {self.text!r}")

    def end(self, code=None):
        """Its end, by itself with a code, or by SIGTERM; returns all that has come."""
        if code is None:
            self.process.terminate()
        ended = self.process.wait(15 * slow())
        assert ended == (code or 0), f"{ended}: {self.text!r}"
        while self.read():
            pass
        return self.text


class Watch(Case):
    def test_broker_gone_and_back(self):
        """It goes on by itself, says so on stderr once, and shows what changed meanwhile."""
        watch = self.boot("b")
        device = Raw(self.b)
        device.set(service("Stays"), service("Goes"))
        watch.service("Goes", protocols=["IPv4", "IPv6"])
        table, events = tool.Tool("watch"), tool.Tool("watch", "--json")
        table.wait_log("Goes")
        events.wait_log('"state":"online"')
        self.lab.broker.kill()
        for process in (table, events):
            process.wait_log("was lost")
        table.wait_log("no connection to")
        device.goodbye(service("Goes"))
        device.set(service("Comes"))
        self.lab.bridge.wait_log("Comes")
        self.lab.start_broker()
        for process in (table, events):
            process.wait_log("connected again")
            process.wait_log("Comes")
        wait_until(lambda: [e["event"] for e in lines(events.text()) if e.get("name") == "Goes"][-1:]
                   == ["remove"], "the removal")
        stays = [e["event"] for e in lines(events.text()) if e.get("name") == "Stays"]
        self.assertEqual((stays.count("add"), stays.count("remove")), (1, 0), stays)
        wait_until(lambda: "Goes" not in table.text().rsplit("\n\n", 2)[-2], "a table without it")
        for process in (table, events):
            self.assertEqual(process.stop(), 0)
            said = [line for line in process.text().splitlines() if line.startswith("mdns-mqtt: ")]
            self.assertEqual(len(said), 2, said)

    def test_terminal(self):
        """On a terminal it is drawn in place, no wider and no longer than the terminal."""
        self.boot("b")
        Raw(self.b).set(*[service(f"Number {i} ü \x1b[31m", txt=[b"a"]) for i in range(30)])
        terminal = Terminal("watch", columns=60, rows=12)
        terminal.hear("and 22 more")
        text = terminal.end()
        self.assertIn("\\x1B[31m", text)
        last = re.sub(r"\x1b\[[?0-9]*[A-Za-z]", "", text.rsplit("\x1b[H", 1)[1])
        self.assertLessEqual(max(map(len, last.splitlines())), 60)
        self.assertLessEqual(len(last.splitlines()), 12)
        self.assertTrue(text.startswith(ENTER) and text.endswith(LEAVE), text)

    def test_terminal_without_broker(self):
        """What is said on stderr is on the screen that stays, once; above the table it says what is so."""
        terminal = Terminal("watch")
        terminal.hear("trying again")
        self.assertNotIn(ENTER, terminal.text)
        self.start_broker_with_state()
        terminal.hear("0 services; bridge online")
        self.lab.broker.kill()
        terminal.hear("0 services; the connection to the broker at mqtt://127.0.0.1:1883 was lost")
        self.start_broker_with_state()
        terminal.hear("connected again")
        terminal.hear("0 services; bridge online", after="connected again")
        text = terminal.end()
        self.assertEqual([line.split(" the broker")[0] for line in self.what_stays(text).splitlines()],
                         ["mdns-mqtt: cannot connect to", "mdns-mqtt: connected to",
                          "mdns-mqtt: the connection to", "mdns-mqtt: connected again to"], text)

    @staticmethod
    def what_stays(text):
        """What is on the terminal's first screen."""
        return re.sub(f"{re.escape(ENTER)}.*?{re.escape(LEAVE)}", "", text, flags=re.DOTALL)

    def test_resized_without_terminal(self):
        """What is no terminal has no size: JSON stays JSON, and no table comes without news."""
        self.start_broker_with_state()
        events, table = tool.Tool("watch", "--json"), tool.Tool("watch")
        events.wait_log('"state":"online"')
        table.wait_log("bridge online")
        for process in (events, table):
            process.send(signal.SIGWINCH)
        wait_until(lambda: not any(pending_signals(process.pid) for process in (events, table)), "it is heard")
        publish("mdns/bridge/state", OFFLINE, True)
        events.wait_log('"state":"offline"')
        table.wait_log("bridge offline")
        self.assertEqual(table.text().count("bridge online"), 1, table.text())
        for process in (events, table):
            self.assertEqual(process.stop(), 0)
        self.assertEqual([line for line in events.text().splitlines() if line[0] != "{"], [])

    def test_suspended(self):
        """The terminal is the shell's meanwhile; the table is there again afterwards."""
        self.start_broker_with_state()
        terminal = Terminal("watch", process_group=0)
        terminal.hear("0 services; bridge online")
        terminal.process.send_signal(signal.SIGTSTP)
        wait_until(lambda: os.waitpid(terminal.process.pid, os.WNOHANG | os.WUNTRACED)[0], "it stands still")
        while select.select([terminal.master], [], [], 0)[0]:
            terminal.read()
        self.assertTrue(terminal.text.endswith(LEAVE), terminal.text)
        terminal.text = ""
        terminal.process.send_signal(signal.SIGCONT)
        terminal.hear("0 services; bridge online", after=ENTER)
        self.assertTrue(terminal.end().endswith(LEAVE))

    def test_last_words(self):
        """Why it ends is to be read when it has."""
        config = tool.refuses_subscriptions()
        if not config:
            self.skipTest("Mosquitto has no dynamic security here")
        self.lab.start_broker(config)
        text = Terminal("watch").end(77)
        self.assertIn("the broker refuses the subscription: Not authorized", self.what_stays(text))

    def start_broker_with_state(self):
        self.lab.start_broker()
        publish("mdns/bridge/state", OFFLINE.replace("offline", "online"), True)


if __name__ == "__main__":
    world.main()
