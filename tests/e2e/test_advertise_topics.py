"""Topics that are none of ours to obey: nothing happens, but a `bad-topic` at most."""
import world
from adverts import AdvertCase
from lan import BusWatch

REQUEST = {"name": "Forged", "type": "_http._tcp", "port": 80}
# Below PREFIX/advertise/. Two levels of which one is no name: the bridge may say so.
BAD = ["../app", "web/..", "./app", "web/.", "/app", "web/", "/", "we b/app", "web/a b", "wéb/app", "web/äpp",
       "web/a%2Fb", "%77eb/app", "$web/app", "web/app;x", "web\\/app", '"web"/app', "{}/app", "web/a:b",
       "x" * 65 + "/app", "web/" + "x" * 65, "x" * 300 + "/" + "y" * 300, "\u202eweb/app",
       "\ufeffweb/app", "*/app", "web/*", "~/app", "web'/app"]
# Too many levels, or too few.
STRAY = ["web", "web/app/more", "web/app/status/status", "web/app/", "web//app", "//", "a/b/c/d/e",
         "a/../web/app"]
FINE = ["web/app", "status/status", "-/-", "_/_", "a.b/c-d_E", "...", "x" * 64 + "/" + "y" * 64, "0/0"]
ANSWERS = 64  # that stay retained at most


class Topics(AdvertCase):
    def test_bad_levels(self):
        watch, view = self.boot_lan()
        bus = BusWatch(self.a)
        anybody = self.container("web", presence=False)
        for path in BAD + STRAY:
            for payload in (REQUEST, b"{", b""):
                anybody.say("mdns/advertise/" + path, payload if isinstance(payload, bytes) else
                            b'{"name":"Forged","type":"_http._tcp","port":80}')
        mark = watch.mark()
        anybody.wish("end", "End")
        watch.established("web/end", since=mark)
        view.sees_only("End")
        self.assertEqual(bus.added(), ["End"])
        told = [m for m in watch.messages if m.topic.startswith("mdns/advertise/") and m.record]
        for message in told:
            if message.topic != "mdns/advertise/web/end/status":
                self.assertEqual((message.state, message.record["error"]["code"]), ("failed", "bad-topic"))
                self.assertIn(message.topic.removeprefix("mdns/advertise/").removesuffix("/status"), BAD)
        self.assertTrue([m for m in told if m.state == "failed"], "a word to those who can be told")
        self.assertLessEqual(set(self.statuses_at_broker()) - {"web/end"}, set(BAD))
        self.assertLessEqual(len(self.statuses_at_broker()), 1 + ANSWERS)
        self.assertEqual(set(self.requests_at_broker()) & set(BAD), set())

    def test_fine_levels(self):
        """What is allowed is taken as it is, the word `status` included."""
        watch, view = self.boot_lan()
        anybody = self.container("web", presence=False)
        fine = [path for path in FINE if "/" in path]
        for number, path in enumerate(fine):
            anybody.say("mdns/advertise/" + path,
                        b'{"name":"Number %d","type":"_http._tcp","port":80}' % number)
        for number, path in enumerate(fine):
            watch.established(path, name=f"Number {number}")
            watch.owned(path, f"Number {number}")
        view.sees_only(*[f"Number {n}" for n in range(len(fine))])

    def test_own_topics(self):
        """Who writes to the bridge's own topics changes nothing for Avahi; the bridge stays as it is."""
        watch, view = self.boot_lan()
        watch.strict = False  # it hears what we forge
        bus = BusWatch(self.a)
        web = self.container("web")
        web.wish("app", "Web app")
        watch.established("web/app")
        view.sees("Web app")
        forged = b'{"name":"Forged","type":"_http._tcp","port":80}'
        for payload in (forged, b"x" * 10_000, b"{}", b"\0", b""):
            for topic in ("advertise/web/app/status", "advertise/web/none/status", "bridge/state", "bridge/x",
                          "service/local/_http._tcp/Forged/lan0", "service/local/_http._tcp/Web app/lan0"):
                web.say("mdns/" + topic, payload)
        web.wish("end", "End")
        watch.established("web/end")
        self.assertEqual(bus.added(), ["Web app", "End"][-len(bus.added()):])
        view.sees_only("Web app", "End")
        self.assertTrue(self.lab.bridge.alive())
        # A status that was overwritten is put right with the next life at the latest.
        self.lab.bridge.stop()
        mark = watch.mark()
        self.start_bridge({"advertise": {"port-check": "off"}})
        watch.established("web/app", since=mark)
        watch.online(since=mark)
        self.assertEqual(set(self.statuses_at_broker()), {"web/app", "web/end"})

    def test_presence_of_others(self):
        """Odd clients go offline; nobody else does."""
        watch, view = self.boot_lan()
        web = self.container("web")
        web.wish("app", "Web app")
        watch.established("web/app")
        mark = watch.mark()
        for client in ("..", ".", "", "we", "webb", "WEB", "web ", "web/app", "web/", "w%65b", "x" * 65):
            web.say("mdns/client/" + client, b"offline")
        web.say("mdns/client", b"offline")
        web.say("mdns/client/web", b"OFFLINE")
        web.say("mdns/client/web", b"offline ")
        web.say("mdns/client/web", b"offline\0")
        self.marker(watch, self.b)
        self.assertEqual(watch.statuses("web/app", since=mark), [])
        self.assertEqual(view.lost(), [])

    def test_owner_is_in_the_topic(self):
        """A payload that names another owner is refused; the bridge asks no one else who it is."""
        watch, _ = self.boot_lan()
        web = self.container("web")
        for key in ("client", "id", "owner"):
            mark = watch.mark()
            web.wish("app", "Web app", **{key: "other"})
            watch.failed("web/app", "bad-key", key, since=mark)


if __name__ == "__main__":
    world.main()
