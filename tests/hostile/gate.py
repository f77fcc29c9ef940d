"""A gate between the bridge and the broker: it sees what the bridge publishes, and can be shut."""
import contextlib
import socket
import threading

from lab import BROKER_PORT

PUBLISH = 3


def next_packet(data, at):
    """(first byte, start of the body, end) of the MQTT packet at this place, or None while it is not complete."""
    length = 0
    for i in range(1, min(len(data) - at, 5)):
        length |= (data[at + i] & 127) << 7 * (i - 1)
        if data[at + i] < 128:
            end = at + i + 1 + length
            return (data[at], at + i + 1, end) if len(data) >= end else None
    return None


def read_publish(first, body):
    """(topic, length of the payload, retained) of a PUBLISH of MQTT 5."""
    at = 2 + int.from_bytes(body[:2], "big")
    topic = body[2:at].decode()
    if first & 6:
        at += 2
    at += 1 + body[at]  # properties: the bridge has none, or few
    return topic, len(body) - at, bool(first & 1)


class Gate:
    """Listens on 127.0.0.1 and passes on each connection to the broker.

    `published`: (topic, length, retained) of all that was published through it. `holds_behind`: behind a packet with
    these bytes nothing that the bridge says passes any more, until the connection is cut.
    """

    def __init__(self, port=BROKER_PORT):
        self.broker_port = port
        self.published, self.holds_behind = [], None
        self.held, self.opened = threading.Event(), threading.Event()
        self.opened.set()
        self.pairs = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def cut(self):
        """Ends all connections. New ones wait, without an answer, until open()."""
        self.opened.clear()
        self.holds_behind = None
        self.held.clear()
        for one in [end for pair in self.pairs for end in pair]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.pairs.clear()

    def shut(self):
        """What is connected stays so; new connections wait until open()."""
        self.opened.clear()

    def open(self):
        self.opened.set()

    def _accept(self):
        while True:
            bridge, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=[bridge], daemon=True).start()

    def _serve(self, bridge):
        self.opened.wait()
        try:
            broker = socket.create_connection(("127.0.0.1", self.broker_port))
        except OSError:
            bridge.close()
            return
        for end in (bridge, broker):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pairs.append((bridge, broker))
        threading.Thread(target=self._pass, args=[broker, bridge], daemon=True).start()
        self._pass(bridge, broker, self._watch)

    def _pass(self, source, target, watch=None):
        rest = b""
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if watch:
                    data, rest = watch(rest + data)
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _watch(self, data):
        """(the complete packets that may pass, what is left)."""
        at = 0
        while not self.held.is_set() and (packet := next_packet(data, at)):
            first, begin, at = packet
            if first >> 4 == PUBLISH:
                self.published.append(read_publish(first, data[begin:at]))
            if self.holds_behind and self.holds_behind in data[begin:at]:
                self.held.set()
        return data[:at], data[at:]
