"""A host dies without a goodbye: its services go when Avahi's resolver gives them up, not an hour later."""
import time

import world
from case import Case
from devices import AvahiPublish, Raw, service


class Death(Case):
    limit = 5 * Case.limit

    def test_short_ttl(self):
        watch = self.boot("b")
        device = Raw(self.b)
        device.set(service("Mortal", ttl=10), service("Lives on", host="other"))
        watch.service("Mortal", protocols=["IPv4", "IPv6"])
        mark = watch.mark()
        device.kill()
        again = Raw(self.b)
        again.set(service("Lives on", host="other"))
        watch.cleared("Mortal", since=mark, timeout=60)
        self.assertEqual([m.state for m in watch.of("Mortal", since=mark)][-2:], ["gone", None])
        mark = watch.mark()
        again.set(service("Mortal", port=81, ttl=10))
        watch.service("Mortal", port=81, since=mark, timeout=30)
        self.assertEqual([str(m) for m in watch.of("Lives on", since=mark)], [])

    def test_real_ttl(self):
        """avahi-daemon killed on B, cable of C cut; its pointer records would live for 75 minutes."""
        watch = self.boot("b", "c", "d", use_iff_running="yes")  # C announces again when it has a link
        for host in (self.b, self.c, self.d):
            AvahiPublish(host, f"On {host.name}", "_http._tcp", 80)
            watch.service(f"On {host.name}", protocols=["IPv4", "IPv6"])
        mark = dead = watch.mark()
        died = time.monotonic()
        self.b.avahi.kill()
        self.c.unplug()
        for name in ("On b", "On c"):
            message = watch.cleared(name, since=mark, timeout=160)
            print(f"{name} was cleared after {message.time - died:.1f} s")
        mark = watch.mark()
        back = time.monotonic()
        self.c.unplug(back=True)
        self.b.start_avahi()
        self.b.wait_avahi()
        AvahiPublish(self.b, "On b", "_http._tcp", 81)
        watch.service("On b", since=mark, port=81, timeout=60)
        print(f"On b was back after {time.monotonic() - back:.1f} s")
        watch.service("On c", since=mark, port=80, timeout=60)
        print(f"On c was back after {time.monotonic() - back:.1f} s")
        self.assertEqual([str(m) for m in watch.of("On d", since=dead)], [])


if __name__ == "__main__":
    world.main()
