"""An MQTT client that sees all that the bridge publishes, and judges every message of it."""
import threading
import time
from dataclasses import dataclass

import paho.mqtt.client as mqtt
from paho.mqtt.subscribeoptions import SubscribeOptions

import records
from lab import BROKER_PORT
from process import slow


@dataclass
class Message:
    """One message as it came."""
    topic: str
    payload: bytes
    retain: bool
    time: float          # monotonic
    record: dict         # None where empty or wrong
    key: tuple = None    # (domain, type, name, interface) of a service, as bytes

    @property
    def name(self):
        return self.key[2].decode(errors="replace") if self.key else None

    @property
    def state(self):
        return self.record.get("state") if self.record else None

    def __str__(self):
        what = records.content(self.record) if self.record else self.payload[:200]
        stamp = f" seq {self.record['seq']}" if self.record else ""
        return f"{self.topic} {'retained ' if self.retain else ''}{what}{stamp}"


class Observer:
    """Subscribed to all of the prefix. Comes back by itself after a restart of the broker.

    `strict`: every message is judged, and Case.tearDown fails on what was wrong. `as_published`: retain
    flags are those of the publisher, also on live messages; goes with strict=False only.
    """

    def __init__(self, prefix="mdns", size=4096, port=BROKER_PORT, strict=True,
                 as_published=False):
        self.prefix, self.size, self.strict = prefix, size, strict
        self.messages, self.wrong, self.tree = [], [], {}
        self.options = SubscribeOptions(qos=1, retainAsPublished=as_published)
        self.sequence = records.Sequence()
        self.changed = threading.Condition()
        self.connected, self.subscribed = False, 0  # is it now; how often did it
        self.client = client = mqtt.Client(protocol=mqtt.MQTTv5)
        client.on_connect, client.on_subscribe = self._on_connect, self._on_subscribe
        client.on_disconnect, client.on_message = self._on_disconnect, self._on_message
        client.reconnect_delay_set(0.02, 0.1)
        client.connect_async("127.0.0.1", port)
        client.loop_start()
        self.wait(lambda: self.subscribed, "the observer's subscription")

    def _on_connect(self, client, *_):
        with self.changed:
            self.connected = True
            self.tree.clear()
            self.sequence.reset()
        client.subscribe(f"{self.prefix}/#", options=self.options)

    def _on_disconnect(self, *_):
        with self.changed:
            self.connected = False
            self.changed.notify_all()

    def _on_subscribe(self, *_):
        with self.changed:
            self.subscribed += 1
            self.changed.notify_all()

    def _on_message(self, _client, _data, got):
        message = Message(got.topic, got.payload, got.retain, time.monotonic(), None)
        problems, request = [], records.is_request(got.topic, self.prefix)
        try:
            if got.topic.startswith(self.prefix + "/service/"):
                message.key = records.service_identity(got.topic, self.prefix)
            if got.payload and not request:
                message.record = records.check(got.topic, got.payload, self.prefix, self.size)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            problems.append(f"{error!r} in {got.payload.rstrip()!r}")
        with self.changed:
            if not problems and not request:
                problems += self.sequence.check(got.topic, message.record, got.retain)
            if self.strict:
                self.wrong += [f"message {len(self.messages)} at {got.topic}: {p}" for p in problems]
            self.messages.append(message)
            if not got.payload:
                self.tree.pop(got.topic, None)
            elif message.record and message.state != "gone":
                self.tree[got.topic] = message.record
            self.changed.notify_all()

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()

    # Waiting. `since` is an index into messages, from mark().

    def mark(self):
        with self.changed:
            return len(self.messages)

    def since(self, mark):
        with self.changed:
            return self.messages[mark:]

    def wait(self, condition, what, timeout=15.0):
        """Waits until condition() is true; looked at after each message. Returns its result."""
        end = time.monotonic() + timeout * slow()
        with self.changed:
            while True:
                result = condition()
                if result:
                    return result
                left = end - time.monotonic()
                if left <= 0 or not self.changed.wait(left) and not condition():
                    last = "\n  ".join(str(m)[:400] for m in self.messages[-12:])
                    what = what() if callable(what) else what
                    raise AssertionError(f"not within {timeout:g} s: {what}\nlast messages:\n  {last}")

    def message(self, condition, what, since=0, timeout=15.0):
        """The first message that fulfils the condition, waited for."""
        position = since

        def find():
            nonlocal position
            while position < len(self.messages):
                position += 1
                if condition(self.messages[position - 1]):
                    return self.messages[position - 1]
            return None
        return self.wait(find, what, timeout)

    def bridge_state(self, since=0, timeout=15.0, **wanted):
        """A state record with these values, waited for."""
        return self.message(lambda m: m.topic == f"{self.prefix}/bridge/state" and m.record
                            and all(m.record[k] == v for k, v in wanted.items()),
                            f"bridge/state with {wanted}", since, timeout).record

    def stats(self, condition, what, since=0, timeout=15.0):
        """A stats record that fulfils the condition, waited for."""
        return self.message(lambda m: m.topic == f"{self.prefix}/bridge/stats" and m.record
                            and condition(m.record), f"bridge/stats with {what}", since, timeout).record

    def online(self, since=0, timeout=15.0):
        return self.bridge_state(since, timeout, state="online")

    def service(self, name, since=0, timeout=15.0, check=lambda record: True, **wanted):
        """An `up` record of a service with this name and these values, waited for."""
        raw = name.encode() if isinstance(name, str) else name
        wanted.setdefault("state", "up")
        return self.message(lambda m: m.key and m.key[2] == raw and m.record and check(m.record)
                            and all(m.record.get(k) == v for k, v in wanted.items()),
                            f"record of {name!r} with {wanted}", since, timeout).record

    def cleared(self, name, since=0, timeout=15.0):
        """The empty message of a service with this name, waited for."""
        return self.message(lambda m: m.name == name and not m.payload, f"{name!r} cleared", since,
                            timeout)

    def of(self, name, since=0):
        """All messages about a service."""
        return [m for m in self.since(since) if m.name == name]

    def services(self):
        """What is at the broker now, as this observer knows it: {topic: record}."""
        with self.changed:
            return {t: r for t, r in self.tree.items() if t.startswith(self.prefix + "/service/")}


def snapshot(topics="mdns/#", port=BROKER_PORT):
    """The retained messages as a new client gets them: {topic: payload}."""
    tree, done = {}, threading.Event()
    client = mqtt.Client(protocol=mqtt.MQTTv5)
    marker = f"snapshot/{id(tree)}"

    def on_connect(*_):
        client.subscribe([(topics, SubscribeOptions(qos=1)), (marker, SubscribeOptions(qos=1))])
        client.publish(marker, b"end", qos=1)  # comes back behind what is retained

    def on_message(_client, _data, message):
        if message.topic == marker:
            done.set()
        elif message.retain and not done.is_set():
            tree[message.topic] = message.payload
    client.on_connect, client.on_message = on_connect, on_message
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert done.wait(15 * slow()), "no retained snapshot within 15 s"
    client.disconnect()
    client.loop_stop()
    return tree


def publish(topic, payload, retain=False, port=BROKER_PORT):
    """Publishes one message at QoS 1 and waits for the broker's word."""
    client = mqtt.Client(protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(15 * slow())
    client.disconnect()
    client.loop_stop()
