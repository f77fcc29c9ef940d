"""Measure (d): a program is started, and ended; how soon does another host on the LAN see it?

`mdns-mqtt advertise ... -- sleep` on A, and `avahi-browse -p` on B. One loop watches what avahi-browse
writes; the clock (CLOCK_MONOTONIC) begins right before the program is started, or the signal is sent.

  there       the line "+" of the first protocol. Avahi asks for three quarters of a second whether the
              name is free.
  ended       the line "-" of the last protocol behind SIGTERM; `killed`, behind SIGKILL. Avahi, as the
              RFC has it, keeps what says goodbye for one second more.

The public program is avahi-publish; when it is killed, avahi-daemon sees the end of its connection.
"""
import signal
import subprocess
import time

import tool
from lab import Lab
from process import Process
from subscriber import Loop

TYPE = "_bench._tcp"
CONFIG = {"advertise": {"port-check": "off"}}


class Onlooker:
    """What B's avahi-browse writes of our type on lan0."""

    def __init__(self, host):
        self.loop, self.times = Loop(), []
        self.browse = host.start("browse", "avahi-browse", "-p", TYPE, stdout=subprocess.PIPE)
        self.loop.add_lines(self.browse.popen.stdout, self.line)

    def line(self, now, line):
        if line and line.split(b";")[1:2] == [b"lan0"]:
            self.times.append(now)

    def both(self, since):
        """Waits for a line of each protocol; how much later than `since` they came."""
        self.loop.run(lambda: len(self.times) == 2, lambda: f"{len(self.times)} lines")
        times, self.times = self.times, []
        return [time - since for time in times]


def start(subject, name):
    if subject == "public":
        return Process("publish", ["avahi-publish", "-s", name, TYPE, "80"])
    return tool.Tool("advertise", "--client", "bench", "--name", name, "--type", TYPE, "--port", "80", "--", "sleep",
                     "600")


def one_round(onlooker, subject, number):
    out = {"there": []}
    for end, how in (("ended", signal.SIGTERM), ("killed", signal.SIGKILL)):
        begin = time.monotonic()
        process = start(subject, f"{subject} {number} {end}")
        out["there"].append(min(onlooker.both(begin)))
        process.wait_log("stablished")
        begin = time.monotonic()
        process.send(how)
        out[end] = [max(onlooker.both(begin))]
        process.wait_end()
    return out


def measure(options, say):
    """{"bridge": [a round: {"there": [seconds, ...], "ended": [...], "killed": [...]}, ...], "public": [...]}"""
    lab = Lab()
    b = lab.add_host("b")
    lab.start_broker()
    lab.boot(lab.a, b)
    bridge = lab.start_bridge(CONFIG, "--log-level", "info")
    bridge.wait_log("online")
    onlooker = Onlooker(b)
    out = {"bridge": [], "public": []}
    for number in range(options["advertisements"]):
        for subject, rounds in out.items():
            rounds.append(one_round(onlooker, subject, number))
    say(f"advertise: {options['advertisements']} rounds")
    assert bridge.stop() == 0, bridge.text()
    return out
