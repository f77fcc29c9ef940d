"""A container that publishes as much as it can, within its rights: it gets its quota and answers for the
rest, and the bridge and everybody else go on."""
import json
import socket

import paho.mqtt.client as mqtt

import machine
import observer
from granted import LABA, LABB, GrantedCase, publish, request
from process import slow, wait_until
from rootless import socket_of

QUOTA = 32      # max-per-client, as shipped
ANSWERS = 64    # of those without an account, retained at most
FLOOD = 4000
BIG = 16384     # the largest message that the broker takes


class UnixClient(mqtt.Client):
    """paho-mqtt 1.6 knows TCP only."""

    def __init__(self, path):
        super().__init__(protocol=mqtt.MQTTv5)
        self.path = path
        self.max_queued_messages_set(0)
        self.connect("unix")
        self.loop_start()

    def _create_socket_connection(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self.path))
        return connection

    def end(self):
        self.disconnect()
        self.loop_stop()


class Flood(GrantedCase):
    def boot_flood(self):
        self.boot_granted(("laba", "advertise"), ("labb", "advertise"))
        self.assertTrue(publish(LABB, "mdns/advertise/labb/app", request("Web of labb"), "-r"))
        self.watch.established("labb/app")
        self.view.sees("Web of labb")
        self.flooder = UnixClient(socket_of(LABA))
        self.addCleanup(self.flooder.end)

    def flood(self, count, payload_of, qos=1):
        """Retained requests with as many IDs, as fast as they go; the last one at QoS 1 so that it can be
        waited for."""
        for number in range(count):
            sent = self.flooder.publish(f"mdns/advertise/laba/{number}", payload_of(number), retain=True,
                                        qos=1 if number == count - 1 else qos)
        return sent

    def others_unharmed(self):
        """The neighbour's advertisement was there all the time, a new one is made, and the bridge is well."""
        mark = self.watch.mark()
        self.assertTrue(publish(LABB, "mdns/advertise/labb/new", request("New web of labb")))
        self.watch.established("labb/new", since=mark, timeout=60)
        self.view.sees("New web of labb", timeout=60)
        self.assertNotIn("Web of labb", self.view.lost())
        self.assertTrue(self.lab.bridge.alive())
        states = {m.record["state"] for m in self.watch.messages if m.topic == "mdns/bridge/state" and m.record}
        self.assertLessEqual(states, {"starting", "online"})

    def kept_little(self, requests):
        """What is left at the broker, once all is dealt with: the quota, and the last answers."""
        def left():
            tree = observer.snapshot("mdns/advertise/laba/#")
            statuses = [t for t in tree if t.endswith("/status")]
            return len(tree) - len(statuses), len(statuses)
        wait_until(lambda: left()[0] <= requests and left()[1] <= requests + ANSWERS,
                   lambda: f"{left()} requests and statuses left", 60)

    def test_requests(self):
        """Good requests, each with another ID."""
        self.boot_flood()
        last = self.flood(FLOOD, lambda n: json.dumps(request(f"Flood {n}")))
        self.others_unharmed()
        last.wait_for_publish(60 * slow())
        self.watch.failed(f"laba/{FLOOD - 1}", "quota", timeout=60)
        self.kept_little(QUOTA)
        wait_until(lambda: len([n for n in self.view.names() if n.startswith("Flood")]) == QUOTA,
                   lambda: f"{QUOTA} of {sorted(self.view.names())}", 60)

    def test_without_acknowledgement(self):
        """At QoS 0 nothing slows the publisher down."""
        self.boot_flood()
        last = self.flood(FLOOD, lambda n: json.dumps(request(f"Flood {n}")), qos=0)
        self.others_unharmed()
        last.wait_for_publish(60 * slow())
        self.kept_little(QUOTA)

    def test_big(self):
        """The largest messages that the broker takes, and larger ones."""
        self.boot_flood()
        last = self.flood(2000, lambda n: b"x" * BIG)
        self.others_unharmed()
        last.wait_for_publish(60 * slow())
        self.watch.failed("laba/0", "too-large", timeout=60)
        self.kept_little(QUOTA)
        self.assertFalse(publish(LABA, "mdns/advertise/laba/huge", "x" * (BIG + 1), "-r"))
        self.assertNotIn("mdns/advertise/laba/huge", observer.snapshot("mdns/advertise/laba/huge"))

    def test_one_topic(self):
        """The same request, changed again and again: what changes quickly is done in its last state."""
        self.boot_flood()
        for number in range(FLOOD):
            last = self.flooder.publish("mdns/advertise/laba/app", json.dumps(request("Web of laba", 1000 + number)),
                                        retain=True, qos=1)
        self.others_unharmed()
        last.wait_for_publish(60 * slow())
        self.watch.established("laba/app", port=1000 + FLOOD - 1, timeout=60)


if __name__ == "__main__":
    machine.main()
