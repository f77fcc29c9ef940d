"""Changes are settled: Avahi's torn states in between are never published."""
import itertools

import world
from case import Case
from devices import Raw, Zeroconf, service


class Torn(Case):
    numbers = itertools.count()

    def boot_with(self):
        watch = self.boot("b")
        self.device = Raw(self.b)
        self.device.set(service("Changing", port=1000, txt=["n=1000"]))
        watch.service("Changing", protocols=["IPv4", "IPv6"])
        return watch

    def end(self, watch):
        """Two more services, one after the other: what was to come has come by then."""
        for _ in range(2):
            name = f"Marker {next(self.numbers)}"
            self.device.set(service(name))
            watch.service(name, protocols=["IPv4", "IPv6"])

    def test_port_and_txt_together(self):
        watch = self.boot_with()
        for port in range(1001, 1006):
            mark = watch.mark()
            self.device.set(service("Changing", port=port, txt=[f"n={port}"]))
            watch.service("Changing", since=mark, port=port)
            self.end(watch)
            said = [(m.record["port"], m.record["txt"]["n"]) for m in watch.of("Changing", since=mark)]
            self.assertEqual(said, [(port, str(port))])

    def test_by_zeroconf(self):
        watch = self.boot("b")
        device = Zeroconf(self.b)
        device.register("Changing", "_http._tcp", 1, ["n=1"])
        watch.service("Changing", protocols=["IPv4", "IPv6"])
        mark = watch.mark()
        device.update("Changing", "_http._tcp", 2, ["n=2"])
        watch.service("Changing", since=mark, port=2)
        self.marker(watch, self.b)
        self.assertEqual([(m.record["port"], m.record["txt"]["n"]) for m in watch.of("Changing", since=mark)],
                         [(2, "2")])

    def test_twenty_quick_changes(self):
        watch = self.boot_with()
        mark = watch.mark()
        for port in range(1001, 1021):
            self.device.set(service("Changing", port=port, txt=[f"n={port}"]))
        watch.service("Changing", since=mark, port=1020, txt={"n": "1020"})
        self.end(watch)
        said = [(m.record["port"], m.record["txt"]["n"]) for m in watch.of("Changing", since=mark)]
        self.assertEqual(said[-1], (1020, "1020"))
        self.assertLess(len(said), 10)
        self.assertEqual([s for s in said if str(s[0]) != s[1]], [], "torn records")

    def test_goes_and_comes(self):
        """Away and back at once: it is there in the end."""
        watch = self.boot_with()
        mark = watch.mark()
        for port in (1, 2, 3):
            self.device.goodbye(service("Changing"))
            self.device.set(service("Changing", port=port))
        watch.service("Changing", since=mark, port=3)
        self.end(watch)
        self.assertIn("mdns/service/local/_http._tcp/Changing/lan0", watch.services())


if __name__ == "__main__":
    world.main()
