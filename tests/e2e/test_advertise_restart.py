"""avahi-daemon, the bus and the bridge end and come back: the LAN has what live clients wish."""
import world
from adverts import NO_PORT_CHECK, AdvertCase
from devices import Raw, service
from lan import resolves


class Restart(AdvertCase):
    def boot_with(self, *names, **options):
        self.watch, self.view = self.boot_lan(**options)
        self.web = self.container("web")
        for i, name in enumerate(names):
            self.web.wish(f"n{i}", name, port=1000 + i, txt={"i": str(i)})
        for i, name in enumerate(names):
            self.watch.established(f"web/n{i}", name=name)
            self.watch.owned(f"web/n{i}", name, protocols=["IPv4", "IPv6"])
        self.view.sees_only(*names)


class RestartAvahi(Restart):
    def while_down(self, down, up, goodbye=True):
        """What changes meanwhile is right afterwards; what does not says nothing but its states."""
        watch, web = self.watch, self.web
        mark = watch.mark()
        down()
        watch.bridge_state(since=mark, avahi="down")
        web.wish("n1", "Changes", port=81)
        web.withdraw("n2")
        web.wish("n3", "Comes")
        watch.status("web/n3", since=mark, state="pending", name="Comes")
        watch.ended("web/n2", "requested", since=mark)
        mark = watch.mark()
        up()
        watch.bridge_state(since=mark, avahi="up", timeout=30)
        for owner, name, port in (("web/n0", "Stays", 1000), ("web/n1", "Changes", 81),
                                  ("web/n3", "Comes", 80)):
            watch.wait(lambda: watch.tree.get(watch.status_topic(owner), {}).get("state") == "established"
                       and watch.tree[watch.status_topic(owner)]["port"] == port, f"{owner} established", 30)
            resolves(self.b, name, port=port)
        if goodbye:  # who got none remembers what has gone for its time to live
            self.view.sees_only("Stays", "Changes", "Comes", timeout=30)
        self.view.sees("Stays", "Changes", "Comes")
        watch.owned("web/n3", "Comes")
        watch.wait(lambda: {r["name"]: r.get("owner") for r in watch.services().values()} == {
            "Stays": "web/n0", "Changes": "web/n1", "Comes": "web/n3"}, "exactly these records", 40)
        states = {m.state for m in watch.statuses("web/n0", since=mark)}
        self.assertLessEqual(states, {"pending", "established"})

    def test_terminated(self):
        self.boot_with("Stays", "Changes", "Goes")
        self.while_down(self.a.avahi.stop, self.restart_avahi)

    def test_killed(self):
        """Without its goodbye, peers never lose sight of what stays."""
        self.boot_with("Stays", "Changes", "Goes")
        self.while_down(self.a.avahi.kill, self.restart_avahi, goodbye=False)
        self.assertNotIn("Stays", self.view.lost())

    def test_killed_while_registering(self):
        """What was under way when Avahi died is asked for again, and nobody is told that it has failed."""
        self.boot_with("First")
        mark = self.watch.mark()
        for i in range(30):
            self.web.wish(f"more{i}", f"More {i}", port=2000 + i)
        self.a.avahi.kill()
        self.watch.bridge_state(since=mark, avahi="down")
        self.restart_avahi()
        self.watch.wait(lambda: sum(r["state"] == "established" for topic, r in self.watch.tree.items()
                                    if topic.endswith("/status")) == 31, "all are established", 40)
        self.assertNotIn("failed", [m.state for m in self.watch.since(mark)])

    def test_dbus(self):
        self.boot_with("Stays", "Changes", "Goes")

        def down():
            self.a.dbus.kill()
            self.a.avahi.wait_end()
        self.while_down(down, lambda: (self.a.start_dbus(), self.restart_avahi()))

    def test_renamed_again(self):
        """A name that was free again meanwhile is taken as wished; one that is taken, is not."""
        self.boot_with("Mine", "Other")
        self.a.avahi.stop()
        self.view.sees_only()
        # Not Avahi: it does not reliably defend a name that is only some seconds old.
        Raw(self.b).set(service("Mine", host="thing-b"))
        mark = self.watch.mark()
        self.restart_avahi()
        self.watch.established("web/n0", since=mark, name="Mine #2", timeout=30)
        self.view.sees_only("Mine", "Mine #2", "Other", timeout=30)
        self.watch.owned("web/n0", "Mine #2")
        self.watch.service("Mine", host="thing-b.local")


    def test_order_of_names(self):
        """Who had the name has it again, not who was there first."""
        self.watch, self.view = self.boot_lan()
        one, two = self.container("one"), self.container("two")
        one.wish("app", "First name")
        self.watch.established("one/app")
        two.wish("app", "Mine", rename=False)
        self.watch.established("two/app", name="Mine")
        mark = self.watch.mark()
        one.wish("app", "Mine")
        self.watch.established("one/app", since=mark, name="Mine #2")
        self.a.avahi.stop()
        self.view.sees_only()
        mark = self.watch.mark()
        self.restart_avahi()
        self.watch.established("two/app", since=mark, name="Mine", timeout=30)
        self.watch.established("one/app", since=mark, name="Mine #2", timeout=30)
        self.assertNotIn("failed", [m.state for m in self.watch.since(mark)])

    def test_interface(self):
        """One that comes later, and one that is removed and made again."""
        self.lab.add_switch("other")
        watch, _ = self.boot_lan()
        web = self.container("web")
        web.wish("app", "On lan9", interface="lan9")
        watch.failed("web/app", "avahi", "interface")
        for _ in range(2):
            mark = watch.mark()
            self.a.plug("lan9", "other", "10.78.0.1")
            watch.established("web/app", since=mark, timeout=30)
            watch.owned("web/app", "On lan9", since=mark, interface="lan9", timeout=30)
            mark = watch.mark()
            self.a.run("ip", "link", "delete", "lan9")
            watch.cleared("On lan9", since=mark)


class RestartBridge(Restart):
    def again(self, **options):
        mark = self.watch.mark()
        self.start_bridge(NO_PORT_CHECK, **options)
        self.watch.online(since=mark, timeout=30)
        return mark

    def check(self, mark, *names, asleep=()):
        for owner, name in names:
            self.watch.status(owner, since=mark, state="established", name=name)
            self.watch.owned(owner, name, since=mark)
        self.view.sees_only(*[name for _, name in names])
        self.assertEqual({o: (r["state"], r["name"]) for o, r in self.statuses_at_broker().items()},
                         {**{owner: ("established", name) for owner, name in names},
                          **{owner: ("pending", "Mortal") for owner in asleep}})
        self.assertEqual(set(self.requests_at_broker()), {owner for owner, _ in names} | set(asleep))
        self.watch.wait(lambda: {r["name"] for r in self.watch.services().values()} == {n for _, n in names},
                        "exactly these records")

    def test_killed(self):
        """While it is away: one is taken back, one changes, one comes, and a client dies."""
        self.boot_with("Stays", "Changes", "Goes")
        mortal = self.container("mortal")
        mortal.wish("app", "Mortal")
        self.watch.established("mortal/app")
        self.lab.bridge.kill()
        self.view.sees_only()  # Avahi says goodbye for who has left its bus
        self.web.wish("n1", "Changed", port=81)
        self.web.withdraw("n2")
        self.web.wish("n3", "Comes")
        mortal.die()
        self.watch.wait(lambda: any(m.topic == "mdns/client/mortal" and m.payload == b"offline"
                                    for m in self.watch.messages), "the will")
        lost = self.view.mark()
        mark = self.again()
        stay = [("web/n0", "Stays"), ("web/n1", "Changed"), ("web/n3", "Comes")]
        self.check(mark, *stay, asleep=["mortal/app"])
        self.assertEqual(self.view.lost(lost), [])
        self.assertNotIn("Mortal", {name for _, name, _ in self.view.events()[lost:]})
        # It waits for its client to come back.
        self.container("mortal")
        self.watch.established("mortal/app", since=mark, name="Mortal")
        self.check(mark, *stay, ("mortal/app", "Mortal"))

    def test_terminated(self):
        """A clean exit says goodbye; all comes back with the bridge."""
        self.boot_with("Stays", "Too")
        self.assertEqual(self.lab.bridge.stop(), 0)
        self.view.sees_only()
        self.assertEqual(set(self.requests_at_broker()), {"web/n0", "web/n1"})
        lost = self.view.mark()
        mark = self.again()
        self.check(mark, ("web/n0", "Stays"), ("web/n1", "Too"))
        self.assertEqual(self.view.lost(lost), [])
        said = [m.state for m in self.watch.messages if m.topic == "mdns/advertise/web/n0/status"]
        self.assertNotIn("withdrawn", said)

    def test_killed_again_and_again(self):
        """Whenever it is killed, the next life finds the wishes and makes everything right."""
        self.boot_with("Stays")
        for n in range(1, 6):
            mark = self.watch.mark()
            self.web.wish("n1", f"Number {n}", port=n)
            self.lab.bridge.kill()
            self.start_bridge(NO_PORT_CHECK)
            if n % 2:  # the next one is killed somewhere on its way
                self.watch.bridge_state(since=mark, state="starting", timeout=30)
        self.watch.established("web/n1", since=mark, name="Number 5", timeout=30)
        self.watch.wait(lambda: not any(r["state"] == "starting" for t, r in self.watch.tree.items()
                                        if t == "mdns/bridge/state"), "online", 30)
        self.check(0, ("web/n0", "Stays"), ("web/n1", "Number 5"))

    def test_refused_is_judged_again(self):
        """A retained request that was refused is tried again by the next life, which may allow it."""
        self.boot_with("Stays", config={"advertise": {"port-check": "off", "deny-types": "_ipp._tcp"}})
        self.web.wish("ipp", "Printer", kind="_ipp._tcp")
        self.watch.failed("web/ipp", "denied", "type")
        self.assertIn("web/ipp", self.requests_at_broker())
        self.assertEqual(self.lab.bridge.stop(), 0)
        mark = self.again()
        self.watch.established("web/ipp", since=mark, name="Printer")

    def test_stale_statuses(self):
        """Statuses of a former life that nobody wishes any more are cleared, of whatever form."""
        watch, _ = self.boot_lan(bridge=False)
        watch.strict = False  # it hears what we publish, too
        web = self.container("web")
        stale = ["old/one/status", "old/two/status", "web/app/status"]
        for path in stale:
            web.say("mdns/advertise/" + path, b'{"v":1,"state":"established"}')
        web.wish("app", "Web app")
        self.start_bridge(NO_PORT_CHECK)
        watch.established("web/app", name="Web app")
        watch.online()
        self.assertEqual(set(self.statuses_at_broker()), {"web/app"})
        self.assertEqual(self.statuses_at_broker()["web/app"]["name"], "Web app")


if __name__ == "__main__":
    world.main()
