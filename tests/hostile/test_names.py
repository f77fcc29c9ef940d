"""A name has one owner at a time, and a status says `established` only of who has it."""
import re

import e2e  # noqa: F401
import world
from adverts import AdvertCase
from devices import Raw, service
from lan import BusWatch
from process import Process


class GroupStates(Process):
    """What Avahi on a host says of entry groups, as it goes over the bus."""

    def __init__(self, host):
        super().__init__(f"{host.name}-states", host.command(
            "dbus-monitor", "--system", "interface='org.freedesktop.Avahi.EntryGroup',type='signal'"))
        self.wait_log("member=NameLost")

    def wait_collision(self):
        self.wait_log("int32 3", 20)


class Disputed(AdvertCase):
    """Somebody on the LAN disputes an established name, has his way, and is not heard of again."""

    def dispute(self):
        watch, _ = self.boot_lan()
        bus, states = BusWatch(self.a), GroupStates(self.a)
        self.container("web").wish("app", "Web app", port=80)
        watch.established("web/app", name="Web app")
        watch.owned("web/app", "Web app", protocols=["IPv4", "IPv6"])
        device = Raw(self.b)
        mark = watch.mark()
        device.set(service("Web app", port=65535, txt=["z=z"], host="zzz"))
        states.wait_collision()
        device.mute()
        return watch, bus, mark

    def test_status(self):
        """It is not established before Avahi has it again."""
        watch, bus, mark = self.dispute()
        watch.established("web/app", since=mark, timeout=20)
        said = watch.statuses("web/app", since=mark)
        self.assertEqual(said[0].state, "pending")
        _, again, *_ = [float(re.search(r"time=([\d.]+)", call)[1]) for call in bus.calls("AddService")]
        self.assertLess(said[0].record["time"] / 1000, again - 0.1, "said before it was registered once more")

    def test_another_takes_it(self):
        """At no time two have the same name."""
        watch, bus, mark = self.dispute()
        self.container("mad").wish("app", "Web app", port=81, rename=False)
        watch.status("mad/app", check=lambda r: r["state"] in ("established", "failed"))
        watch.established("web/app", since=mark, timeout=20)
        names = {}
        for message in watch.messages:
            if message.topic.endswith("/status"):
                has_it = message.record and message.state == "established"
                names[message.topic] = message.record["name"] if has_it else None
                taken = [name for name in names.values() if name]
                self.assertEqual(len(taken), len(set(taken)), message)


if __name__ == "__main__":
    world.main()
