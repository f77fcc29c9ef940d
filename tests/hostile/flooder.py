"""Publishes as much as it is told to over one connection, as a client that means no good would: MQTT 3.1.1 by hand,
since no library is as fast.

Its argument is a JSON object, all keys but the first two optional:

    topic, payload   the topic has a `%d` for the number of the request
    count            messages at most, in all
    seconds          and no longer than this
    ids              the numbers start again behind as many
    rate             messages a second at most
    qos, retain      0 or 1; whether they are retained
    port             of the broker on 127.0.0.1

It says `flooding` when it is connected. It ends by itself, or when its stdin does; then it waits until the broker
has taken all, and says how many there were.
"""
import json
import select
import socket
import sys
import time

CHUNK = 250  # messages that are handed to the kernel at a time
PINGREQ, PINGRESP = b"\xc0\0", b"\xd0\0"


def field(data):
    return len(data).to_bytes(2, "big") + data


def packet(kind, body):
    length, encoded = len(body), bytearray()
    while True:
        length, rest = divmod(length, 128)
        encoded.append(rest | (128 if length else 0))
        if not length:
            return bytes([kind]) + bytes(encoded) + body


class Flood:
    def __init__(self, topic, payload, count, seconds=3600, ids=None, rate=None, qos=1, retain=False, port=1883):
        self.topic, self.payload = topic, payload.encode()
        self.count, self.ids, self.rate = count, ids or count, rate
        self.qos, self.kind = qos, 0x30 | qos << 1 | retain
        self.sent, self.heard = 0, b""
        self.connection = socket.create_connection(("127.0.0.1", port))
        self.connection.sendall(packet(0x10, field(b"MQTT") + b"\4\2\0\0" + field(b"")))
        if self.connection.recv(4) != b"\x20\2\0\0":
            sys.exit("the broker does not want us")
        self.connection.setblocking(False)
        self.begin = time.monotonic()
        self.end = self.begin + seconds
        self.chunks = {}

    def message(self, number):
        body = field((self.topic % number).encode())
        if self.qos:
            body += (1 + number % 0x8000).to_bytes(2, "big")  # none that looks like a PINGRESP
        return packet(self.kind, body + self.payload)

    def next_chunk(self):
        """The next messages; b"" when it is not yet time, None when there are no more."""
        size = min(CHUNK, self.count - self.sent)
        now = time.monotonic()
        if size == 0 or now > self.end:
            return None
        if self.rate and self.sent + size > max(size, (now - self.begin) * self.rate):
            return b""
        first = self.sent % self.ids
        self.sent += size
        if (first, size) not in self.chunks:
            chunk = b"".join(self.message((first + i) % self.ids) for i in range(size))
            if self.ids == self.count:
                return chunk
            self.chunks[first, size] = chunk
        return self.chunks[first, size]

    def hear(self):
        """The end of what the broker answers is remembered."""
        try:
            heard = self.connection.recv(1 << 20)
        except BlockingIOError:
            return
        if not heard:
            sys.exit("the broker has closed the connection")
        self.heard = (self.heard + heard)[-2:]

    def run(self):
        pending, over, told_to_end = b"", False, False
        while not (over and not pending and self.heard == PINGRESP):
            wait = 0.005 if not pending and not over else None
            readable, writable, _ = select.select([self.connection] + [sys.stdin] * (not told_to_end),
                                                  [self.connection] * bool(pending), [], wait)
            if sys.stdin in readable:
                told_to_end = True
            if self.connection in readable:
                self.hear()
            if writable:
                pending = pending[self.connection.send(pending):]
            if not pending and not over:
                chunk = None if told_to_end else self.next_chunk()
                over = chunk is None
                pending = PINGREQ if over else chunk  # it is answered behind all the others


if __name__ == "__main__":
    flood = Flood(**json.loads(sys.argv[1]))
    print("flooding", flush=True)
    flood.run()
    print(flood.sent, flush=True)
