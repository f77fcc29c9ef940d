"""A service is taken over by another host under the same name: the record is of that host, all of it."""
import world
from case import Case
from devices import AvahiPublish, Raw, service

BOTH = ["IPv4", "IPv6"]


class Moved(Case):
    def boot_with(self, *names):
        watch = self.boot("b", *names)
        self.first = Raw(self.b)
        self.first.set(service("Thing", host="one", port=1))
        watch.service("Thing", host="one.local", protocols=BOTH)
        return watch

    def check(self, watch, mark, address, **wanted):
        def right():
            record = watch.services().get("mdns/service/local/_http._tcp/Thing/lan0", {})
            return record.get("addresses", [None])[0] == address and \
                all(record.get(k) == v for k, v in wanted.items())
        watch.wait(right, f"a record of Thing at {address} with {wanted}", 30)
        self.assertNotIn("gone", [m.state for m in watch.of("Thing", since=mark)])

    def test_to_another_host(self):
        watch = self.boot_with("c")
        self.first.kill()
        mark = watch.mark()
        Raw(self.c).set(service("Thing", host="two", port=2))
        self.check(watch, mark, self.c.address, host="two.local", port=2, protocols=BOTH, local=False)

    def test_to_this_host(self):
        watch = self.boot_with()
        self.first.kill()
        mark = watch.mark()
        AvahiPublish(self.a, "Thing", "_http._tcp", 2)
        self.check(watch, mark, self.a.address, host="box-a.local", port=2, protocols=BOTH, local=True)


if __name__ == "__main__":
    world.main()
