"""Broker, avahi-daemon and D-Bus come and go, in any order; the bridge works on."""
import json
import signal

import adverts
import observer
import world
from case import Case
from devices import AvahiPublish, Raw, service
from process import wait_until

PERSISTENT = """listener 1883 127.0.0.1
allow_anonymous true
max_queued_messages 200000
persistence true
persistence_location /tmp/
"""


def names_at_broker():
    return {json.loads(p)["name"] for p in observer.snapshot("mdns/service/#").values()}


class Broker(Case):
    def boot_with(self, *names, config=None, broker=None):
        self.b = self.lab.add_host("b")
        self.lab.start_broker(broker)
        self.lab.boot(self.a)
        self.device = Raw(self.b)
        self.device.set(*[service(name) for name in names])
        watch = self.observe()
        self.start_bridge(config)
        for name in names:
            watch.service(name, protocols=["IPv4", "IPv6"])
        watch.online()
        return watch

    def again(self, watch, end, broker=None):
        """Ends the broker and starts it again; returns the mark between the two."""
        end()
        watch.wait(lambda: not watch.connected, "the observer has heard all of the old broker")
        mark, times = watch.mark(), watch.subscribed
        self.lab.start_broker(broker)
        watch.wait(lambda: watch.subscribed > times, "the observer is back", 30)
        return mark

    def test_without_persistence(self):
        watch = self.boot_with("One", "Two")
        for port, end in ((81, "stop"), (82, "kill")):
            mark = self.again(watch, getattr(self.lab.broker, end))

            def online_again():
                heard = [m for m in watch.since(mark) if m.topic == "mdns/bridge/state" and m.record]
                # Not the `online` of a count that has changed before: the one that follows `starting`,
                # or that the new broker has already.
                return heard and heard[-1].state == "online" and (
                    heard[0].retain or "starting" in [m.state for m in heard])
            watch.wait(online_again, "online again", 30)
            self.assertEqual(names_at_broker(), {"One", "Two"})
            self.assertEqual({r["name"] for r in watch.services().values()}, {"One", "Two"})
            self.assertFalse([m for m in watch.since(mark) if m.key and m.state != "up"])
            self.device.set(service("Two", port=port))
            watch.service("Two", since=mark, port=port)

    def test_changes_while_away(self):
        watch = self.boot_with("Stays", "Goes", "Changes")
        self.lab.broker.stop()
        self.device.goodbye(service("Goes"))
        self.device.set(service("Changes", port=81), service("Comes"))
        mark = self.again(watch, lambda: None)
        watch.service("Changes", port=81, since=mark, timeout=30)
        watch.service("Comes", since=mark)
        watch.online(since=mark)
        self.assertEqual(names_at_broker(), {"Stays", "Changes", "Comes"})

    def test_with_persistence(self):
        """What the broker kept and is still right is not published again; what is wrong is put right."""
        watch = self.boot_with("Stays", "Goes", "Changes", broker=PERSISTENT)
        mark = self.again(watch, self.lab.broker.stop, PERSISTENT)
        watch.online(since=mark, timeout=30)
        self.assertEqual([str(m) for m in watch.since(mark) if m.key and not m.retain], [])
        self.assertEqual(names_at_broker(), {"Stays", "Goes", "Changes"})

        self.lab.broker.stop()
        self.device.goodbye(service("Goes"))
        self.device.set(service("Changes", port=81), service("Comes"))
        mark = self.again(watch, lambda: None, PERSISTENT)
        watch.service("Changes", port=81, since=mark, timeout=30)
        watch.service("Comes", since=mark)
        watch.cleared("Goes", since=mark)
        watch.online(since=mark)
        self.assertEqual(names_at_broker(), {"Stays", "Changes", "Comes"})
        self.assertEqual([str(m) for m in watch.of("Stays", since=mark) if not m.retain], [])

    def test_old_tree(self):
        """A broker that crashed comes back with a tree of long ago."""
        watch = self.boot_with("Stays", "Goes", broker=PERSISTENT)
        self.again(watch, self.lab.broker.stop, PERSISTENT)  # this is what it remembers
        watch.online()
        self.device.goodbye(service("Goes"))
        watch.cleared("Goes")
        self.device.set(service("Comes"))
        watch.service("Comes")
        mark = self.again(watch, self.lab.broker.kill, PERSISTENT)
        watch.cleared("Goes", since=mark, timeout=30)
        watch.service("Comes", since=mark)
        watch.online(since=mark)
        self.assertEqual(names_at_broker(), {"Stays", "Comes"})
        self.assertEqual([str(m) for m in watch.of("Stays", since=mark) if not m.retain], [])

    def test_stopped(self):
        """A broker that hangs for a while gets the last state, not the history."""
        watch = self.boot_with("Busy")
        self.lab.broker.send(signal.SIGSTOP)
        mark = watch.mark()
        for port in range(81, 90):
            self.device.set(service("Busy", port=port))
        self.device.set(service("Seen by avahi", "_other._tcp"))
        browse = self.a.start("browse", "avahi-browse", "-rpk", "_http._tcp")
        browse.wait_log(";89;")
        self.lab.broker.send(signal.SIGCONT)
        watch.service("Busy", port=89, since=mark)
        watch.service("Seen by avahi", since=mark)
        self.assertLess(len(watch.of("Busy", since=mark)), 9)
        self.assertEqual(names_at_broker(), {"Busy", "Seen by avahi"})

    def test_hangs(self):
        """A broker that hangs for good is noticed by keepalive, and found again."""
        watch = self.boot_with("Stays", config={"broker": {"keepalive": 5}})
        bridge = self.lab.bridge
        said = len(bridge.text())
        self.lab.broker.send(signal.SIGSTOP)
        wait_until(lambda: "connected -> " in bridge.text()[said:], "the connection is given up", 20)
        self.device.set(service("Comes"))
        mark = watch.mark()
        self.lab.broker.send(signal.SIGCONT)
        watch.service("Comes", since=mark, timeout=30)
        watch.online(since=mark)
        self.assertEqual(names_at_broker(), {"Stays", "Comes"})


    def test_nothing_stale(self):
        """What was under way when the broker died is not sent to the next one behind everybody's back."""
        watch = self.boot_with("Busy")
        bridge = self.lab.bridge
        self.lab.broker.send(signal.SIGSTOP)
        self.device.set(service("Busy", port=81))
        bridge.wait_log("thing.local port 81")

        def end():
            bridge.send(signal.SIGSTOP)  # so that the observer is back first
            self.lab.broker.kill()
        mark = self.again(watch, end)
        bridge.send(signal.SIGCONT)
        watch.service("Busy", since=mark, port=81, timeout=30)
        self.assertEqual(watch.since(mark)[0].state, "starting")


class Requests(adverts.AdvertCase):
    """The same for what containers asked for."""

    def boot_with_request(self, broker=None):
        watch, _ = self.boot_lan(broker=broker)
        web = self.container("web")
        web.wish("app", "Web app")
        watch.established("web/app")
        return watch, web

    def test_stale_clear(self):
        """A client ends, and is back with its request before the broker has heard of the end."""
        watch, web = self.boot_with_request()
        bridge = self.lab.bridge
        web.say_presence("offline")
        bridge.wait_log("web/app: its end was no broker's")
        self.lab.broker.send(signal.SIGSTOP)
        bridge.wait_log("web/app: ends (client-offline)")

        def end():
            bridge.send(signal.SIGSTOP)
            self.lab.broker.kill()
        mark = self.restart_broker(watch, end)
        web.wait_connected()
        watch.message(lambda m: m.topic == "mdns/advertise/web/app" and m.payload, "it asks again", mark)
        bridge.send(signal.SIGCONT)
        watch.established("web/app", since=mark, timeout=30)
        self.assertEqual(set(self.requests_at_broker()), {"web/app"})

    def test_status_under_way(self):
        """A status that the broker did not take is published again, and not what it remembers instead."""
        watch, _ = self.boot_with_request(broker=adverts.PERSISTENT)
        self.lab.broker.send(signal.SIGSTOP)
        self.a.avahi.kill()
        self.lab.bridge.wait_log("web/app: pending")
        mark = self.restart_broker(watch, self.lab.broker.kill, adverts.PERSISTENT)
        watch.status("web/app", since=mark, state="pending", timeout=30)


class Order(Case):
    """The bridge starts with whatever is there, and needs nobody to start it again."""

    def start_in_order(self, *order):
        b = self.lab.add_host("b")
        self.lab.boot(b)
        AvahiPublish(b, "Patient", "_http._tcp", 80).established()
        actions = {"bridge": self.start_bridge, "dbus": self.a.start_dbus, "broker": self.lab.start_broker,
                   "avahi": lambda: (self.a.start_avahi(), self.a.wait_avahi())}
        watch = None
        for step in order:
            actions[step]()
            if "broker" in order[:order.index(step) + 1] and not watch:
                watch = self.observe()
            if watch and self.bridges:
                up = self.a.avahi is not None
                watch.bridge_state(avahi="up" if up else "down", timeout=30)
            if not self.a.avahi and watch:
                self.assertFalse([m for m in watch.messages if m.key])
        watch.service("Patient", protocols=["IPv4", "IPv6"], timeout=30)
        watch.bridge_state(state="online", avahi="up", timeout=30)

    def test_bridge_broker_dbus_avahi(self):
        self.start_in_order("bridge", "broker", "dbus", "avahi")

    def test_bridge_dbus_avahi_broker(self):
        self.start_in_order("bridge", "dbus", "avahi", "broker")

    def test_dbus_bridge_broker_avahi(self):
        self.start_in_order("dbus", "bridge", "broker", "avahi")

    def test_broker_bridge_dbus_avahi(self):
        self.start_in_order("broker", "bridge", "dbus", "avahi")

    def test_dbus_avahi_bridge_broker(self):
        self.start_in_order("dbus", "avahi", "bridge", "broker")


class Avahi(Case):
    """avahi-daemon is away for a while; B is a raw device, which nothing on A can take down."""

    def boot_with(self, *names, config=None):
        watch = self.boot("b", config=config)
        self.device = Raw(self.b)
        self.device.set(*[service(name) for name in names])
        for name in names:
            watch.service(name, protocols=["IPv4", "IPv6"])
        watch.online()
        return watch

    def while_down(self, watch, down, up):
        """Takes Avahi down and up again, with changes in between: only those are published."""
        mark = watch.mark()
        down()
        watch.bridge_state(since=mark, avahi="down")
        self.assertEqual(names_at_broker(), {"Stays", "Goes", "Changes"})
        self.device.goodbye(service("Goes"))
        self.device.set(service("Changes", port=81), service("Comes"))
        up()
        watch.bridge_state(since=mark, avahi="up", timeout=30)
        watch.service("Changes", port=81, since=mark, timeout=30)
        watch.service("Comes", since=mark, timeout=30)
        watch.cleared("Goes", since=mark, timeout=40)
        self.marker(watch, self.b)
        self.assertEqual([str(m) for m in watch.of("Stays", since=mark)], [])
        self.assertEqual([m.state for m in watch.of("Goes", since=mark)], ["gone", None])
        self.assertNotIn("gone", [m.state for m in watch.of("Changes", since=mark)])
        self.assertEqual(names_at_broker(), {"Stays", "Changes", "Comes", "End marker"})

    def restart_avahi(self):
        self.a.start_avahi()
        self.a.wait_avahi()

    def test_terminated(self):
        watch = self.boot_with("Stays", "Goes", "Changes")
        self.while_down(watch, self.a.avahi.stop, self.restart_avahi)

    def test_killed(self):
        watch = self.boot_with("Stays", "Goes", "Changes")
        self.while_down(watch, self.a.avahi.kill, self.restart_avahi)

    def test_dbus(self):
        watch = self.boot_with("Stays", "Goes", "Changes")

        def down():
            self.a.dbus.kill()
            self.a.avahi.wait_end()  # avahi-daemon ends with its bus
        self.while_down(watch, down, lambda: (self.a.start_dbus(), self.restart_avahi()))

    def test_hangs(self):
        """avahi-daemon hangs: every call to it blocks, but neither the broker nor a signal has to wait."""
        watch = self.boot_with("One", config={"records": {"stats-interval": 1}})
        self.a.avahi.send(signal.SIGSTOP)
        self.lab.write_config({"records": {"stats-interval": 1}, "browse": {"ipv6": "no"}})
        self.lab.bridge.send(signal.SIGHUP)  # makes it talk to Avahi
        for _ in range(3):
            watch.stats(lambda r: True, "anything", since=watch.mark())
        self.assertEqual(names_at_broker(), {"One"})
        self.assertEqual(self.lab.bridge.stop(), 0)
        watch.bridge_state(state="offline")

    def test_past_grace(self):
        watch = self.boot_with("One", "Two", config={"browse": {"avahi-grace": 2}})
        mark = watch.mark()
        self.a.avahi.kill()
        watch.bridge_state(since=mark, avahi="down")
        for name in ("One", "Two"):
            watch.cleared(name, since=mark)
            self.assertEqual([m.state for m in watch.of(name, since=mark)], ["gone", None])
        self.assertEqual(names_at_broker(), set())
        watch.bridge_state(since=mark, services=0)
        mark = watch.mark()
        self.restart_avahi()
        for name in ("One", "Two"):
            watch.service(name, since=mark, timeout=30)


if __name__ == "__main__":
    world.main()
