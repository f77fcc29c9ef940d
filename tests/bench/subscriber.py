"""The smallest MQTT 3.1.1 client that can listen, and a loop that says when something became readable.

A client library would put a thread and a queue between the socket and the clock.
"""
import os
import selectors
import socket
import struct
import time

from lab import BROKER_PORT
from process import slow


def _text(data):
    return struct.pack("!H", len(data)) + data


class Subscriber:
    """Connected and subscribed at QoS 0 when the constructor returns; nothing to be acknowledged."""

    def __init__(self, topics="mdns/#", port=BROKER_PORT):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        client = f"bench-{os.getpid()}-{id(self)}".encode()
        self._send(0x10, _text(b"MQTT") + struct.pack("!BBH", 4, 2, 0) + _text(client))
        assert self._answer(0x20)[1] == 0, "the broker refuses the connection"
        self._send(0x82, struct.pack("!H", 1) + _text(topics.encode()) + b"\0")
        assert self._answer(0x90)[2] == 0, "the broker refuses the subscription"
        self.socket.setblocking(False)

    def _send(self, kind, body):
        self.socket.sendall(bytes([kind, len(body)]) + body)

    def _answer(self, kind):
        while True:
            packet = self._packet()
            if packet:
                assert packet[0] == kind, packet
                return packet[1]
            self.buffer += self.socket.recv(1)  # not a byte more: messages may follow

    def _packet(self):
        """(first byte, body) of a packet that is complete, or None."""
        length = shift = 0
        for at in range(1, min(len(self.buffer), 5)):
            byte = self.buffer[at]
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                end = at + 1 + length
                if len(self.buffer) < end:
                    return None
                body = bytes(self.buffer[at + 1:end])
                kind = self.buffer[0]
                del self.buffer[:end]
                return kind, body
        return None

    def fileno(self):
        return self.socket.fileno()

    def messages(self):
        """[(topic, payload)] that can be read without waiting."""
        data = self.socket.recv(1 << 18)
        assert data, "the broker closed the connection"
        self.buffer += data
        out = []
        while packet := self._packet():
            kind, body = packet
            if kind >> 4 == 3:
                length = struct.unpack_from("!H", body)[0]
                out.append((body[2:2 + length].decode(), body[2 + length:]))
        return out

    def close(self):
        self.socket.close()


class Loop:
    """Callbacks for what is readable. Each gets the time at which the wait ended: reading and parsing
    do not count."""

    def __init__(self):
        self.selector = selectors.EpollSelector()

    def add(self, source, callback):
        self.selector.register(source, selectors.EVENT_READ, callback)

    def add_subscriber(self, subscriber, callback):
        """callback(time, topic, payload)"""
        def readable(now):
            for topic, payload in subscriber.messages():
                callback(now, topic, payload)
        self.add(subscriber, readable)

    def add_lines(self, pipe, callback):
        """callback(time, line), and a last time with None when the pipe ends."""
        descriptor, rest = pipe.fileno(), b""

        def readable(now):
            nonlocal rest
            data = os.read(descriptor, 1 << 18)
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                callback(now, line)
            if not data:
                self.selector.unregister(descriptor)
                callback(now, None)
        self.add(descriptor, readable)

    def run(self, done, what, timeout=30.0, step=None):
        """Until done(), which is asked after all that was readable, and at least every `step` seconds."""
        end = time.monotonic() + timeout * slow()
        while not done():
            left = end - time.monotonic()
            assert left > 0, f"not within {timeout:g} s: {what() if callable(what) else what}"
            ready = self.selector.select(min(left, step or left))
            now = time.monotonic()
            for key, _ in ready:
                key.data(now)

    def close(self):
        self.selector.close()
