"""What a client advertises ends with the client, however it goes."""
import world
from adverts import AdvertCase
from containers import Program, mosquitto_pub
from devices import AvahiPublish


class Presence(AdvertCase):
    def test_killed(self):
        """With Mosquitto's own tools; one will covers all that the client advertises, and nobody else's."""
        watch, view = self.boot_lan()
        web, other = Program("web"), Program("other")
        for ident, name in (("a", "First"), ("b", "Second"), ("c", "Third")):
            mosquitto_pub(f"mdns/advertise/web/{ident}", {"name": name, "type": "_http._tcp", "port": 80})
        mosquitto_pub("mdns/advertise/other/a", {"name": "Other", "type": "_http._tcp", "port": 80})
        for owner in ("web/a", "web/b", "web/c", "other/a"):
            watch.established(owner)
        view.sees_only("First", "Second", "Third", "Other")
        web.wait_log('mdns/advertise/web/c/status {"v":1,"state":"established"')
        mark = watch.mark()
        web.kill()
        for ident in "abc":
            watch.ended(f"web/{ident}", "client-offline", since=mark)
        view.sees_only("Other")
        self.assertEqual(set(self.requests_at_broker()), {"other/a"})
        self.assertEqual(set(self.statuses_at_broker()), {"other/a"})
        self.assertEqual(watch.statuses("other/a", since=mark), [])
        self.assertTrue(other.alive())

    def test_comes_back(self):
        """After its end a client may come back, and wish the same."""
        watch, view = self.boot_lan()
        web = self.container("web")
        web.wish("app", "Web app")
        watch.established("web/app")
        mark = watch.mark()
        web.die()
        watch.ended("web/app", "client-offline", since=mark)
        view.forgets("Web app")
        mark = watch.mark()
        again = self.container("web")
        again.wish("app", "Web app")
        watch.established("web/app", since=mark, name="Web app")
        view.sees("Web app")

    def test_taken_over(self):
        """A quick restart of a client, `offline` and then `online`, is no end."""
        watch, view = self.boot_lan()
        web = self.container("web")
        web.wish("app", "Web app")
        watch.established("web/app")
        view.sees("Web app")
        mark = watch.mark()
        for _ in range(5):
            web.say_presence("offline")
            web.say_presence("online")
        AvahiPublish(self.b, "Later", "_http._tcp", 80)  # takes longer than `offline` takes to count
        view.sees("Later")
        self.assertEqual(watch.statuses("web/app", since=mark), [])
        self.assertEqual(view.lost(), [])
        self.assertEqual(set(self.requests_at_broker()), {"web/app"})

    def test_offline_not_retained(self):
        watch, view = self.boot_lan()
        web = self.container("web", presence=False)
        web.wish("app", "Retained")
        web.wish("live", "Live", retain=False)
        for owner in ("web/app", "web/live"):
            watch.established(owner)
        mark = watch.mark()
        web.say(web.presence_topic, "offline", retain=False)
        watch.ended("web/app", "client-offline", since=mark)
        watch.ended("web/live", "client-offline", since=mark, retained=False)
        view.sees_only()

    def test_left_in_good_order(self):
        """A clean disconnect sends no will: what was wished stays, until it is taken back."""
        watch, view = self.boot_lan()
        web = self.container("web")
        web.wish("app", "Web app")
        watch.established("web/app")
        mark = watch.mark()
        web.leave()
        self.marker(watch, self.b)
        self.assertEqual(watch.statuses("web/app", since=mark), [])
        mosquitto_pub("mdns/advertise/web/app", None)
        watch.ended("web/app", "requested", since=mark)
        view.sees_only()

    def test_pending_ends(self):
        """A wish that never came so far ends as well; no word of it reaches the network."""
        self.b = self.lab.add_host("b")
        self.lab.start_broker()
        self.lab.boot(self.b)
        self.a.start_dbus()  # but no avahi-daemon
        watch = self.observe()
        self.start_bridge()
        watch.bridge_state(avahi="down")
        web = self.container("web")
        web.wish("app", "Too early")
        web.wish("other", "Taken back")
        watch.status("web/app", state="pending", name="Too early")
        watch.status("web/other", state="pending")
        mark = watch.mark()
        web.withdraw("other")
        watch.ended("web/other", "requested", since=mark)
        web.die()
        watch.ended("web/app", "client-offline", since=mark)
        self.restart_avahi()
        watch.bridge_state(since=mark, avahi="up")
        again = self.container("again")
        again.wish("app", "In time")
        watch.established("again/app")
        self.assertEqual({r["name"] for r in watch.services().values()} - {"In time"}, set())


class Unknown(AdvertCase):
    def test_nothing_to_withdraw(self):
        """To take back what never was is fine, and so is a client that nobody knows."""
        watch, _ = self.boot_lan()
        web = self.container("web")
        mark = watch.mark()
        for _ in range(3):
            web.withdraw("never")
        web.say("mdns/client/nobody", "offline")
        web.say("mdns/client/nobody", "")
        web.say_presence("neither word")
        web.say_presence(b"\xff" * 5000)
        web.say_presence(b"")
        web.wish("app", "Web app")
        watch.established("web/app")
        self.assertEqual(watch.statuses("web/never", since=mark), [])

    def test_failed_ends(self):
        """A request that failed is forgotten with its retained message."""
        watch, _ = self.boot_lan()
        web = self.container("web")
        web.ask("app", b"{")
        watch.failed("web/app", "bad-json")
        self.assertEqual((set(self.requests_at_broker()), set(self.statuses_at_broker())),
                         ({"web/app"}, {"web/app"}))
        mark = watch.mark()
        web.withdraw("app")
        watch.message(lambda m: m.topic == "mdns/advertise/web/app/status" and not m.payload,
                      "the status is forgotten", since=mark)
        web.ask("app", b"[]")
        watch.failed("web/app", "bad-json", since=mark)
        mark = watch.mark()
        web.die()
        watch.message(lambda m: m.topic == "mdns/advertise/web/app/status" and not m.payload,
                      "the status is forgotten", since=mark)
        watch.message(lambda m: m.topic == "mdns/advertise/web/app" and not m.payload,
                      "the request is cleared", since=mark)
        self.assertEqual((self.requests_at_broker(), self.statuses_at_broker()), ({}, {}))


if __name__ == "__main__":
    world.main()
