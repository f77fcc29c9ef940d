"""The lab itself: what the other tests stand on. Needs no bridge."""
import subprocess
import time

import observer
import world
from case import Case
from devices import AvahiPublish, Raw, Zeroconf, service


class Lab(Case):
    def browse(self, *words):
        """What avahi-browse prints on A, once it holds all the words."""
        browser = self.a.start("browse", "avahi-browse", "-arpk", stdout=subprocess.PIPE)
        got = ""
        while not all(word in got for word in words):
            line = browser.popen.stdout.readline().decode()
            self.assertTrue(line, f"{words} not all in\n{got}")
            got += line
        browser.kill()
        return got

    def test_hosts_see_each_other(self):
        start = time.monotonic()
        b = self.lab.add_host("b")
        self.lab.start_broker()
        self.lab.boot(self.a, b)
        self.assertLess(time.monotonic() - start, 10)
        AvahiPublish(b, "From avahi", "_http._tcp", 80, "a=1")
        Zeroconf(b).register("From zeroconf", "_ipp._tcp", 631, ["b=2"])
        raw = Raw(b)
        raw.set(service("From raw", "_x-raw._udp", 9, ["c=3"]))
        text = self.browse("From\\032avahi", "From\\032zeroconf", "From\\032raw", '"a=1"', '"b=2"', '"c=3"')
        self.assertIn("10.77.0.2", text)

    def test_observer_and_snapshot(self):
        self.lab.start_broker()
        watch = self.observe(strict=False)
        observer.publish("mdns/x", b"1", retain=True)
        watch.message(lambda m: m.payload == b"1", "the message")
        self.assertEqual(observer.snapshot(), {"mdns/x": b"1"})


if __name__ == "__main__":
    world.main()
