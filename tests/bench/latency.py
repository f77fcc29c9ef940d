"""Measure (b): a service appears; how much later than avahi-browse's line is its record there?

`avahi-browse -rp TYPE` and the bridge both run and follow the same Avahi on A. A device on B announces
one service after the other, each in two packets (IPv4, IPv6) that hold all of its records. One loop
watches avahi-browse's output and a subscriber's socket, and takes the time (CLOCK_MONOTONIC) when each
becomes readable.

  difference   first record of the service, minus the first line "=" of it (of either protocol).
               Below zero: the record was first.
  both         the record with both protocols, minus the line of the second. That record is a change,
               and the bridge settles changes for 100 ms.

Who asked Avahi first is told first. So in every other round avahi-browse is started before the bridge.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys

import devices
from lab import Lab
from process import Process
from subscriber import Loop, Subscriber

HERE = pathlib.Path(__file__).resolve().parent
TYPE = "_bench._tcp"
WARM_UP = 5  # appearances that do not count


class Appearances:
    """One round: avahi-browse and a subject, started anew."""

    def __init__(self, lab, device, prefix):
        self.lab, self.device = lab, device
        self.loop = Loop()
        self.subscriber = Subscriber(prefix + "/#")
        self.printed, self.printed_second, self.first, self.both = {}, {}, {}, {}
        self.gone = []
        self.loop.add_subscriber(self.subscriber, self.heard)
        self.loop.add_lines(device.popen.stdout, self.device_said)

    def device_said(self, _now, line):
        assert line == b"ok", f"device: {line} {self.device.text()}"

    def line(self, now, line):
        fields = line.split(b";") if line else []
        if len(fields) < 4 or fields[1] != b"lan0":
            return
        name = fields[3].decode()
        if fields[0] == b"-":
            self.gone.append(name)
        if fields[0] != b"=":
            return
        (self.printed_second if name in self.printed else self.printed)[name] = now

    def heard(self, now, topic, payload):
        levels = topic.split("/")
        if topic.startswith("naive/lan0/"):
            name = levels[4]
            (self.both if name in self.first else self.first)[name] = now
        elif topic.startswith("mdns/service/"):
            name = levels[4]
            self.first.setdefault(name, now)
            if b'"protocols":["IPv4","IPv6"]' in payload:
                self.both.setdefault(name, now)

    def start_browse(self):
        self.browse = self.lab.a.start("browse", "avahi-browse", "-rp", TYPE, stdout=subprocess.PIPE)
        self.loop.add_lines(self.browse.popen.stdout, self.line)

    def order(self, op, *names):
        """Tells the device, and does not wait for its answer."""
        services = [devices.service(name, TYPE, 80, ["path=/", "model=Example Box 3000"], host="newcomer",
                                    ttl=4500) for name in names]
        self.device.popen.stdin.write(json.dumps({"op": op, "services": services}).encode() + b"\n")
        self.device.popen.stdin.flush()

    def disappear(self, names):
        self.order("goodbye", *names)
        self.loop.run(lambda: len(self.gone) == 2 * len(names), lambda: f"{len(self.gone)} gone")

    def appear(self, name):
        """Lets it appear, and waits for all that is said of it."""
        self.order("set", name)
        self.loop.run(lambda: all(name in t for t in (self.printed, self.printed_second, self.first, self.both)),
                      lambda: f"{name}: browse {name in self.printed}, {name in self.printed_second}, "
                              f"record {name in self.first}, {name in self.both}")

    def close(self):
        self.browse.kill()
        self.browse.popen.stdout.close()
        self.subscriber.close()
        self.loop.close()


def one_round(lab, device, number, count, subject):
    prefix = {"bridge": "mdns", "naive": "naive"}[subject]
    lab.broker.stop()
    lab.start_broker()
    bench = Appearances(lab, device, prefix)

    def start_subject():
        if subject == "bridge":
            return lab.start_bridge({}, "--log-level", "warning")
        return Process("naive", [sys.executable, "-B", HERE / "naive.py"], start_new_session=True)
    if number % 2:
        bench.start_browse()
        process = start_subject()
    else:
        process = start_subject()
        bench.start_browse()
    names = [f"{subject}-{number}-{i}" for i in range(WARM_UP + count)]
    for name in names:
        bench.appear(name)
    bench.disappear(names)
    if subject == "bridge":
        assert process.stop() == 0, process.text()
    else:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait_end()
    bench.close()
    kept = names[WARM_UP:]
    return {"difference": [bench.first[n] - bench.printed[n] for n in kept],
            "both": [bench.both[n] - bench.printed_second[n] for n in kept],
            "second_line": [bench.printed_second[n] - bench.printed[n] for n in kept]}


def measure(options, say):
    """{"bridge": [a round: {"difference": [seconds, ...], ...}, ...], "naive": [...]}"""
    lab = Lab()
    b = lab.add_host("b")
    lab.boot(lab.a)
    lab.start_broker()
    out = {"bridge": [], "naive": []}
    device = devices.Raw(b)
    device.set(devices.service("Always there", TYPE, 80, host="newcomer", ttl=4500))
    for number in range(options["rounds"]):
        for subject, rounds in out.items():
            rounds.append(one_round(lab, device, number, options["appearances"], subject))
            differences = sorted(rounds[-1]["difference"])
            say(f"latency {subject}: median {differences[len(differences) // 2] * 1e3:.3f} ms")
    return out
