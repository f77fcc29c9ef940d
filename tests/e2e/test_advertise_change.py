"""A wish changes: in place where that can be, and never at the price of what stood before."""
import contextlib
import itertools
import time

import world
from adverts import AdvertCase
from lan import ZeroconfBrowse, resolves
from process import wait_until


class ChangeCase(AdvertCase):
    def boot_with(self, *kinds, **more):
        self.watch, self.view = self.boot_lan(*kinds)
        self.web = self.container("web")
        self.web.wish("app", "Web app", port=8080, txt={"n": "0"}, **more)
        self.watch.established("web/app")
        self.watch.owned("web/app", "Web app", protocols=["IPv4", "IPv6"], txt={"n": "0"})
        self.view.sees("Web app")


class Change(ChangeCase):
    def twenty_times(self, after_each):
        self.boot_with()
        zeroconf = ZeroconfBrowse(self.b, "_http._tcp")
        zeroconf.resolves("Web app", txt={"n": "0"})
        mark = self.watch.mark()
        for n in range(1, 21):
            self.web.wish("app", "Web app", port=8080, txt={"n": str(n)}, transaction=f"t{n}")
            after_each(mark, f"t{n}")
        self.watch.established("web/app", since=mark, transaction="t20")
        resolves(self.b, "Web app", txt={"n=20"}, port=8080)
        zeroconf.resolves("Web app", txt={"n": "20"})
        self.watch.owned("web/app", "Web app", since=mark, txt={"n": "20"})
        self.marker(self.watch, self.b)
        self.assertEqual((self.view.lost(), zeroconf.lost()), ([], []))
        states = {m.state for m in self.watch.statuses("web/app", since=mark)}
        self.assertLessEqual(states, {"pending", "established"})
        self.assertNotIn("gone", [m.state for m in self.watch.of("Web app", since=mark)])
        self.assertEqual(self.watch.of("Web app", since=mark)[-1].record["txt"], {"n": "20"})

    def test_txt_twenty_at_once(self):
        self.twenty_times(lambda mark, transaction: None)

    def test_txt_twenty_in_turn(self):
        """Each one when the one before it is on the network."""
        self.twenty_times(lambda mark, transaction: self.watch.established("web/app", since=mark,
                                                                           transaction=transaction))

    def test_txt_before_it_is_established(self):
        """A client that never rests comes on the network all the same."""
        watch, view = self.boot_lan()
        web = self.container("web")
        numbers = itertools.count(1)

        def again():
            web.wish("app", "Web app", port=8080, txt={"n": str(next(numbers))})
            with contextlib.suppress(AssertionError):
                return watch.established("web/app", timeout=0.3)
        wait_until(again, "established while it changes")
        web.wish("app", "Web app", port=8080, txt={"n": "last"})
        resolves(self.b, "Web app", txt={"n=last"})
        self.assertEqual(view.lost(), [])

    def test_txt_there_and_back(self):
        self.boot_with()
        for txt in ({}, {"bare": True}, {"n": "0"}):
            mark = self.watch.mark()
            self.web.wish("app", "Web app", port=8080, txt=txt)
            self.watch.established("web/app", since=mark, timeout=5)
            self.watch.owned("web/app", "Web app", since=mark, txt=txt)
        resolves(self.b, "Web app", txt={"n=0"})
        self.assertEqual(self.view.lost(), [])

    def test_port_and_subtypes(self):
        """The name stays, so that nobody has to lose sight of it."""
        subtype = "_new._sub._http._tcp"
        self.boot_with("_http._tcp", subtype, "_old._sub._http._tcp", subtypes=["_new", "_old"])
        self.views[subtype].sees("Web app")
        self.views["_old._sub._http._tcp"].sees("Web app")
        mark, start = self.watch.mark(), time.monotonic()
        self.web.wish("app", "Web app", port=8081, txt={"n": "1"}, subtypes=["_new"])
        self.watch.established("web/app", since=mark, port=8081, name="Web app")
        in_time = time.monotonic() - start < 0.97  # peers forget it after a second; probing takes 0.9
        resolves(self.b, "Web app", port=8081, txt={"n=1"})
        self.watch.owned("web/app", "Web app", since=mark, port=8081, txt={"n": "1"})
        self.views["_old._sub._http._tcp"].forgets("Web app")
        self.marker(self.watch, self.b)
        self.assertEqual(self.views[subtype].names().keys(), {"Web app"})
        if in_time:
            self.assertEqual(self.view.lost(), [])
            self.assertNotIn("gone", [m.state for m in self.watch.of("Web app", since=mark)])

    def test_no_such_interface(self):
        """Found out before what stands makes way for it."""
        self.boot_with()
        mark = self.watch.mark()
        self.web.wish("app", "Web app", port=8080, interface="nope0")
        self.watch.failed("web/app", "avahi", "interface", since=mark, kept=True, name="Web app")
        self.marker(self.watch, self.b)
        self.assertEqual(self.view.lost(), [])

    def test_another_name(self):
        """The new one comes first, then the old one goes."""
        self.boot_with()
        mark = self.watch.mark()
        self.web.wish("app", "New name", port=8080)
        self.watch.established("web/app", since=mark, name="New name")
        self.view.sees_only("New name")
        order = [(sign, name) for sign, name, _ in self.view.events()]
        self.assertLess(order.index(("+", "New name")), order.index(("-", "Web app")))
        self.watch.cleared("Web app", since=mark)
        self.watch.owned("web/app", "New name", since=mark)
        self.watch.bridge_state(since=mark, advertised=1)
        self.assertNotIn("withdrawn", [m.state for m in self.watch.statuses("web/app", since=mark)])

    def test_another_type(self):
        self.boot_with("_http._tcp", "_ipp._tcp")
        mark = self.watch.mark()
        self.web.wish("app", "Web app", port=8080, kind="_ipp._tcp")
        self.watch.established("web/app", since=mark, type="_ipp._tcp")
        self.views["_ipp._tcp"].sees_only("Web app")
        self.views["_http._tcp"].sees_only()
        self.watch.owned("web/app", "Web app", since=mark, type="_ipp._tcp")

    def test_many_names_quickly(self):
        """Changed faster than Avahi can probe: the last one is there, and nothing else is left."""
        self.boot_with()
        mark = self.watch.mark()
        for n in range(10):
            self.web.wish("app", f"Name {n}", port=8080, transaction=f"t{n}")
        self.watch.established("web/app", since=mark, name="Name 9", transaction="t9")
        self.view.sees_only("Name 9")
        self.watch.wait(lambda: [r["name"] for r in self.watch.services().values()] == ["Name 9"],
                        "one record, of the last name")

    def test_port_in_turn(self):
        """Avahi holds back who registers the same group again and again, up to 20 s; not so the bridge."""
        self.boot_with()
        for port in range(8081, 8101):
            mark = self.watch.mark()
            self.web.wish("app", "Web app", port=port)
            self.watch.established("web/app", since=mark, port=port, name="Web app", timeout=5)
        resolves(self.b, "Web app", port=8100)

    def test_port_at_once(self):
        self.boot_with()
        mark = self.watch.mark()
        for n in range(1, 11):
            self.web.wish("app", "Web app", port=8080 + n, transaction=f"t{n}")
        self.watch.established("web/app", since=mark, port=8090, transaction="t10", name="Web app", timeout=30)
        resolves(self.b, "Web app", port=8090)
        self.watch.owned("web/app", "Web app", since=mark, port=8090)
        self.assertEqual(self.view.names().keys(), {"Web app"})


class Kept(ChangeCase):
    """A replacement that fails leaves what was there, and says so."""

    def still_there(self, mark):
        self.marker(self.watch, self.b, f"Marker {mark}")
        self.assertEqual(self.view.lost(), [])
        self.assertEqual([str(m) for m in self.watch.of("Web app", since=mark)], [])
        resolves(self.b, "Web app", port=8080, txt={"n=0"})

    def test_conflict(self):
        self.boot_with()
        self.on_a_first(self.watch, "Taken here")
        self.on_b_first(self.watch, "Taken")
        for name in ("Taken", "Taken here"):
            mark = self.watch.mark()
            self.web.wish("app", name, port=8080, rename=False)
            self.watch.failed("web/app", "conflict", since=mark, kept=True)
            self.still_there(mark)
        # What is kept can be confirmed, and then it is the wish again.
        mark = self.watch.mark()
        self.web.wish("app", "Web app", port=8080, txt={"n": "0"})
        self.watch.established("web/app", since=mark, name="Web app")
        self.still_there(mark)

    def test_bad_request(self):
        self.boot_with()
        no_port = {"name": "X", "type": "_http._tcp", "port": 0}
        for request, code in ((b"{", "bad-json"), (no_port, "bad-port")):
            mark = self.watch.mark()
            self.web.ask("app", request)
            self.watch.failed("web/app", code, since=mark, kept=True)
            self.still_there(mark)
        mark = self.watch.mark()
        self.web.withdraw("app")
        self.watch.ended("web/app", "requested", since=mark)
        self.view.forgets("Web app")

    def test_then_another(self):
        """After a failure the next good wish replaces what was kept."""
        self.boot_with()
        mark = self.watch.mark()
        self.web.ask("app", {"name": "X"})
        self.watch.failed("web/app", "missing-key", "type", since=mark, kept=True)
        self.web.wish("app", "Better", port=8080)
        self.watch.established("web/app", since=mark, name="Better")
        self.view.sees_only("Better")


if __name__ == "__main__":
    world.main()
