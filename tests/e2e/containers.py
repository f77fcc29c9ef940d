"""The other side of the broker: clients that ask for advertisements, as containers do."""
import contextlib
import json
import socket
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from lab import BROKER_PORT
from process import Process, slow


def payload_of(request):
    """A request as it goes over the wire."""
    return request if isinstance(request, bytes) else json.dumps(request).encode()


class Container:
    """An MQTT client with an identity: presence with a will, and requests below advertise/NAME.

    Comes back by itself when the broker was away, says `online` and, with `repeats`, all its requests again.
    `takes_back`: its will is the end of this request, in place of its presence.
    """

    def __init__(self, name, presence=True, repeats=True, prefix="mdns", port=BROKER_PORT, takes_back=None):
        self.name, self.prefix, self.presence, self.repeats = name, prefix, presence, repeats
        self.requests = {}  # id: (payload, retain, expiry)
        self.connected, self.alive = threading.Event(), True
        self.client = client = mqtt.Client(protocol=mqtt.MQTTv5)
        if presence:
            client.will_set(self.presence_topic, "offline", qos=1, retain=True)
        if takes_back:
            client.will_set(self.topic(takes_back), b"", qos=1, retain=True)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.reconnect_delay_set(0.02, 0.1)
        client.connect_async("127.0.0.1", port)
        client.loop_start()
        self.wait_connected()

    @property
    def presence_topic(self):
        return f"{self.prefix}/client/{self.name}"

    def topic(self, ident):
        return f"{self.prefix}/advertise/{self.name}/{ident}"

    def _on_connect(self, client, *_):
        if self.presence:
            client.publish(self.presence_topic, "online", qos=1, retain=True)
        if self.repeats:
            for ident in list(self.requests):
                self._send(ident)
        self.connected.set()

    def _on_disconnect(self, *_):
        self.connected.clear()

    def wait_connected(self):
        assert self.connected.wait(15 * slow()), f"{self.name} is not connected"

    def _send(self, ident):
        payload, retain, expiry = self.requests[ident]
        properties = None
        if expiry:
            properties = Properties(PacketTypes.PUBLISH)
            properties.MessageExpiryInterval = expiry
        return self.client.publish(self.topic(ident), payload, qos=1, retain=retain, properties=properties)

    def ask(self, ident, request, retain=True, expiry=None):
        """Publishes a request, and waits until the broker has it."""
        self.requests[ident] = (payload_of(request), retain, expiry)
        self._send(ident).wait_for_publish(15 * slow())

    def wish(self, ident, name, port=80, kind="_http._tcp", retain=True, expiry=None, **more):
        """The same, from its parts."""
        self.ask(ident, {"name": name, "type": kind, "port": port, **more}, retain, expiry)

    def withdraw(self, ident):
        self.requests.pop(ident, None)
        self.say(self.topic(ident), b"")

    def say(self, topic, payload, retain=True):
        """Publishes anything anywhere."""
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(15 * slow())

    def say_presence(self, word):
        self.say(self.presence_topic, word)

    def leave(self):
        """Disconnects in good order: the broker does not publish the will."""
        if self.alive:
            self.client.disconnect()
            self.client.loop_stop()
        self.alive = False

    def die(self):
        """The connection breaks and nobody comes back: the broker publishes the will."""
        self.client.reconnect_delay_set(3600, 3600)
        connection = self.client.socket()
        self.client.loop_stop()
        self.alive = False
        if connection:
            with contextlib.suppress(OSError):  # the broker may be away already
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


class Program(Process):
    """The same with Mosquitto's own tools and nothing else: mosquitto_sub holds presence and will, and
    hears what becomes of the requests. kill() it as any process."""

    def __init__(self, name, prefix="mdns"):
        self.base = f"{prefix}/advertise/{name}"
        presence = f"{prefix}/client/{name}"
        super().__init__(f"program-{name}", [
            "mosquitto_sub", "-V", "5", "-q", "1", "-i", name, "-t", f"{self.base}/+/status", "-t", presence,
            "-F", "%t %p", "--will-topic", presence, "--will-payload", "offline", "--will-retain",
            "--will-qos", "1"])
        mosquitto_pub(presence, "online")
        self.wait_log(f"{presence} online")


def mosquitto_pub(topic, payload, *options):
    """One retained message by mosquitto_pub, as anybody would send it."""
    what = ["-n"] if payload is None else ["-m", payload if isinstance(payload, str) else json.dumps(payload)]
    process = Process("mosquitto_pub", ["mosquitto_pub", "-q", "1", "-r", "-t", topic, *what, *options])
    assert process.wait_end() == 0, process.text()
