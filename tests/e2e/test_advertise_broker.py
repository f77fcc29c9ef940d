"""The broker restarts, in each way: what live clients wish stays on the LAN, and nobody sees it go.

What is not confirmed within 15 s of the reconnection ends. So each test waits that long.
"""
import pathlib
import signal

import world
from adverts import NO_PORT_CHECK, PERSISTENT, AdvertCase
from process import wait_until


def saved():
    """What the broker has on disk."""
    file = pathlib.Path("/tmp/mosquitto.db")
    return file.read_bytes() if file.exists() else b""


class RestartBroker(AdvertCase):
    def boot_clients(self, broker=None):
        self.watch, self.view = self.boot_lan(broker=broker)
        self.repeats = self.container("repeats")  # says all again when it is back
        self.present = self.container("present", repeats=False)  # says `online` and nothing else
        self.mortal = self.container("mortal")
        self.silent = self.container("silent", presence=False)
        self.repeats.wish("a", "Retained")
        self.repeats.wish("b", "Live", retain=False)
        self.present.wish("a", "Present", retain=False)
        self.mortal.wish("a", "Mortal")
        self.silent.wish("a", "Silent")
        self.everyone = {"repeats/a": "Retained", "repeats/b": "Live", "present/a": "Present",
                         "mortal/a": "Mortal", "silent/a": "Silent"}
        for owner, name in self.everyone.items():
            self.watch.established(owner, name=name)
        self.view.sees_only(*self.everyone.values())

    def restart(self, end, broker=None):
        """One client does not survive the time without a broker."""
        mark = self.restart_broker(self.watch, end, broker, while_away=self.mortal.die)
        # Perhaps the bridge was back before the observer, which then hears what is retained.
        before = max(m.record["seq"] for m in self.watch.messages[:mark] if m.record)
        self.watch.message(lambda m: m.state == "online" and m.record["seq"] > before, "online, said now",
                           mark, 30)
        return mark

    def check(self, mark, ended=("mortal/a",)):
        """In the end there is just what is wished; of the others nobody noticed anything."""
        for owner in ended:
            self.watch.ended(owner, None, since=mark, timeout=30, retained=False)
        stays = {o: n for o, n in self.everyone.items() if o not in ended}
        self.view.sees_only(*stays.values())
        self.assertEqual(self.view.lost(), sorted(self.everyone[o] for o in ended))
        self.assertEqual({o: (r["state"], r["name"]) for o, r in self.statuses_at_broker().items()},
                         {o: ("established", n) for o, n in stays.items()})
        for owner in stays:
            states = {m.state for m in self.watch.statuses(owner, since=mark)}
            self.assertLessEqual(states, {"established"}, owner)
        self.assertFalse([str(m) for m in self.watch.since(mark) if m.state == "gone"
                          and m.name in stays.values()])
        self.assertLessEqual(set(self.requests_at_broker()), {"repeats/a", "silent/a"})

    def test_clean(self):
        """It fires every will first; then nothing is retained, and clients say everything again."""
        self.boot_clients()
        mark = self.restart(self.lab.broker.stop)
        self.check(mark)

    def test_killed(self):
        """Who has no presence and says nothing again cannot be told from one who is gone."""
        self.boot_clients()
        self.silent.repeats = False
        mark = self.restart(self.lab.broker.kill)
        self.check(mark, ended=("mortal/a", "silent/a"))

    def test_clean_with_persistence(self):
        self.boot_clients(PERSISTENT)
        self.silent.repeats = False  # its request is still there
        mark = self.restart(self.lab.broker.stop, PERSISTENT)
        self.check(mark)

    def test_killed_with_persistence(self):
        """What the broker remembers of the dead client says `online`: only its lease could tell."""
        self.boot_clients(PERSISTENT)
        self.silent.repeats = False
        self.lab.broker.send(signal.SIGUSR1)
        wait_until(lambda: all(name.encode() in saved() for name in ("Mortal", "Silent")), "it is on disk")
        mark = self.restart(self.lab.broker.kill, PERSISTENT)
        self.container("mortal").withdraw("a")
        self.watch.ended("mortal/a", "requested", since=mark, retained=False)
        self.everyone.pop("mortal/a")
        self.marker(self.watch, self.b)
        self.view.sees_only(*self.everyone.values())
        self.assertEqual(self.view.lost(), ["Mortal"])


class DefaultBroker(AdvertCase):
    """Mosquitto 2.0.11 drops what does not fit a subscriber's queue of 1020, and tells nobody."""

    def test_many_clients_that_are_gone(self):
        """Nobody clears what they left; the one that lives is heard all the same."""
        watch, _ = self.boot_lan(bridge=False, broker="listener 1883 127.0.0.1\nallow_anonymous true\n")
        watch.strict = False  # it is dropped for the observer, too
        web = self.container("web")
        for n in range(1100):
            last = web.client.publish(f"mdns/client/gone{n}", "offline", qos=1, retain=True)
        last.wait_for_publish(30)
        web.wish("app", "Web app")
        self.start_bridge(NO_PORT_CHECK)
        wait_until(lambda: self.statuses_at_broker().get("web/app", {}).get("state") == "established",
                   "the one that lives is advertised")


class Alone(AdvertCase):
    """The broker and the clients are well; it is the bridge that was not there."""

    def test_cut_off(self):
        """Meanwhile one request is taken back, one changes, one comes, and a client dies."""
        watch, view = self.boot_lan(config={"broker": {"keepalive": 5}, **NO_PORT_CHECK})
        web, mortal = self.container("web"), self.container("mortal")
        for client, ident, name in ((web, "a", "Stays"), (web, "b", "Taken back"), (web, "c", "Changes"),
                                    (mortal, "a", "Mortal")):
            client.wish(ident, name)
        web.wish("live", "Live", retain=False)
        for owner in ("web/a", "web/b", "web/c", "web/live", "mortal/a"):
            watch.established(owner)
        view.sees_only("Stays", "Taken back", "Changes", "Live", "Mortal")
        mark = watch.mark()
        self.lab.bridge.send(signal.SIGSTOP)
        watch.bridge_state(since=mark, state="offline", timeout=30)  # its will
        web.withdraw("b")
        web.wish("c", "Changes", port=81)
        web.wish("d", "Comes")
        mortal.die()
        mark = watch.mark()
        self.lab.bridge.send(signal.SIGCONT)
        watch.online(since=mark, timeout=30)
        watch.established("web/c", since=mark, port=81)
        watch.established("web/d", since=mark)
        watch.ended("mortal/a", None, since=mark, timeout=30)
        watch.ended("web/b", None, since=mark, timeout=30)
        view.sees_only("Stays", "Changes", "Live", "Comes")
        self.assertEqual([n for n in view.lost() if n in ("Stays", "Live", "Comes")], [])

    def test_will_that_takes_back(self):
        """A broker that is shut down fires it, though its client lives; later it is meant."""
        watch, view = self.boot_lan(broker=PERSISTENT)
        web = self.container("web", presence=False, takes_back="app")
        web.wish("app", "Web app")
        watch.established("web/app")
        view.sees("Web app")
        mark = self.restart_broker(watch, self.lab.broker.stop, PERSISTENT)
        watch.online(since=mark, timeout=30)
        web.wait_connected()
        self.marker(watch, self.b)
        self.assertEqual(view.lost(), [])
        mark = watch.mark()
        web.die()
        watch.ended("web/app", "requested", since=mark, retained=False)
        view.forgets("Web app")

    def test_hangs(self):
        """A broker that stands still for a while is no reason for anything."""
        watch, view = self.boot_lan()
        web = self.container("web")
        web.wish("app", "Web app")
        watch.established("web/app")
        view.sees("Web app")
        mark = watch.mark()
        self.lab.broker.send(signal.SIGSTOP)
        probe = self.b.start("publish", "avahi-publish", "-s", "Later", "_http._tcp", "80")
        view.sees("Later")
        self.lab.broker.send(signal.SIGCONT)
        watch.service("Later", since=mark)
        self.assertTrue(probe.alive())
        self.assertEqual(watch.statuses("web/app", since=mark), [])
        self.assertEqual(view.lost(), [])

    def test_changed_while_away(self):
        """What was taken back, or changed, while the bridge could not hear it."""
        watch, view = self.boot_lan()
        web = self.container("web")
        for ident, name in (("a", "Stays"), ("b", "Taken back"), ("c", "Changes")):
            web.wish(ident, name)
        for ident in "abc":
            watch.established(f"web/{ident}")
        view.sees_only("Stays", "Taken back", "Changes")

        def change():
            web.requests.pop("b")
            web.requests["c"] = (b'{"name":"Changes","type":"_http._tcp","port":81}', True, None)
        mark = self.restart_broker(watch, self.lab.broker.stop, while_away=change)
        watch.established("web/c", since=mark, port=81, timeout=30)
        watch.online(since=mark, timeout=30)
        watch.owned("web/c", "Changes", since=mark, port=81, timeout=30)
        self.assertNotIn("Stays", view.lost())
        # `online` confirms all of a client, and that one of them is not wished any more was never said.
        mark = watch.mark()
        web.withdraw("b")
        watch.ended("web/b", "requested", since=mark, retained=False)
        view.sees_only("Stays", "Changes")


if __name__ == "__main__":
    world.main()
