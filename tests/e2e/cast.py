"""Makes client/tool/mdns-mqtt.cast, the terminal picture of the tool: an asciinema recording (version 2).

Everything in it has happened: the tool runs on a terminal of its own, against a bridge that sees the
services of deploy/simulate on a LAN in namespaces. `asciinema play client/tool/mdns-mqtt.cast` shows it.

    ./cast.py
"""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import tool
import world
from case import Case
from process import wait_until

OUTPUT = world.PROJECT / "client/tool/mdns-mqtt.cast"
WIDTH, HEIGHT = 100, 26
PROMPT = "\x1b[1;32mcontainer\x1b[0m$ "
KEYSTROKE, PAUSE = 0.04, 1.2  # seconds; how somebody would type and read


class Recording:
    """A terminal and what was on it. Its clock stands still where nothing is to be seen."""

    def __init__(self):
        self.events, self.now = [], 0.0

    def write(self, text, after=0.0):
        self.now += after
        self.events.append([round(self.now, 3), "o", text])

    def type(self, text):
        self.write(PROMPT, 0.2)
        for char in text:
            self.write(char, KEYSTROKE)
        self.write("\r\n", 0.3)

    def run(self, text, until=None, done=lambda: True):
        """Types a command and shows what it writes, to its end; or until `until` is written, then calls
        `done`, and interrupts the command when that returns."""
        self.type(text)
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        process = subprocess.Popen(["bash", "-c", "exec " + text if until else text], stdin=slave, stdout=slave,
                                   stderr=slave, start_new_session=True,
                                   env={**os.environ, "PATH": f"/tmp/bin:{os.environ['PATH']}", "TERM": "xterm"})
        os.close(slave)
        seen, last = "", time.monotonic()
        while True:
            if select.select([master], [], [], 0.05)[0]:
                try:
                    data = os.read(master, 65536).decode(errors="replace")
                except OSError:  # all have closed the terminal
                    break
                self.write(data, min(time.monotonic() - last, PAUSE))
                seen, last = seen + data, time.monotonic()
            elif until and until in seen:
                following = done()
                if following:
                    until, done = following
                else:
                    self.now += PAUSE
                    process.send_signal(signal.SIGINT)
                    until, last = None, time.monotonic()
        process.wait()
        os.close(master)
        self.now += PAUSE

    def save(self, path):
        head = {"version": 2, "width": WIDTH, "height": HEIGHT, "title": "mdns-mqtt"}
        path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in [head, *self.events]))


class Cast(Case):
    limit = 120

    def test_cast(self):
        b = self.lab.add_host("b")
        b.run("mount", "--bind", world.PROJECT / "deploy/simulate/services", "/etc/avahi/services")
        self.lab.start_broker()
        self.lab.boot(self.a)
        b.boot(host_name="simulated")
        watch = self.observe()
        self.start_bridge()
        count = sum(file.read_text().count("<service>")
                    for file in (world.PROJECT / "deploy/simulate/services").iterdir())
        watch.wait(lambda: len([r for r in watch.services().values() if len(r["protocols"]) == 2]) >= count,
                   "all services", 30)
        watch.bridge_state(services=count)
        (tool.TMP / "bin").mkdir()
        for name in ("mdns-mqtt", "avahi-browse"):
            (tool.TMP / "bin" / name).symlink_to(tool.program())

        film = Recording()
        film.run("mdns-mqtt status")
        film.run("mdns-mqtt resolve Home _home-assistant._tcp")
        film.run("avahi-browse -prt _ssh._tcp")

        def lose_device():
            b.avahi.stop()
            wait_until(lambda: not watch.services(), "the end of the services")
            return "\x1b[H0 services", lambda: None
        film.run("mdns-mqtt watch", "_http._tcp", lose_device)
        film.save(OUTPUT)


if __name__ == "__main__":
    world.main()
