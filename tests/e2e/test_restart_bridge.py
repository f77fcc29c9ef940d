"""The bridge ends, in good order or not, and comes back: nothing flaps, nothing stale is left."""
import json

import observer
import world
from case import Case
from devices import Raw, service


def things(*numbers, **more):
    return [service(f"Thing {n}", port=1000 + n, **more) for n in numbers]


class RestartBridge(Case):
    def boot_with(self, *numbers):
        watch = self.boot("b")
        self.device = Raw(self.b)
        self.device.set(*things(*numbers))
        for n in numbers:
            watch.service(f"Thing {n}", protocols=["IPv4", "IPv6"])
        return watch

    def names_at_broker(self):
        return {json.loads(p)["name"] for p in observer.snapshot("mdns/service/#").values()}

    def until_second_online(self, watch, mark, first):
        """Waits for `online` of the next life; returns what was said of each service before it."""
        watch.message(lambda m: m.state == "online" and m.record["epoch"] > first["epoch"],
                      "online of the next life", since=mark)
        before = {}
        for message in watch.since(mark):
            if message.state == "online" and not message.key:
                break
            if message.key:
                before.setdefault(message.name, []).append(message.state)
        return before

    def test_killed(self):
        watch = self.boot_with(*range(10))
        first = watch.online()
        # It dies in the middle of things: these are announced, and it may have published some.
        self.device.set(*things(*range(10, 20)))
        watch.service("Thing 10")
        mark = watch.mark()
        self.lab.bridge.kill()
        will = watch.bridge_state(since=mark, state="offline")
        self.assertEqual(will["epoch"], first["epoch"])
        starting = watch.bridge_state(state="starting")
        self.assertLess(will["seq"], starting["seq"])  # made at connect time, before anything else
        self.assertTrue({f"Thing {n}" for n in range(11)} <= self.names_at_broker())

        forgotten = self.avahi_forgets("Thing 0", "Thing 1", "Thing 10")
        self.device.goodbye(*things(0, 1, 10))
        self.device.set(*things(2, 11, txt=["changed=1"]), *things(20, 21))
        forgotten()
        mark = watch.mark()
        self.start_bridge()
        before = self.until_second_online(watch, mark, first)
        stays = set(range(22)) - {0, 1, 10}
        self.assertEqual(self.names_at_broker(), {f"Thing {n}" for n in stays})
        for n in (0, 1, 10):
            self.assertEqual(before[f"Thing {n}"], ["gone", None])
        for n in stays:
            self.assertNotIn("gone", before.get(f"Thing {n}", []))
            self.assertNotIn(None, before.get(f"Thing {n}", []))
        records = {r["name"]: r for r in watch.services().values()}
        self.assertEqual({n for n, r in records.items() if r["txt"]}, {"Thing 2", "Thing 11"})

    def test_killed_again_and_again(self):
        """Whenever it is killed, the next life makes the tree right before it says `online`."""
        watch = self.boot_with(0)
        last = watch.online()
        for n in range(1, 6):
            forgotten = self.avahi_forgets(f"Thing {n - 1}")
            self.device.set(*things(n))
            self.device.goodbye(*things(n - 1))
            self.lab.bridge.kill()
            forgotten()
            mark = watch.mark()
            self.start_bridge()
            if n % 2:  # the next one is killed somewhere on its way
                watch.bridge_state(since=mark, state="starting")
                continue
            self.until_second_online(watch, mark, last)
            last = watch.online(since=mark)
            self.assertEqual(self.names_at_broker(), {f"Thing {n}"})

    def test_terminated(self):
        watch = self.boot_with(0, 1)
        first = watch.online()
        mark = watch.mark()
        self.assertEqual(self.lab.bridge.stop(), 0)
        offline = watch.bridge_state(since=mark, state="offline")
        self.assertGreater(offline["seq"], first["seq"])  # a record of its own, not the will
        self.assertEqual(self.names_at_broker(), {"Thing 0", "Thing 1"})
        self.assertEqual([str(m) for m in watch.since(mark) if m.key], [])

        forgotten = self.avahi_forgets("Thing 1")
        self.device.goodbye(*things(1))
        forgotten()
        mark = watch.mark()
        self.start_bridge()
        before = self.until_second_online(watch, mark, first)
        self.assertEqual(before["Thing 1"], ["gone", None])
        self.assertNotIn(None, before.get("Thing 0", []))
        self.assertEqual(self.names_at_broker(), {"Thing 0"})

    def test_foreign_state(self):
        """A late last will, or another bridge, overwrites the state: the one who lives has the last word."""
        watch = self.boot()
        online = watch.message(lambda m: m.state == "online", "online")
        epoch = str(online.record["epoch"]).encode()
        foreign = online.payload.replace(epoch, epoch[:-1] + (b"1" if epoch.endswith(b"0") else b"0"))
        mark = watch.mark()
        observer.publish("mdns/bridge/state", foreign, retain=True)
        watch.message(lambda m: m.payload == foreign, "the foreign one", mark)
        self.assertEqual(watch.message(lambda m: m.state == "online" and m.payload != foreign, "ours again", mark)
                         .record["epoch"], online.record["epoch"])
        self.bridges[-1].wait_log("somebody else has published")

    def test_foreign_retained(self):
        """What is in its tree and is no record of its own, of whatever form, is cleared or left alone."""
        watch = self.boot("b", bridge=False)
        watch.strict = False  # it hears what we publish, too
        odd = {"mdns/service/local/_x._tcp/Junk/lan0": b"junk",
               "mdns/service/local/_x._tcp/No record/lan0": b"{}",
               "mdns/service/local/_x._tcp/Large/lan0": b"x" * 100_000,
               "mdns/service/local/_x._tcp/bad %zz/lan0": b"{}",
               "mdns/service/short": b"x", "mdns/service/a/b/c/d/e": b"x", "mdns/other": b"x"}
        for topic, payload in odd.items():
            observer.publish(topic, payload, retain=True)
        self.start_bridge()
        watch.online()
        self.marker(watch, self.b)
        left = set(observer.snapshot()) - {"mdns/bridge/state", "mdns/bridge/stats"}
        self.assertIn("mdns/other", left)
        self.assertNotIn("mdns/service/local/_x._tcp/Junk/lan0", left)
        self.assertNotIn("mdns/service/local/_x._tcp/No record/lan0", left)
        self.assertNotIn("mdns/service/local/_x._tcp/Large/lan0", left)

    def test_many_foreign_retained(self):
        """More than there is room for at a time: all of it is cleared before `online`."""
        watch = self.boot(bridge=False)
        watch.strict = False  # it hears what we publish, too
        topics = [f"mdns/service/local/_http._tcp/Old {i}/lan0" for i in range(2200)]
        topics.append("mdns/service/" + "x" * 5000)
        for topic in topics:
            sent = watch.client.publish(topic, b"{}", qos=1, retain=True)
        sent.wait_for_publish(30)
        self.start_bridge({"browse": {"max-services": 10}})
        watch.online(timeout=60)
        self.assertEqual(observer.snapshot("mdns/service/#"), {})


if __name__ == "__main__":
    world.main()
