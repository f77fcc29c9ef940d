"""A device whose mDNS packets are made by hand: it says what no library would let it say.

Names of any bytes, TXT data of any size and form, any TTL, a thousand services and more. Runs on a host
of the lab; takes JSON lines on stdin and answers each with "ok":
{"op": "set", "services": [{"name": base64, "type", "port", "txt": [base64, ...], "host", "ttl"}, ...]}
    announces services (or replaces those of the same name and type) and answers for them from then on
{"op": "goodbye", "services": [...]}    takes them back; more than once, if need be
{"op": "mute"} / {"op": "unmute"}    plays dead, without a goodbye / answers again

With --no-a-on-ipv6 it keeps its IPv4 address to itself over IPv6, as avahi-daemon does by default.
"""
import base64
import json
import pathlib
import selectors
import socket
import struct
import sys
import time

A, PTR, TXT, AAAA, SRV, ANY = 1, 12, 16, 28, 33, 255
FLUSH = 0x8001  # class IN, "this is all there is of it" (RFC 6762 10.2)
SHARED = 1
BACKLOG_MAX = 65536  # a third of a socket's buffer, as Linux has it by default
PACKET = 1400  # payload to aim at; a larger record travels alone, in IP fragments
GROUPS = (("224.0.0.251", 5353), ("ff02::fb", 5353))


def encode_name(labels):
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def decode_name(packet, at):
    """(labels, offset behind the name), following compression."""
    labels, behind = [], None
    while packet[at]:
        if packet[at] >= 0xC0:
            behind = behind or at + 2
            at = struct.unpack_from("!H", packet, at)[0] & 0x3FFF
        else:
            labels.append(packet[at + 1:at + 1 + packet[at]])
            at += 1 + packet[at]
    return tuple(labels), behind or at + 1


def labels_of(text):
    return tuple(label.encode() for label in text.split("."))


def folded(labels):
    return tuple(label.lower() for label in labels)


class Device:
    """The records, and who is to get them."""

    def __init__(self, interface, ipv4, ipv6, receiver, *options):
        self.ipv4, self.ipv6 = ipv4, ipv6
        self.receiver = pathlib.Path("/proc", receiver, "net")
        self.a_on_ipv6 = "--no-a-on-ipv6" not in options
        self.services, self.hosts, self.types = {}, {}, {}
        self.muted = False
        index = socket.if_nametoindex(interface)
        self.sockets = [self.open_ipv4(ipv4), self.open_ipv6(index)]

    @staticmethod
    def open_ipv4(address):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        s.bind(("", 5353))
        me = socket.inet_aton(address)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUPS[0][0]) + me)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, me)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
        return s

    @staticmethod
    def open_ipv6(index):
        s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        s.bind(("::", 5353))
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                     socket.inet_pton(socket.AF_INET6, GROUPS[1][0]) + struct.pack("@I", index))
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        return s

    # Records: (owner labels, type, class, ttl, rdata).

    def pointer(self, key, ttl):
        name, kind = key
        return (kind, PTR, SHARED, ttl, encode_name((name,) + kind))

    def details(self, key, goodbye=False):
        """SRV and TXT of a service."""
        s, owner = self.services[key], (key[0],) + key[1]
        strings = [base64.b64decode(t) for t in s.get("txt", [])]
        txt = b"".join(bytes([len(t)]) + t for t in strings) or b"\0"
        ttl = 0 if goodbye else s["ttl"]
        srv = struct.pack("!HHH", 0, 0, s["port"]) + encode_name(labels_of(s["host"]) + (b"local",))
        return [(owner, SRV, FLUSH, ttl, srv), (owner, TXT, FLUSH, ttl, txt)]

    def addresses(self, host):
        owner, ttl = host + (b"local",), self.hosts[host]
        return [(owner, A, FLUSH, ttl, socket.inet_pton(socket.AF_INET, self.ipv4)),
                (owner, AAAA, FLUSH, ttl, socket.inet_pton(socket.AF_INET6, self.ipv6))]

    def answers(self, name, kind):
        """The records that answer a question."""
        low, found = folded(name), []
        if low == (b"_services", b"_dns-sd", b"_udp", b"local"):
            found = [(name, PTR, SHARED, 4500, encode_name(t)) for t in self.types]
        elif low in self.types:
            found = [self.pointer(k, self.services[k]["ttl"]) for k in self.types[low]]
        elif (low[0], low[1:]) in self.lookup:
            found = self.details(self.lookup[low[0], low[1:]])
        elif low[:-1] in self.hosts:
            found = self.addresses(low[:-1])
        return [r for r in found if kind in (ANY, r[1])]

    def backlog(self):
        """Bytes that the slowest mDNS socket of the host under test has not read yet."""
        return max((int(line.split()[4].split(":")[1], 16) for table in ("udp", "udp6")
                    for line in (self.receiver / table).read_text().splitlines()[1:]
                    if line.split()[1].endswith(":14E9")), default=0)

    def wait_for_receiver(self):
        """A real LAN is slower than a machine with many tests on it. One that hears nothing at all, as
        it is stopped, is not waited for."""
        end = time.monotonic() + 2
        while self.backlog() > BACKLOG_MAX and time.monotonic() < end:
            time.sleep(0.002)

    def send(self, records, sockets=None):
        """Multicasts records over these sockets, or all."""
        sockets = sockets or self.sockets
        if self.a_on_ipv6:
            self.send_to(records, sockets)
            return
        for s in sockets:
            self.send_to([r for r in records if r[1] != A or s.family == socket.AF_INET], [s])

    def send_to(self, records, sockets):
        """As many to a packet as fit; no faster than they are received."""
        batch, size, sent = [], 0, 0
        for record in records + [None]:
            data = record and encode_name(record[0]) + struct.pack(
                "!HHIH", record[1], record[2], record[3], len(record[4])) + record[4]
            if batch and (not data or size + len(data) > PACKET):
                packet = struct.pack("!HHHHHH", 0, 0x8400, 0, len(batch), 0, 0) + b"".join(batch)
                for s in sockets:
                    group = GROUPS[0] if s.family == socket.AF_INET else GROUPS[1]
                    s.sendto(packet, group)
                batch, size, sent = [], 0, sent + 1
                if sent % 4 == 0:
                    self.wait_for_receiver()
            if data:
                batch.append(data)
                size += len(data)

    def receive(self, s):
        """Answers a query, apart from what the asker says it knows."""
        packet = s.recv(9000)
        if self.muted or len(packet) < 12:
            return
        _, flags, questions, known_count = struct.unpack_from("!HHHH", packet)
        if flags & 0x8000:
            return
        at, wanted, known = 12, [], set()
        for _ in range(questions):
            name, at = decode_name(packet, at)
            wanted.append((name, struct.unpack_from("!H", packet, at)[0]))
            at += 4
        for _ in range(known_count):
            name, at = decode_name(packet, at)
            kind, _, _, length = struct.unpack_from("!HHIH", packet, at)
            at += 10
            if kind == PTR:
                known.add((folded(name), folded(decode_name(packet, at)[0])))
            at += length
        out = []
        for name, kind in wanted:
            out += [r for r in self.answers(name, kind)
                    if r[1] != PTR or (folded(r[0]), folded(decode_name(r[4], 0)[0])) not in known]
        self.send(list(dict.fromkeys(out)), [s])

    # Orders.

    def set(self, services):
        out = []
        for s in services:
            key = (base64.b64decode(s["name"]), labels_of(s["type"] + ".local"))
            self.services[key] = s
            self.types.setdefault(folded(key[1]), set()).add(key)
            host = labels_of(s["host"])
            if host not in self.hosts:
                self.hosts[host] = s["ttl"]
                out += self.addresses(host)
            out += [self.pointer(key, s["ttl"]), *self.details(key)]
        self.index()
        self.send(out)

    def goodbye(self, services):
        out = []
        for s in services:
            key = (base64.b64decode(s["name"]), labels_of(s["type"] + ".local"))
            self.services.setdefault(key, s)  # it may be said again
            out += [self.pointer(key, 0), *self.details(key, goodbye=True)]
            del self.services[key]
            self.types[folded(key[1])].discard(key)
        self.index()
        self.send(out)

    def index(self):
        self.lookup = {(k[0].lower(), folded(k[1])): k for k in self.services}

    def order(self, line):
        order = json.loads(line)
        if order["op"] in ("set", "goodbye"):
            getattr(self, order["op"])(order["services"])
        else:
            self.muted = order["op"] == "mute"


def main():
    device = Device(*sys.argv[1:])
    device.index()
    waiting = selectors.DefaultSelector()
    for s in device.sockets:
        waiting.register(s, selectors.EVENT_READ)
    waiting.register(sys.stdin, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is not sys.stdin:
                device.receive(key.fileobj)
                continue
            line = sys.stdin.readline()
            if not line:
                return
            device.order(line)
            print("ok", flush=True)


main()
