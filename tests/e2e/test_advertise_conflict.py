"""Names: those that somebody else has, and those that are odd."""
import world
from adverts import NO_PORT_CHECK, AdvertCase
from devices import AvahiPublish, Raw, service
from lan import AvahiBrowse, resolves

ODD_NAMES = ["Ümläut", "a/b", "+", "#", "100%", "50%25 off%2Fon", 'quo"te', "back\\slash", "\\032", "a\\.b",
             "dot.ted. .name", "..", "$SYS", " leading", "trailing ", "日本語の名前", "emoji \U0001f5a8\ufe0f",
             "x" * 63, "€" * 21, "_http._tcp", "Web app._http._tcp.local", "%s%n", "null", "\ufeffBOM",
             "\u202eright to left", "name #2"]


class Conflict(AdvertCase):
    def test_avahi_on_b_first(self):
        """B's own Avahi has the name, since before A was there."""
        self.b = self.lab.add_host("b")
        self.lab.start_broker()
        self.lab.boot(self.b)
        AvahiPublish(self.b, "Web app", "_http._tcp", 1234).established()
        self.lab.boot(self.a)
        watch = self.observe()
        self.start_bridge(NO_PORT_CHECK)
        watch.service("Web app", protocols=["IPv4", "IPv6"])
        watch.online()
        self.marker(watch, self.b)
        self.container("web").wish("app", "Web app", port=8080)
        watch.established("web/app", name="Web app #2")
        AvahiBrowse(self.b).sees_only("Web app", "Web app #2")
        resolves(self.b, "Web app", port=1234, host="box-b.local")
        resolves(self.b, "Web app #2", port=8080, host="box-a.local")

    def test_name_on_b_first(self):
        watch, view = self.boot_lan()
        self.on_b_first(watch, "Web app")
        web = self.container("web")
        web.wish("app", "Web app", port=8080)
        watch.established("web/app", name="Web app #2", port=8080)
        view.sees_only("Web app", "Web app #2")
        resolves(self.b, "Web app #2", port=8080, host="box-a.local")
        watch.owned("web/app", "Web app #2", port=8080)
        # The new name stays through what does not concern it.
        mark = watch.mark()
        web.wish("app", "Web app", port=8080, txt={"a": "1"})
        watch.established("web/app", name="Web app #2", since=mark)
        resolves(self.b, "Web app #2", txt={"a=1"})
        self.assertEqual(view.lost(), [])

    def test_no_rename(self):
        watch, view = self.boot_lan()
        self.on_b_first(watch, "Web app")
        web = self.container("web")
        web.wish("app", "Web app", port=8080, rename=False)
        watch.failed("web/app", "conflict", "name")
        mark = watch.mark()
        web.wish("app", "Another", port=8080, rename=False)
        watch.established("web/app", name="Another", since=mark)
        view.sees_only("Web app", "Another")
        resolves(self.b, "Web app", port=1234, host="thing.local")

    def test_same_host(self):
        """A program of the same host has the name: Avahi tells that at once, not after probing."""
        watch, view = self.boot_lan()
        self.on_a_first(watch, "Web app")
        web = self.container("web")
        web.wish("app", "Web app")
        web.wish("strict", "web APP", rename=False)
        watch.established("web/app", name="Web app #2")
        watch.failed("web/strict", "conflict")
        view.sees_only("Web app", "Web app #2")
        resolves(self.b, "Web app", port=1234)

    def test_several_taken(self):
        """`#2` and `#3` are taken as well, one here and one there; a long name still fits."""
        watch, view = self.boot_lan()
        long = "€" * 21  # 63 bytes: the number takes the place of the last character
        self.on_a_first(watch, "Web app #2")
        self.on_b_first(watch, "Web app", "Web app #3", long)
        web = self.container("web")
        web.wish("app", "Web app")
        web.wish("long", long)
        watch.established("web/app", name="Web app #4")
        watch.established("web/long", name="€" * 20 + " #2")
        view.sees("Web app #4", "€" * 20 + " #2")

    def test_identical_requests(self):
        """Avahi would let identical records pass; for the bridge the second one is in conflict."""
        watch, view = self.boot_lan()
        one, two, three = (self.container(n) for n in ("one", "two", "three"))
        one.wish("app", "Web app", port=8080, txt={"a": "1"})
        watch.established("one/app", name="Web app")
        two.wish("app", "Web app", port=8080, txt={"a": "1"}, rename=False)
        watch.failed("two/app", "conflict", "name")
        three.wish("app", "Web app", port=8080, txt={"a": "1"})
        watch.established("three/app", name="Web app #2")
        one.wish("twin", "Web APP", port=8080, txt={"a": "1"}, rename=False)
        watch.failed("one/twin", "conflict", "name")
        view.sees_only("Web app", "Web app #2")
        mark = watch.mark()
        one.withdraw("app")
        watch.ended("one/app", "requested", since=mark)
        view.sees_only("Web app #2")  # nobody else's goodbye
        watch.owned("three/app", "Web app #2")

    def test_at_the_same_moment(self):
        """Ten want one name: each gets one, and no two the same."""
        watch, view = self.boot_lan()
        clients = [self.container(f"c{i}") for i in range(10)]
        for client in clients:
            client.wish("app", "Crowd")
        names = {watch.established(f"{c.name}/app", timeout=30)["name"] for c in clients}
        self.assertEqual(names, {"Crowd"} | {f"Crowd #{n}" for n in range(2, 11)})
        view.sees_only(*names)
        for client in clients:
            name = [m.record["name"] for m in watch.statuses(f"{client.name}/app") if m.record][-1]
            watch.owned(f"{client.name}/app", name)

    def test_late_collision(self):
        """Somebody claims the name long after it was established, and does not give way."""
        watch, view = self.boot_lan()
        self.container("web").wish("app", "Web app", port=80)
        watch.established("web/app", name="Web app")
        watch.owned("web/app", "Web app", protocols=["IPv4", "IPv6"])
        mark = watch.mark()
        device = Raw(self.b)
        device.set(service("Web app", port=65535, txt=["z=z"], host="zzz"))
        watch.established("web/app", since=mark, name="Web app #2", timeout=30)
        watch.owned("web/app", "Web app #2", since=mark, port=80)
        watch.wait(lambda: {r["name"]: r.get("owner") for r in watch.services().values()}
                   == {"Web app": None, "Web app #2": "web/app"}, "each has its own", 30)
        view.sees_only("Web app", "Web app #2")
        resolves(self.b, "Web app", port=65535, host="zzz.local")

    def test_takes_over(self):
        """Its former host is dead: the name is ours now, and so is the record."""
        watch, _ = self.boot_lan()
        self.on_b_first(watch, "Web app")
        self.device.kill()
        self.container("web").wish("app", "Web app", port=8080)
        watch.established("web/app", name="Web app")
        watch.wait(lambda: [(r["host"], r["port"], r["addresses"][0], r["local"], r.get("owner"))
                            for r in watch.services().values()]
                   == [("box-a.local", 8080, self.a.address, True, "web/app")], "the record is of our own")

    def test_other_type(self):
        """The same name under another type is another service."""
        watch, _ = self.boot_lan("_http._tcp", "_ipp._tcp")
        web = self.container("web")
        web.wish("a", "Web app", rename=False)
        web.wish("b", "Web app", kind="_ipp._tcp", rename=False)
        web.wish("c", "Web app", kind="_http._udp", rename=False)
        for ident in "abc":
            watch.established(f"web/{ident}", name="Web app")
        for view in self.views.values():
            view.sees_only("Web app")


class OddNames(AdvertCase):
    def test_odd_names(self):
        """Whatever RFC 6763 allows is advertised as it is, and comes back with its owner."""
        watch, view = self.boot_lan()
        web = self.container("web")
        for i, name in enumerate(ODD_NAMES):
            web.wish(f"n{i}", name, port=1000 + i)
        for i, name in enumerate(ODD_NAMES):
            watch.established(f"web/n{i}", name=name, timeout=30)
            watch.owned(f"web/n{i}", name, port=1000 + i, timeout=30)
        view.sees_only(*ODD_NAMES)
        for i in range(len(ODD_NAMES)):
            web.withdraw(f"n{i}")
        view.sees_only()
        watch.wait(lambda: not watch.services() and not watch.settled_statuses(), "all is gone")

    def test_txt_and_subtypes(self):
        """TXT of any bytes up to the limit, and eight subtypes, arrive as they were wished."""
        watch, view = self.boot_lan("_http._tcp", *[f"_kind{i}._sub._http._tcp" for i in range(8)])
        web = self.container("web")
        txt = {"text": "Grüße \U0001f389", "empty": "", "bare": True, "none": None, "eq": "a=b", "k": "v\\\"",
               "bin": {"b64": "AAEC/w=="}, "tab": "a\tb", "Sp ace": " x "}
        web.wish("app", "Web app", txt=txt, subtypes=[f"_kind{i}" for i in range(8)])
        watch.established("web/app")
        watch.owned("web/app", "Web app", txt={**txt, "none": True})
        for onlooker in self.views.values():
            onlooker.sees("Web app")
        mark = watch.mark()
        most = {f"k{i}": "x" * (255 - 3) for i in range(5)}  # five entries of 256 bytes with their length
        most["k5"] = "x" * (1300 - 5 * 256 - 1 - 3)
        web.wish("app", "Web app", txt=most, subtypes=[f"_kind{i}" for i in range(8)])
        watch.established("web/app", since=mark)
        watch.owned("web/app", "Web app", txt=most)
        resolves(self.b, "Web app", txt={f"{k}={v}" for k, v in most.items()})
        self.assertEqual(view.lost(), [])


if __name__ == "__main__":
    world.main()
