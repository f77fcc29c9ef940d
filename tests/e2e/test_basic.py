"""A service on host B is a retained record on host A: it appears, changes, and goes."""
import json
import subprocess

import observer
import world
from case import Case
from devices import AvahiPublish, Zeroconf

BOTH = ["IPv4", "IPv6"]


class Basic(Case):
    def test_appears_and_goes(self):
        watch = self.boot("b")
        printer = AvahiPublish(self.b, "Kitchen printer", "_ipp._tcp", 631, "rp=ipp/print", "Color=T")
        record = watch.service("Kitchen printer", protocols=BOTH)
        stamp = {key: record.pop(key) for key in ("epoch", "seq", "time")}
        self.assertEqual(record, {
            "v": 1, "state": "up", "name": "Kitchen printer", "type": "_ipp._tcp", "domain": "local",
            "interface": "lan0", "protocols": BOTH, "host": "box-b.local", "port": 631,
            "addresses": ["10.77.0.2", self.b.link_local() + "%lan0"],
            "txt": {"rp": "ipp/print", "Color": "T"}, "local": False})
        self.assertAlmostEqual(stamp["time"], stamp["epoch"], delta=60_000)

        topic = "mdns/service/local/_ipp._tcp/Kitchen printer/lan0"
        kept = json.loads(observer.snapshot()[topic])
        self.assertEqual(kept, {**record, **stamp})
        heard = subprocess.run(["mosquitto_sub", "-t", topic, "-C", "1", "-N", "-W", "10"],
                               stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual((len(heard), json.loads(heard)), (4096, kept))

        flags = self.observe(strict=False, as_published=True)
        mark = watch.mark()
        printer.stop()
        watch.cleared("Kitchen printer", since=mark)
        gone, empty = watch.of("Kitchen printer", since=mark)
        self.assertEqual((gone.state, gone.topic), ("gone", topic))
        self.assertEqual((empty.payload, empty.topic), (b"", topic))
        self.assertEqual(gone.record["txt"], record["txt"])
        flags.cleared("Kitchen printer")
        self.assertEqual([(m.state, m.retain) for m in flags.of("Kitchen printer")],
                         [("up", True), ("gone", False), (None, True)])
        self.assertNotIn(topic, observer.snapshot())

    def test_changes(self):
        watch = self.boot("b")
        device = Zeroconf(self.b)
        device.register("Thing", "_http._tcp", 80, ["a=1"])
        first = watch.service("Thing", protocols=BOTH)
        self.assertEqual((first["host"], first["port"], first["txt"]), ("thing.local", 80, {"a": "1"}))
        device.update("Thing", "_http._tcp", 80, ["a=2", "new"])
        watch.service("Thing", port=80, txt={"a": "2", "new": True})
        device.update("Thing", "_http._tcp", 8080, ["a=2", "new"])
        watch.service("Thing", port=8080, txt={"a": "2", "new": True})
        device.update("Thing", "_http._tcp", 8080)
        watch.service("Thing", port=8080, txt={})
        mark = watch.mark()
        device.unregister("Thing", "_http._tcp")
        watch.cleared("Thing", since=mark)
        device.register("Thing", "_http._tcp", 81)
        watch.service("Thing", since=mark, port=81)

    def test_no_churn(self):
        """While nothing changes nothing is published, though the network repeats itself."""
        watch = self.boot("b")
        device = Zeroconf(self.b)
        device.register("Quiet", "_http._tcp", 80, ["a=1"])
        watch.service("Quiet", protocols=BOTH)
        mark = watch.mark()
        device.update("Quiet", "_http._tcp", 80, ["a=1"])  # announced again, as it was
        other = self.lab.add_host("c")
        self.lab.boot(other)
        self.marker(watch, other, "One").stop()
        watch.cleared("One")
        self.marker(watch, self.b, "Two")
        self.assertEqual(watch.of("Quiet", since=mark), [])

    def test_prefix_and_size(self):
        self.boot("b", bridge=False)
        watch = self.observe(prefix="site/one", size=2048)
        self.start_bridge({"records": {"prefix": "site/one", "size": 2048}})
        self.assertEqual(watch.online()["record_size"], 2048)
        AvahiPublish(self.b, "Small", "_http._tcp", 80)
        watch.service("Small")
        self.assertEqual([t for t in observer.snapshot("#") if not t.startswith("site/one/")], [])

    def test_state_and_stats(self):
        watch = self.boot("b", config={"records": {"stats-interval": 1}})
        states = [m.state for m in watch.messages if m.topic == "mdns/bridge/state"]
        self.assertEqual((states[0], states[-1]), ("starting", "online"))
        self.marker(watch, self.b)
        mark = watch.mark()
        watch.stats(lambda r: r, "anything", since=mark)
        watch.bridge_state(services=1, avahi="up", state="online")


class Selection(Case):
    def test_local(self):
        watch = self.boot("b")
        AvahiPublish(self.a, "Mine", "_http._tcp", 80)
        AvahiPublish(self.b, "Other", "_http._tcp", 80)
        mine = watch.service("Mine", protocols=BOTH)
        self.assertEqual((mine["local"], mine["host"], mine["interface"]), (True, "box-a.local", "lan0"))
        self.assertEqual(mine["addresses"][0], "10.77.0.1")
        self.assertIs(watch.service("Other")["local"], False)

    def test_without_local(self):
        self.boot("b", bridge=False)
        AvahiPublish(self.a, "Mine", "_http._tcp", 80).established()
        AvahiPublish(self.b, "Other", "_http._tcp", 80).established()
        watch = self.observe()
        self.start_bridge({"browse": {"local": "no"}})
        watch.service("Other", protocols=BOTH)
        self.marker(watch, self.b)
        self.assertEqual(watch.of("Mine"), [])

    def three_networks(self, config, *args):
        """A and B share lan0, eth9 and veth7; returns the interfaces that B's service is shown on."""
        b = self.lab.add_host("b")
        for number, interface in enumerate(("eth9", "veth7")):
            self.lab.add_switch(f"sw{number}")
            for host in (self.a, b):
                host.plug(interface, f"sw{number}", f"10.78.{number}.{host.number}")
        self.lab.start_broker()
        self.lab.boot(self.a, b)
        AvahiPublish(b, "Everywhere", "_http._tcp", 80).established()
        self.avahi_sees(*[f"+;{i};IPv6;Everywhere;" for i in ("lan0", "eth9", "veth7")])()
        watch = self.observe()
        self.start_bridge({"browse": config}, *args)
        watch.online()
        self.marker(watch, b)
        return sorted({m.record["interface"] for m in watch.of("Everywhere")})

    def test_ignored_by_default(self):
        self.assertEqual(self.three_networks({}), ["eth9", "lan0"])

    def test_interface_globs(self):
        self.assertEqual(self.three_networks({"interfaces": "lan? veth*", "ignore-interfaces": "lo"}),
                         ["lan0", "veth7"])

    def test_interface_option(self):
        self.assertEqual(self.three_networks({"interfaces": "eth*"}, "--interface", "lan0"), ["lan0"])

    def test_interface_goes(self):
        """An interface is unplugged and plugged in again: only what was seen there is touched."""
        watch = self.boot("b")
        self.lab.add_switch("sw")
        for host in (self.a, self.b):
            host.plug("eth9", "sw", f"10.78.0.{host.number}")
        AvahiPublish(self.b, "Twice", "_http._tcp", 80)
        for interface in ("lan0", "eth9"):
            watch.service("Twice", interface=interface, protocols=BOTH)
        mark = watch.mark()
        self.a.run("ip", "link", "delete", "eth9")
        watch.cleared("Twice", since=mark)
        self.a.plug("eth9", "sw", "10.78.0.1")
        watch.service("Twice", since=mark, interface="eth9", protocols=BOTH)
        self.assertEqual({m.key[3] for m in watch.of("Twice", since=mark)}, {b"eth9"})

    def test_types(self):
        self.boot("b", bridge=False)
        for kind in ("_ssh._tcp", "_http._tcp", "_ipp._tcp"):
            AvahiPublish(self.b, "Of " + kind, kind, 80).established()
        watch = self.observe()
        self.start_bridge({}, "--type", "_http._tcp", "--type", "_ipp._tcp", "--type", "_marker._tcp")
        watch.online()
        self.marker(watch, self.b)
        self.assertEqual({r["type"] for r in watch.services().values()},
                         {"_http._tcp", "_ipp._tcp", "_marker._tcp"})

    def test_one_protocol(self):
        for off, protocols in (("ipv6", ["IPv4"]), ("ipv4", ["IPv6"])):
            with self.subTest(off=off):
                if off == "ipv6":
                    self.boot("b", bridge=False)
                    AvahiPublish(self.b, "Single", "_http._tcp", 80).established()
                watch = self.observe()
                mark = watch.mark()
                bridge = self.start_bridge({"browse": {off: "no"}})
                watch.online(since=mark)
                marker = self.marker(watch, self.b, f"Marker {off}")
                record, = [r for t, r in watch.services().items() if "/Single/" in t]
                self.assertEqual(record["protocols"], protocols)
                self.assertEqual(len(record["addresses"]), 1)
                self.assertEqual(":" in record["addresses"][0], off == "ipv4")
                self.assertEqual(bridge.stop(), 0)
                marker.stop()


if __name__ == "__main__":
    world.main()
