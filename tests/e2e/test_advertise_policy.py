"""What the operator allows: types, ports, numbers, for all clients and for one."""
import world
from adverts import AdvertCase
from lan import BusWatch

ANSWERS = 64  # to those who have no room, that stay retained at most


def config(**sections):
    """[advertise] from `general`, [advertise CLIENT] from each other keyword; no port check."""
    general = {"port-check": "off", **sections.pop("general", {})}
    return {"advertise": general, **{f"advertise {client}": keys for client, keys in sections.items()}}


class Policy(AdvertCase):
    def test_types_and_ports(self):
        watch, view = self.boot_lan(config=config(
            general={"types": "_http._tcp _ipp._tcp", "deny-types": "_ipp._tcp", "ports": "8000-8999 80"},
            special={"types": "_ssh._tcp", "deny-types": "", "ports": "22"},
            mute={"enabled": "no"}))
        bus = BusWatch(self.a)
        for client, ident, kind, port, key in (
                ("web", "ok", "_http._tcp", 8000, None), ("web", "ok2", "_http._tcp", 80, None),
                ("web", "case", "_HTTP._tcp", 8999, None),
                ("web", "other", "_ssh._tcp", 80, "type"), ("web", "denied", "_ipp._tcp", 80, "type"),
                ("web", "udp", "_http._udp", 80, "type"), ("web", "port", "_http._tcp", 81, "port"),
                ("web", "port2", "_http._tcp", 9000, "port"),
                ("special", "ok", "_ssh._tcp", 22, None), ("special", "type", "_http._tcp", 22, "type"),
                ("special", "port", "_ssh._tcp", 80, "port"), ("mute", "any", "_http._tcp", 80, "")):
            owner = f"{client}/{ident}"
            self.container(client, presence=False).wish(ident, owner, port=port, kind=kind)
            if key is None:
                watch.established(owner)
            else:
                watch.failed(owner, "denied", key or None)
        self.assertEqual(sorted(bus.added()), ["special/ok", "web/case", "web/ok", "web/ok2"])
        view.sees_only("web/case", "web/ok", "web/ok2")
        # What was refused costs nothing but its word, and may be asked for better.
        mark = watch.mark()
        self.container("web").wish("other", "web/other", port=80)
        watch.established("web/other", since=mark)

    def test_disabled(self):
        watch, view = self.boot_lan(config=config(general={"enabled": "no"}, web={"enabled": "yes"}))
        bus = BusWatch(self.a)
        self.container("other").wish("app", "Other")
        self.container("web").wish("app", "Web app")
        watch.established("web/app")
        view.sees_only("Web app")
        self.assertEqual(bus.added(), ["Web app"])
        watch.failed("other/app", "denied")

    def test_kept_on_denied(self):
        """A change that is not allowed leaves what was there."""
        watch, view = self.boot_lan(config=config(general={"ports": "80"}))
        web = self.container("web")
        web.wish("app", "Web app")
        watch.established("web/app")
        mark = watch.mark()
        web.wish("app", "Web app", port=81)
        watch.failed("web/app", "denied", "port", since=mark, kept=True)
        view.sees_only("Web app")
        self.assertEqual(view.lost(), [])


class Quota(AdvertCase):
    def test_per_client(self):
        watch, view = self.boot_lan(config=config(general={"max-per-client": "3"},
                                                  rich={"max-per-client": "5"}))
        bus = BusWatch(self.a)
        web, rich = self.container("web"), self.container("rich")
        for client, count in ((web, 3), (rich, 5)):
            for i in range(count):
                client.wish(f"n{i}", f"{client.name} {i}")
            for i in range(count):
                watch.established(f"{client.name}/n{i}")
        for client in (web, rich):
            mark = watch.mark()
            client.wish("more", f"{client.name} more")
            watch.failed(f"{client.name}/more", "quota", since=mark)
            watch.message(lambda m: m.topic == f"mdns/advertise/{client.name}/more" and not m.payload,
                          "the bridge clears it", since=mark)
        self.assertEqual(len(self.requests_at_broker()), 8)
        self.assertFalse([n for n in bus.added() if n.endswith("more")])
        # To change one of them is no further one; to end one makes room.
        mark = watch.mark()
        web.wish("n0", "Changed", port=81)
        watch.established("web/n0", since=mark, name="Changed")
        web.withdraw("n0")
        watch.ended("web/n0", "requested", since=mark)
        web.wish("more", "web more")
        watch.established("web/more", since=mark)
        view.sees_only("web more", "web 1", "web 2", *[f"rich {i}" for i in range(5)])

    def test_failed_ones_count(self):
        """A client cannot fill the bridge, or the broker, with requests that are refused."""
        watch, _ = self.boot_lan(config=config(general={"max-per-client": "4"}))
        web = self.container("web")
        for i in range(4):
            web.ask(f"n{i}", b"{")
            watch.failed(f"web/n{i}", "bad-json")
        mark = watch.mark()
        for i in range(4, 500):
            web.ask(f"n{i}", b"{" if i % 2 else b'{"name":"n","type":"_http._tcp","port":80}')
        watch.message(lambda m: m.topic == "mdns/advertise/web/n499" and not m.payload,
                      "the last one is cleared", since=mark, timeout=30)
        web.wish("later", "One more")
        watch.failed("web/later", "quota", since=mark)
        statuses = self.statuses_at_broker()
        self.assertLessEqual({f"web/n{i}" for i in range(4)}, set(statuses))
        self.assertLessEqual(len(statuses), 4 + ANSWERS)
        self.assertEqual(set(self.requests_at_broker()), {f"web/n{i}" for i in range(4)})
        codes = {m.record["error"]["code"] for m in watch.since(mark) if m.state == "failed"}
        self.assertLessEqual(codes, {"quota", "bad-json"})

    def test_total(self):
        watch, _ = self.boot_lan(config=config(general={"max-total": "5"}))
        one, two = self.container("one"), self.container("two")
        for i in range(3):
            one.wish(f"n{i}", f"One {i}")
            watch.status(f"one/n{i}")
        for i in range(2):
            two.wish(f"n{i}", f"Two {i}")
            watch.status(f"two/n{i}")
        for client in (one, two):
            client.wish("more", f"{client.name} more")
            watch.failed(f"{client.name}/more", "quota")
        mark = watch.mark()
        one.withdraw("n0")
        watch.ended("one/n0", "requested", since=mark)
        two.wish("more", "two more")
        watch.established("two/more", since=mark)


class Reload(AdvertCase):
    def test_forbidden_now(self):
        """SIGHUP: what is no longer allowed ends, with its request; what is, is not disturbed."""
        watch, view = self.boot_lan("_http._tcp", "_ipp._tcp", config=config())
        web, other = self.container("web"), self.container("other")
        web.wish("http", "Web app", port=80)
        web.wish("ipp", "Printer", kind="_ipp._tcp", port=631)
        web.wish("high", "High port", port=9999)
        other.wish("http", "Other", port=80)
        owners = {"web/http": "Web app", "web/ipp": "Printer", "web/high": "High port", "other/http": "Other"}
        for owner, name in owners.items():
            watch.established(owner)
            watch.owned(owner, name, protocols=["IPv4", "IPv6"])
        view.sees("Web app", "High port", "Other")
        mark = watch.mark()
        self.reload(self.lab.bridge, config(general={"deny-types": "_ipp._tcp", "ports": "1-1000"},
                                            other={"enabled": "no"}))
        for owner in ("web/ipp", "web/high", "other/http"):
            watch.ended(owner, "replaced-by-policy", since=mark)
        view.sees_only("Web app")
        self.views["_ipp._tcp"].sees_only()
        self.marker(watch, self.b)
        self.assertEqual(watch.statuses("web/http", since=mark), [])
        self.assertEqual(watch.of("Web app", since=mark), [])
        self.assertEqual(set(self.requests_at_broker()), {"web/http"})
        self.assertNotIn("Web app", view.lost())

        web.wish("ipp", "Printer", kind="_ipp._tcp", port=631)
        watch.failed("web/ipp", "denied", "type", since=mark)
        mark = watch.mark()
        self.reload(self.lab.bridge, config())
        watch.established("web/ipp", since=mark, name="Printer")  # it is still wished, and allowed again
        self.views["_ipp._tcp"].sees_only("Printer")
        self.assertEqual(watch.statuses("web/http", since=mark), [])

    def test_same_again(self):
        """SIGHUP without a change is no event."""
        watch, view = self.boot_lan(config=config(web={"ports": "80"}))
        self.container("web").wish("app", "Web app")
        watch.established("web/app")
        watch.owned("web/app", "Web app", protocols=["IPv4", "IPv6"])
        view.sees("Web app")
        mark = watch.mark()
        for _ in range(3):
            self.reload(self.lab.bridge, config(web={"ports": "80"}))
        self.marker(watch, self.b)
        self.assertEqual(watch.statuses("web/app", since=mark) + watch.of("Web app", since=mark), [])
        self.assertEqual(view.lost(), [])


if __name__ == "__main__":
    world.main()
