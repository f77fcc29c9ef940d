"""Many services: each one is there once, none is missing."""
import contextlib
import json
import subprocess

import observer
import world
from case import Case
from devices import Raw, service


def crowd(count):
    """`count` services of 20 types on 50 hosts, as {(type, name): service}."""
    out = {}
    for i in range(count):
        kind, name = f"_kind{i % 20:02}._tcp", f"Service {i:04}"
        out[kind, name] = service(name, kind, 1000 + i, [f"number={i}", "path=/"], host=f"host{i % 50}")
    return out


class Scale(Case):
    limit = 2 * Case.limit

    def run_crowd(self, count, timeout, bridge=True, **avahi):
        """Announces them on B; returns the observer when all are complete at the broker."""
        b = self.lab.add_host("b")
        self.lab.start_broker()
        self.lab.boot(self.a, **avahi)
        everyone = crowd(count)
        self.device = Raw(b)
        self.device.set(*everyone.values())
        watch = self.observe()
        self.start_bridge({"records": {"stats-interval": 1}, "log": {"level": "info"}})
        watch.wait(lambda: sum(len(r["protocols"]) for r in watch.services().values()) >= 2 * count,
                   lambda: f"{count} services on two protocols", timeout)
        watch.online(timeout=timeout)
        tree = {t: p for t, p in observer.snapshot("mdns/service/#").items()}
        self.assertEqual(len(tree), count)
        for payload in tree.values():
            self.assertEqual(len(payload), 4096)
            record = json.loads(payload)
            wanted = everyone.pop((record["type"], record["name"]))  # KeyError: there twice
            self.assertEqual(record["port"], wanted["port"])
            self.assertEqual(record["txt"], {"number": str(wanted["port"] - 1000), "path": "/"})
            self.assertEqual(record["host"], wanted["host"] + ".local")
            self.assertEqual(record["protocols"], ["IPv4", "IPv6"])
            self.assertEqual(record["addresses"], [b.address, b.link_local() + "%lan0"])
        self.assertEqual(everyone, {})
        self.assertFalse([m for m in watch.messages if m.key and not m.payload])
        return watch

    def test_500(self):
        watch = self.run_crowd(500, 40)
        mark = watch.mark()
        leaving = list(crowd(500).values())[:250]
        # A busy receiver loses packets, and nobody asks again for what has gone: so it is said again.
        for attempt in range(10):
            self.device.goodbye(*leaving)
            with contextlib.suppress(AssertionError):
                watch.wait(lambda: len(watch.services()) <= 250, "half of them gone", 3)
                break
        watch.wait(lambda: len(watch.services()) == 250, "the other half is there", 1)
        watch.bridge_state(since=mark, services=250)

    def test_1500(self):
        """More than one connection to Avahi can follow, and more than Avahi caches by default."""
        watch = self.run_crowd(1500, 80, cache_entries_max=20000)
        stats = watch.stats(lambda r: r["avahi_clients"] > 1, "more than one AvahiClient")
        self.assertEqual(stats.get("retained_missing", 0), 0)
        heard = subprocess.run(["mosquitto_sub", "-q", "1", "-t", "mdns/service/#", "-C", "1500", "-N",
                                "-W", "20"], stdout=subprocess.PIPE)
        self.assertEqual((heard.returncode, len(heard.stdout)), (0, 1500 * 4096))


if __name__ == "__main__":
    world.main()
