"""Measure (a): from the start of a program until it has reported every service there is.

Host B is one avahi-daemon with all services (20 types), on IPv4 and IPv6: two sightings a service.

What is counted, each from just before the program is started:
  bridge    until a subscriber that was there before can read the last record that has both
            protocols, and the last first record; every service is waited for. The broker is fresh.
  public    avahi-browse -arpt: until its output ends; and until its last line "=" can be read
  naive     avahi-browse -arp into paho-mqtt (naive.py): until a subscriber can read the last of its
            messages, one a sighting
Cold: avahi-daemon on A was started anew and has just said that it is ready; its cache is empty.
Warm: avahi-daemon on A has resolved everything some seconds ago. Not a moment ago: it goes on asking for
some seconds when nobody wants to know any more, and would tell the next avahi-browse at once that it has
all, which otherwise takes a second from its first question.
"""
import os
import pathlib
import signal
import subprocess
import sys
import time

import crowd
from lab import Lab
from memory import cpu
from process import Process, wait_until
from subscriber import Loop, Subscriber

HERE = pathlib.Path(__file__).resolve().parent
FORGOTTEN_S = 8  # Avahi asks after 0, 1, 3, 7 s, and forgets at the next turn what nobody wants
BOTH = b'"protocols":["IPv4","IPv6"]'


class Discovery:
    def __init__(self, count, quiet):
        self.count, self.quiet = count, quiet
        self.lab = lab = Lab()
        self.b = b = lab.add_host("b")
        crowd.put_service_files(b, count)
        lab.boot(lab.a, b)
        wait_until(lambda: self.browse()["sightings"] == 2 * count, "all services announced", 90)
        lab.start_broker()
        if quiet:
            crowd.wait_quiet(quiet)

    def processor_times(self):
        """Seconds on a processor so far, of those that work behind the program that is measured."""
        a, b = self.lab.a, self.b
        return {"avahi A": cpu(a.avahi.pid), "dbus A": cpu(a.dbus.pid), "avahi B": cpu(b.avahi.pid)}

    def spent(self, before):
        return {who: now - before[who] for who, now in self.processor_times().items()}

    def cold(self):
        self.lab.a.avahi.stop()
        if self.quiet:
            crowd.wait_quiet(1)  # answers to what it asked before it was stopped
        self.lab.a.start_avahi()
        self.lab.a.wait_avahi()
        if self.quiet:
            self.assert_cache_is_empty()

    def assert_cache_is_empty(self):
        """avahi-daemon writes its cache to its log when it is asked to."""
        self.lab.a.avahi.send(signal.SIGUSR1)
        wait_until(lambda: self.lab.a.avahi.text().count("CACHE DUMP") == 4, "the cache in the log")
        assert "_kind" not in self.lab.a.avahi.text(), "the cache is not empty"

    def warm(self):
        wait_until(lambda: self.browse()["sightings"] == 2 * self.count, "all services in the cache")
        if self.quiet:
            crowd.wait_quiet(FORGOTTEN_S)

    def fresh_broker(self):
        self.lab.broker.stop()
        self.lab.start_broker()

    def browse(self):
        """avahi-browse -arpt, to its end."""
        loop, lines = Loop(), []
        before = self.processor_times()
        start = time.monotonic()
        browse = self.lab.a.start("browse", "avahi-browse", "-arpt", stdout=subprocess.PIPE)
        loop.add_lines(browse.popen.stdout, lambda now, line: lines.append((now, line)))
        loop.run(lambda: lines and lines[-1][1] is None, "the end of avahi-browse")
        browse.wait_end()
        browse.popen.stdout.close()
        loop.close()
        found = [now for now, line in lines if line and line.startswith(b"=;lan0;")]
        return {"end": lines[-1][0] - start, "last": max(found, default=start) - start,
                "sightings": len(found), "cpu": self.spent(before)}

    def bridge(self):
        self.fresh_broker()
        subscriber, loop = Subscriber(), Loop()
        first, both, online, messages = {}, {}, [], 0

        def heard(now, topic, payload):
            nonlocal messages
            if topic.startswith("mdns/service/"):
                messages += 1
                first.setdefault(topic, now)
                if BOTH in payload:
                    both.setdefault(topic, now)
            elif topic == "mdns/bridge/state" and b'"state":"online"' in payload:
                online.append(now)
        loop.add_subscriber(subscriber, heard)
        before = self.processor_times()
        start = time.monotonic()
        bridge = self.lab.start_bridge({}, "--log-level", "warning")
        loop.run(lambda: len(both) == self.count and online,
                 lambda: f"{len(first)} records, {len(both)} complete, online {bool(online)}")
        assert set(first) == set(both), "records of services that do not exist"
        spent = {**self.spent(before), "bridge": cpu(bridge.pid), "broker": cpu(self.lab.broker.pid)}
        assert bridge.stop() == 0, bridge.text()
        loop.close()
        subscriber.close()
        return {"both": max(both.values()) - start, "first": max(first.values()) - start,
                "online": online[0] - start, "messages": messages, "cpu": spent}

    def naive(self):
        self.fresh_broker()
        subscriber, loop, seen = Subscriber("naive/#"), Loop(), {}
        loop.add_subscriber(subscriber, lambda now, topic, _: "/lan0/" in topic and seen.setdefault(topic, now))
        start = time.monotonic()
        naive = Process("naive", [sys.executable, "-B", HERE / "naive.py"], start_new_session=True)
        loop.run(lambda: len(seen) == 2 * self.count, lambda: f"{len(seen)} messages")
        os.killpg(naive.pid, signal.SIGKILL)  # avahi-browse, too
        naive.wait_end()
        loop.close()
        subscriber.close()
        return {"last": max(seen.values()) - start}


def measure(options, say):
    """{"cold": {"bridge": [...], "public": [...], "naive": [...]}, "warm": ...}: a value a round."""
    bench = Discovery(options["services"], options["quiet"])
    out = {way: {"bridge": [], "public": [], "naive": []} for way in ("cold", "warm")}
    for number in range(options["rounds"]):
        for way in ("cold", "warm"):
            turns = [("bridge", bench.bridge), ("public", bench.browse)]
            if number % 2:
                turns.reverse()
            for who, turn in turns + [("naive", bench.naive)]:
                getattr(bench, way)()
                out[way][who].append(turn())
                say(f"{way} {who}: {out[way][who][-1]}")
    for way in out:
        for result in out[way]["public"]:
            result["missing"] = 2 * bench.count - result["sightings"]
    return out
