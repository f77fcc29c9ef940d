"""A request over MQTT is a service on the LAN: everybody sees it, it can be renewed, and it goes again."""
import json

import world
from adverts import NO_PORT_CHECK, AdvertCase
from containers import mosquitto_pub
from devices import AvahiPublish
from lan import ZeroconfBrowse, resolves
from process import wait_until

WEB_APP = {"name": "Web app", "type": "_http._tcp", "port": 8080, "txt": {"path": "/", "secure": True},
           "subtypes": ["_printer"], "transaction": "r1"}
SUBTYPE = "_printer._sub._http._tcp"


class Everywhere(AdvertCase):
    def test_seen_by_all(self):
        watch, view = self.boot_lan("_http._tcp", SUBTYPE)
        by_subtype = self.views[SUBTYPE]
        zeroconf = ZeroconfBrowse(self.b, "_http._tcp", SUBTYPE)

        mosquitto_pub("mdns/advertise/web/app", WEB_APP)
        status = watch.established("web/app")
        stamp = {key: status.pop(key) for key in ("epoch", "seq", "time")}
        self.assertEqual(status, {"v": 1, "state": "established", "client": "web", "id": "app",
                                  "transaction": "r1", "name": "Web app", "type": "_http._tcp", "port": 8080})
        self.assertEqual(self.statuses_at_broker(), {"web/app": {**status, **stamp}})
        view.sees("Web app")
        by_subtype.sees("Web app")
        resolves(self.b, "Web app", host="box-a.local", port=8080, txt={"path=/", "secure"})
        seen = {"host": "box-a.local", "port": 8080, "txt": {"path": "/", "secure": True}}
        zeroconf.resolves("Web app", **seen)
        wait_until(lambda: "Web app" in zeroconf.names(SUBTYPE), "zeroconf finds it by its subtype")
        record = watch.owned("web/app", "Web app", protocols=["IPv4", "IPv6"], **seen)
        self.assertEqual((record["interface"], record["type"]), ("lan0", "_http._tcp"))
        watch.bridge_state(advertised=1)

        mark = watch.mark()
        mosquitto_pub("mdns/advertise/web/app", None)
        watch.ended("web/app", "requested", since=mark)
        view.forgets("Web app")
        by_subtype.forgets("Web app")
        wait_until(lambda: not zeroconf.names() | zeroconf.names(SUBTYPE), "zeroconf has forgotten it")
        watch.cleared("Web app", since=mark)
        self.assertEqual((self.requests_at_broker(), self.statuses_at_broker()), ({}, {}))
        self.assertEqual(watch.services(), {})
        watch.bridge_state(since=mark, advertised=0)

    def test_states(self):
        """First pending, then established; each said once, with the stamp of every record."""
        watch, _ = self.boot_lan()
        self.container("web").wish("app", "Web app")
        watch.established("web/app")
        watch.owned("web/app", "Web app", protocols=["IPv4", "IPv6"])
        self.marker(watch, self.b)
        self.assertIn([m.state for m in watch.statuses("web/app")],
                      (["pending", "established"], ["established"]))

    def test_not_retained(self):
        """A wish need not be retained; the bridge does not make it so."""
        watch, view = self.boot_lan()
        web = self.container("web")
        web.wish("app", "Fleeting", retain=False)
        watch.established("web/app")
        view.sees("Fleeting")
        self.assertEqual(self.requests_at_broker(), {})
        mark = watch.mark()
        web.say(web.topic("app"), b"", retain=False)
        watch.ended("web/app", "requested", since=mark, retained=False)
        view.forgets("Fleeting")

    def test_foreign_is_foreign(self):
        """Only what the bridge advertises has an owner, whoever else has nearly the same."""
        watch, _ = self.boot_lan()
        AvahiPublish(self.a, "Same", "_ipp._tcp", 80).established()
        self.on_b_first(watch, "Web app")
        web = self.container("web")
        web.wish("app", "Web app")
        web.wish("same", "Same", kind="_http._tcp")
        watch.established("web/app", name="Web app #2")
        watch.owned("web/app", "Web app #2")
        watch.owned("web/same", "Same", type="_http._tcp")
        self.marker(watch, self.b)
        owners = {(r["name"], r["type"], r["host"]): r.get("owner") for r in watch.services().values()}
        self.assertEqual(owners, {
            ("Web app", "_http._tcp", "thing.local"): None,
            ("Web app #2", "_http._tcp", "box-a.local"): "web/app",
            ("Same", "_ipp._tcp", "box-a.local"): None, ("Same", "_http._tcp", "box-a.local"): "web/same",
            ("End marker", "_marker._tcp", "box-b.local"): None})

    def test_without_browsing(self):
        """Advertising does not need the other half."""
        watch, view = self.boot_lan(config={"browse": {"enabled": "no"}, "advertise": {"port-check": "off"}})
        web = self.container("web")
        web.wish("app", "Blind")
        watch.established("web/app")
        view.sees("Blind")
        mark = watch.mark()
        web.withdraw("app")
        watch.ended("web/app", "requested", since=mark)
        view.forgets("Blind")

    def test_interface(self):
        """On one interface only, if so wished; the other one never hears of it."""
        self.b = self.lab.add_host("b")
        self.lab.add_switch("other")
        for host in (self.a, self.b):
            host.plug("eth9", "other", f"10.78.0.{host.number}")
        self.lab.start_broker()
        self.lab.boot(self.a, self.b)
        watch = self.observe()
        self.start_bridge({"advertise": {"port-check": "off"}})
        watch.online()
        browse = self.b.start("browse", "avahi-browse", "-pk", "_http._tcp")
        web = self.container("web")
        web.wish("one", "On one", interface="eth9")
        watch.established("web/one")
        web.wish("all", "On all")
        watch.established("web/all")
        for interface in ("lan0", "eth9"):
            browse.wait_log(f"+;{interface};IPv6;On\\032all;")
        browse.wait_log("+;eth9;IPv6;On\\032one;")
        self.assertNotIn("lan0;IPv4;On\\032one", browse.text())
        self.assertNotIn("lan0;IPv6;On\\032one", browse.text())
        mark = watch.mark()
        web.wish("one", "On one", interface="nowhere9")
        status = watch.status("web/one", since=mark, state="failed")
        self.assertTrue(status["kept"])
        self.assertEqual(status["error"].get("key"), "interface")


class Renewal(AdvertCase):
    def test_same_again(self):
        """The same wish again says nothing, but for its answer and the new end of its lease."""
        watch, view = self.boot_lan()
        web = self.container("web")
        request = {"name": "Web app", "type": "_http._tcp", "port": 80, "txt": {"a": "1"}, "lease": 60}
        web.ask("app", {**request, "transaction": "r1"})
        first = watch.established("web/app", transaction="r1", lease=60)
        self.assertAlmostEqual(first["expires"], first["time"] + 60_000, delta=5_000)
        watch.owned("web/app", "Web app", protocols=["IPv4", "IPv6"])
        self.marker(watch, self.b)
        mark, seen = watch.mark(), view.mark()

        web.ask("app", {**request, "transaction": "r1"})
        renewed = watch.established("web/app", since=mark)
        self.assertGreater(renewed["expires"], first["expires"])
        same = {k: v for k, v in first.items() if k not in ("epoch", "seq", "time", "expires")}
        self.assertEqual({k: renewed[k] for k in same}, same)
        # In other words, it is the same wish: keys in another order, blanks, a number written otherwise.
        other = json.dumps({**dict(reversed(request.items())), "rename": True, "subtypes": []}, indent=3)
        web.ask("app", other.encode() + b"   \n" * 10)
        watch.established("web/app", since=mark, check=lambda r: "transaction" not in r)
        web.ask("app", {**request, "transaction": "ümlaut " * 9})
        watch.established("web/app", since=mark, transaction="ümlaut " * 9)
        self.marker(watch, self.b, "After")
        self.assertEqual([m.state for m in watch.statuses("web/app", since=mark)], ["established"] * 3)
        self.assertEqual([str(m) for m in watch.of("Web app", since=mark)], [])
        self.assertEqual(view.events()[seen:], [])

    def test_without_lease_says_nothing(self):
        watch, _ = self.boot_lan()
        web = self.container("web")
        web.wish("app", "Web app")
        watch.established("web/app")
        watch.owned("web/app", "Web app", protocols=["IPv4", "IPv6"])
        mark = watch.mark()
        for _ in range(5):
            web.wish("app", "Web app")
        web.wish("other", "Other")
        watch.established("web/other")
        self.assertEqual(watch.statuses("web/app", since=mark), [])
        self.assertEqual(watch.of("Web app", since=mark), [])

    def withdrawn_and_back(self, config):
        """What is withdrawn may be wished again, at once as well; the bridge, which clears up behind what
        was withdrawn, does not clear what came after it."""
        watch, view = self.boot_lan(config=config)
        web = self.container("web")
        for port in (81, 82, 83):
            mark = watch.mark()
            web.wish("app", "Web app", port=port)
            watch.established("web/app", since=mark, port=port)
            web.withdraw("app")
        mark = watch.mark()
        web.wish("app", "Web app", port=84)
        watch.established("web/app", since=mark, port=84, name="Web app")
        watch.owned("web/app", "Web app", port=84)
        view.sees_only("Web app")
        resolves(self.b, "Web app", port=84)
        self.marker(watch, self.b)
        self.assertEqual(set(self.requests_at_broker()), {"web/app"})
        self.assertEqual({o: r["state"] for o, r in self.statuses_at_broker().items()},
                         {"web/app": "established"})

    def test_withdrawn_and_back(self):
        self.withdrawn_and_back(NO_PORT_CHECK)

    def test_withdrawn_and_back_311(self):
        """MQTT 3.1.1 sends the bridge its own messages, too."""
        self.withdrawn_and_back({**NO_PORT_CHECK, "broker": {"protocol": "3.1.1"}})


if __name__ == "__main__":
    world.main()
