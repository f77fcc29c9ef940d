"""Floods of requests that the bridge does not take: they leave nothing behind, at the broker or in its memory."""
import json
import pathlib
import signal

import e2e  # noqa: F401
import observer
import world
from adverts import NO_PORT_CHECK
from gate import Gate
from hostile import ANSWERS, HostileCase
from process import wait_until

FLOOD = 60000
ONE_REQUEST = {"advertise": {"port-check": "off", "max-per-client": 1}}
LONG = (1200, 1999, 5000, 10000, 20000, 30000)


def private_memory(process):
    """In kB: what this process has for itself."""
    lines = pathlib.Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


class Flood(HostileCase):
    def test_memory(self):
        """Not retained, as fast as they go, from two connections: nothing is kept of them."""
        self.boot_alone(ONE_REQUEST)
        before = private_memory(self.lab.bridge)
        floods = [self.flooder(ids=1000, count=500000, seconds=6) for _ in range(2)]
        self.assertGreater(sum(flood.finish() for flood in floods), 2000)
        wait_until(lambda: private_memory(self.lab.bridge) < before + 6000,
                   lambda: f"{private_memory(self.lab.bridge)} kB of memory are little more than {before}", 5)

    def test_not_retained(self):
        """Who has retained nothing leaves nothing to be cleared, and the broker says so with MQTT 5."""
        gate = Gate()
        self.boot_alone({"broker": {"url": gate.url}, **ONE_REQUEST})
        self.flooder(count=200).finish()
        self.container("mad", presence=False).wish("last", "Last")

        def cleared():
            return [topic for topic, length, _ in gate.published if not length and topic.startswith("mdns/advertise/")
                    and not topic.endswith("/status")]
        wait_until(lambda: "mdns/advertise/mad/last" in cleared(), "what was retained is cleared")
        self.assertEqual(cleared(), ["mdns/advertise/mad/last"])

    def flood_with_many_ids(self, queue):
        """The bridge has no time meanwhile; so all that the broker can keep for it comes at once."""
        self.boot_alone(ONE_REQUEST, queue)
        self.lab.bridge.send(signal.SIGSTOP)
        self.flooder(count=FLOOD, retain=True).finish()
        self.lab.bridge.send(signal.SIGCONT)
        self.leaves_little("mad", 1)

    def test_many_ids(self):
        """Retained, and each with another ID."""
        self.flood_with_many_ids(200000)

    def test_many_ids_overflow(self):
        """More than the broker keeps for who does not read: the bridge is not told of what was dropped."""
        self.flood_with_many_ids(20000)

    def test_long_ids(self):
        """As long as the broker takes them; a bridge that starts finds nothing of it either."""
        self.boot_alone()
        mad = self.container("mad", presence=False)

        def publish_all():
            topics = [f"mdns/advertise/{kind}{i}{'x' * length}" for length in LONG for i in range(3)
                      for kind in ("mad/", "y/", "mad/ ")]
            for topic in topics + [f"mdns/advertise/{'x' * length}/app" for length in LONG]:
                last = mad.client.publish(topic, json.dumps({"name": "Long"}), qos=1, retain=True)
            last.wait_for_publish(30)

        def left():
            return [len(topic) for topic in observer.snapshot("mdns/advertise/#") if not topic.endswith("/status")]

        publish_all()
        wait_until(lambda: not left(), lambda: f"left are IDs of {left()} bytes")
        self.lab.bridge.stop()
        epoch = self.state()["epoch"]
        publish_all()
        self.start_bridge(NO_PORT_CHECK)
        self.is_online(epoch)
        wait_until(lambda: not left(), lambda: f"left are IDs of {left()} bytes")
        self.assertLessEqual(len(observer.snapshot("mdns/advertise/#")), ANSWERS)


if __name__ == "__main__":
    world.main()
