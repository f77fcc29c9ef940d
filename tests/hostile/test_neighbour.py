"""While one client floods, within its rights: what others ask for is done, and the bridge can start."""
import e2e  # noqa: F401
import observer
import world
from adverts import NO_PORT_CHECK
from devices import AvahiPublish
from hostile import HostileCase, broker_says
from process import wait_until

NEIGHBOURS = 18
QUEUE = 1000  # Mosquitto's default: with a flood it is full at once
MANY = 10 ** 7


class Neighbour(HostileCase):
    def is_shown(self, name, timeout=15.0):
        wait_until(lambda: observer.snapshot(f"mdns/service/+/+/{name}/+"), f"{name!r} is shown", timeout)

    def test_requests_are_not_lost(self):
        """The broker takes them, and has no room to tell the bridge of all; none of them is forgotten."""
        self.boot_alone(queue=QUEUE)
        lab = self.container("lab")
        floods = [self.flooder(ids=1000, count=MANY) for _ in range(2)]
        wait_until(lambda: broker_says("publish/messages/dropped") > 0, "the bridge's queue is full", 30)
        for number in range(NEIGHBOURS):
            lab.wish(f"app{number}", f"Lab {number}")
        for flood in floods:
            flood.tell_to_end()
        for flood in floods:
            flood.finish()
        wait_until(lambda: len(self.established_of("lab")) == NEIGHBOURS,
                   lambda: f"{sorted(self.established_of('lab'))} of {NEIGHBOURS} are established", 20)

    def flooded_bridge_starts(self, qos, rate):
        self.boot_alone()
        epoch = self.state()["epoch"]
        floods = [self.flooder(ids=1000, count=MANY, qos=qos, rate=rate) for _ in range(2)]
        wait_until(lambda: self.left_of("mad")[1] > 0, "the bridge has seen the flood")
        self.lab.bridge.kill()
        self.start_bridge(NO_PORT_CHECK)
        self.is_online(epoch, 20)
        printer = AvahiPublish(self.a, "Printer", "_ipp._tcp", 631)
        self.is_shown("Printer")
        self.assertTrue(printer.alive())
        self.assertEqual([flood.popen.poll() for flood in floods], [None, None], "it went on all the time")

    def test_start(self):
        self.flooded_bridge_starts(qos=1, rate=25000)

    def test_start_without_acknowledgement(self):
        """Nothing slows the flood down."""
        self.flooded_bridge_starts(qos=0, rate=70000)


if __name__ == "__main__":
    world.main()
