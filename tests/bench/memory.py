"""Measure (c): memory, and what one change costs, with few and with many services.

Memory, of a bridge that was started anew with so many services there, once it is online and each service
is complete: VmRSS; Pss (each shared page divided among its users); private (pages that it alone has);
peak (VmHWM). `avahi-browse -arp` and naive.py (with its avahi-browse) stand beside it.

Cost of one change: ten services change their TXT data at a time, often. What is counted is the bridge's
time on a processor (all threads, /proc/PID/task/*/schedstat), less what it takes in as much time without
changes, divided by the number of changes.
"""
import os
import pathlib
import signal
import subprocess
import sys
import time

import crowd
import devices
from lab import Lab
from process import Process
from subscriber import Loop, Subscriber

HERE = pathlib.Path(__file__).resolve().parent
BOTH = b'"protocols":["IPv4","IPv6"]'
AT_ONCE = 10  # services that change together
IDLE_S = 2.0
RESEND_S = 4.0  # Avahi takes a change after 1 s


def memory(pid):
    """Bytes."""
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    size = {}
    for line in rollup.splitlines()[1:]:
        key, value, *_ = line.split()
        size[key[:-1]] = 1024 * int(value)
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return {"rss": size["Rss"], "pss": size["Pss"], "private": size["Private_Clean"] + size["Private_Dirty"],
            "peak": 1024 * int(peak.split()[1])}


def cpu(pid):
    """Seconds on a processor, of all threads."""
    return sum(int(task.joinpath("schedstat").read_text().split()[0])
               for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9


class Watched:
    """A bridge with a subscriber at its broker; both are new."""

    def __init__(self, lab):
        self.lab = lab
        lab.broker.stop()
        lab.start_broker()
        self.loop, self.subscriber = Loop(), Subscriber()
        self.records, self.told = {}, None  # topic -> last payload; services in the last state record
        self.loop.add_subscriber(self.subscriber, self.heard)
        self.bridge = lab.start_bridge({}, "--log-level", "warning")

    def heard(self, _now, topic, payload):
        if topic.startswith("mdns/service/"):
            self.records[topic] = payload
        elif topic == "mdns/bridge/state" and b'"state":"online"' in payload:
            self.told = int(payload.split(b'"services":')[1].split(b",")[0])

    def wait(self, count):
        self.loop.run(lambda: self.told == count and sum(BOTH in r for r in self.records.values()) == count,
                      lambda: f"{self.told} services, {len(self.records)} records; not complete: "
                              f"{[t for t, r in self.records.items() if BOTH not in r][:5]}", 60)

    def has_generation(self, numbers, generation):
        wanted = f'"generation":"{generation}"'.encode()
        topics = [f"mdns/service/local/{crowd.type_of(i)}/{crowd.name_of(i)}/lan0" for i in numbers]
        return all(wanted in self.records.get(t, b"") for t in topics)

    def change(self, device, numbers, generation):
        """Has services change, and waits for their records. What is lost on the way is sent again."""
        sent = 0.0

        def there():
            nonlocal sent
            if self.has_generation(numbers, generation):
                return True
            if time.monotonic() > sent + RESEND_S:
                device.set(*crowd.raw_services(numbers, generation))
                sent = time.monotonic()
            return False
        self.loop.run(there, f"records of generation {generation}", step=RESEND_S)

    def idle(self, seconds):
        """Reads what comes, for so long: what it costs to do nothing is measured, too."""
        end = time.monotonic() + seconds
        self.loop.run(lambda: time.monotonic() >= end, "the end of an idle time", step=seconds / 10)

    def stop(self):
        assert self.bridge.stop() == 0, self.bridge.text()
        self.loop.close()
        self.subscriber.close()


def browse_memory(lab, count):
    loop, found = Loop(), set()
    browse = lab.a.start("browse", "avahi-browse", "-arp", stdout=subprocess.PIPE)
    loop.add_lines(browse.popen.stdout,
                   lambda _, line: line and line.startswith(b"=;lan0;") and found.add(line))
    loop.run(lambda: len(found) == 2 * count, lambda: f"{len(found)} lines")
    out = memory(browse.pid)
    browse.kill()
    loop.close()
    return out


def naive_memory(lab, count):
    lab.broker.stop()
    lab.start_broker()
    subscriber, loop, seen = Subscriber("naive/lan0/#"), Loop(), set()
    loop.add_subscriber(subscriber, lambda _, topic, __: seen.add(topic))
    naive = Process("naive", [sys.executable, "-B", HERE / "naive.py"], start_new_session=True)
    loop.run(lambda: len(seen) == 2 * count, lambda: f"{len(seen)} messages")
    children = pathlib.Path(f"/proc/{naive.pid}/task/{naive.pid}/children").read_text().split()
    parts = [memory(pid) for pid in [naive.pid, *children]]
    os.killpg(naive.pid, signal.SIGKILL)
    naive.wait_end()
    loop.close()
    subscriber.close()
    return {key: sum(part[key] for part in parts) for key in parts[0]}


def cost_of_changes(watched, device, generation, batches):
    """Seconds on a processor for one change. Generations from the one given on are used up."""
    pid, numbers = watched.bridge.pid, range(AT_ONCE)

    def change():
        nonlocal generation
        generation += 1
        watched.change(device, numbers, generation)
    crowd.wait_quiet(1)
    change()
    before, start = cpu(pid), time.monotonic()
    for _ in range(batches):
        change()
    busy, lasted = cpu(pid) - before, time.monotonic() - start
    before = cpu(pid)
    watched.idle(IDLE_S)
    idle = (cpu(pid) - before) / IDLE_S
    return (busy - idle * lasted) / (batches * AT_ONCE)


def announce(lab, device, size, generation):
    """All services to a new avahi-daemon on A. One that goes on asking for types asks more and more
    seldom, whoever starts or ends in between, and the device does not tell of types by itself."""
    lab.a.avahi.stop()
    lab.a.start_avahi(cache_entries_max=20000)
    lab.a.wait_avahi()
    for _ in range(2):  # RFC 6762 8.3 wants two announcements; a packet may be lost
        device.set(*crowd.raw_services(range(size), generation))
        crowd.wait_quiet(0.5)


def measure(options, say):
    """{"bridge": {services: [a round: {"rss": bytes, ...}]}, "public": [...], "naive": [...],
    "cost": {services: [seconds, ...]}}"""
    lab = Lab()
    b = lab.add_host("b")
    lab.boot(lab.a, cache_entries_max=20000)
    lab.start_broker()
    device = devices.Raw(b)
    sizes, few, many = options["sizes"], *options["few_many"]
    out = {"bridge": {}, "public": [], "naive": [], "cost": {}}
    generation = 0
    for size in sorted({*sizes, few, many}):
        announce(lab, device, size, generation)
        for number in range(options["rounds"]):
            watched = Watched(lab)
            watched.wait(size)
            if size in sizes:
                out["bridge"].setdefault(str(size), []).append(memory(watched.bridge.pid))
                say(f"memory with {size}: {out['bridge'][str(size)][-1]}")
            if size in (few, many):
                cost = cost_of_changes(watched, device, generation, options["batches"])
                generation += options["batches"] + 1
                out["cost"].setdefault(str(size), []).append(cost)
                say(f"one change of {size}: {cost * 1e6:.0f} us")
            watched.stop()
            if size == options["services"]:
                out["public"].append(browse_memory(lab, size))
                out["naive"].append(naive_memory(lab, size))
                say(f"memory of others: {out['public'][-1]}, {out['naive'][-1]}")
    return out
