"""Those who look on: what peers on the LAN see, and what reaches Avahi on a host's own bus."""
import json
import re

from devices import Scripted, b64
from process import Process, slow, wait_until

PROTOCOLS = ("IPv4", "IPv6")
ESCAPE = re.compile(rb"\\(\d\d\d|.)", re.DOTALL)


def unescape(text):
    """A name as avahi-browse -p writes it."""
    def plain(match):
        code = match[1]
        return bytes([int(code)]) if code.isdigit() else code
    return ESCAPE.sub(plain, text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def txt_strings(text):
    """The TXT strings of an avahi-browse line."""
    return {unescape(found) for found in re.findall(r'"((?:[^"\\]|\\.)*)"', text)}


def parse_line(line):
    """(sign, interface, protocol, name, and the fields of what was resolved)."""
    sign, interface, protocol, name, _kind, _domain, *rest = line.split(";", 9)
    return sign, interface, protocol, unescape(name), rest


class AvahiBrowse(Process):
    """avahi-browse on a host, for one type (or a subtype of it), for as long as it runs."""

    def __init__(self, host, kind="_http._tcp", interface="lan0"):
        super().__init__(f"{host.name}-browse", host.command("avahi-browse", "-pk", kind))
        self.host, self.kind, self.interface = host, kind, interface

    def events(self):
        """All that has come and gone: [(sign, name, protocol)]."""
        lines = [parse_line(line) for line in self.text().splitlines() if line[:2] in ("+;", "-;")]
        return [(sign, name, protocol) for sign, interface, protocol, name, _ in lines
                if interface == self.interface]

    def names(self):
        """What is there now: {name: set of protocols}."""
        there = {}
        for sign, name, protocol in self.events():
            there.setdefault(name, set())
            (there[name].add if sign == "+" else there[name].discard)(protocol)
        return {name: protocols for name, protocols in there.items() if protocols}

    def mark(self):
        return len(self.events())

    def lost(self, since=0):
        """The names that went away, though some may be there again."""
        return sorted({name for sign, name, _ in self.events()[since:] if sign == "-"})

    def sees(self, *names, timeout=15.0):
        """Waits until these are there over both protocols."""
        wait_until(lambda: all(self.names().get(n, set()) == set(PROTOCOLS) for n in names),
                   lambda: f"{self.host.name} sees {names}, not {self.names()}", timeout)

    def forgets(self, *names, timeout=15.0):
        """Waits until these are not there any more, over neither protocol."""
        wait_until(lambda: not set(names) & set(self.names()),
                   lambda: f"{self.host.name} sees {self.names()} without {names}", timeout)

    def sees_only(self, *names, timeout=15.0):
        """Waits until exactly these are there."""
        wait_until(lambda: self.names() == {n: set(PROTOCOLS) for n in names},
                   lambda: f"{self.host.name} sees {names} and nothing else, not {self.names()}", timeout)


def resolve_all(host, kind="_http._tcp"):
    """Asks once on a host: {(name, protocol): {host, port, txt}}; what does not resolve is left out."""
    text = host.run("avahi-browse", "-rpkt", kind, timeout=30 * slow()).decode("utf-8", "surrogateescape")
    found = {}
    for line in text.splitlines():
        sign, interface, protocol, name, rest = parse_line(line)
        if sign == "=" and interface == "lan0":
            found[name, protocol] = {"host": rest[0], "port": int(rest[2]), "txt": txt_strings(rest[3])}
    return found


def resolves(peer, name, kind="_http._tcp", timeout=15.0, **wanted):
    """Waits until a peer resolves the service to these values, over both protocols."""
    last = {}

    def right():
        last.update(found=resolve_all(peer, kind))
        there = [last["found"].get((name, p)) for p in PROTOCOLS]
        return all(r and all(r[k] == v for k, v in wanted.items()) for r in there)
    wait_until(right, lambda: f"{peer.name} resolves {name!r} to {wanted}: {last}", timeout)


class ZeroconfBrowse(Scripted):
    """python-zeroconf on a host, browsing for some types."""

    def __init__(self, host, *kinds):
        super().__init__(host, "browse_zeroconf", *kinds)

    def events(self, since=0):
        lines = [json.loads(line) for line in self.text().splitlines() if line.startswith("{")]
        return lines[since:]

    def names(self, kind="_http._tcp"):
        """What is there now, without the type."""
        there = set()
        for event in self.events():
            if event["type"] == f"{kind}.local.":
                full = event["name"].removesuffix(".local.")
                name = full[:full.rindex("._", 0, full.rindex("._"))]
                (there.discard if event["event"] == "remove" else there.add)(name)
        return there

    def lost(self, since=0):
        return [e["name"] for e in self.events(since) if e["event"] == "remove"]

    def ask(self, name, kind="_http._tcp"):
        """{host, port, txt, addresses} that a service resolves to now, or None."""
        self.popen.stdin.write(f"{b64(name)} {kind}\n".encode())
        self.popen.stdin.flush()
        return json.loads(self.popen.stdout.readline())

    def resolves(self, name, kind="_http._tcp", timeout=15.0, **wanted):
        last = {}

        def right():
            last["found"] = found = self.ask(name, kind)
            return found and all(found[k] == v for k, v in wanted.items())
        wait_until(right, lambda: f"zeroconf resolves {name!r} to {wanted}: {last}", timeout)


class BusWatch(Process):
    """All that anybody asks Avahi to advertise, as it goes over the host's bus."""

    def __init__(self, host):
        rules = ["interface='org.freedesktop.Avahi.EntryGroup',type='method_call'",
                 "member='EntryGroupNew',type='method_call'"]
        super().__init__(f"{host.name}-bus", host.command("dbus-monitor", "--system", *rules))
        # The bus says goodbye to the name of a connection that becomes a monitor: from here on it hears.
        self.wait_log("member=NameLost")

    def calls(self, *members):
        """The calls so far, as text with their arguments; of these members, or all."""
        calls = re.split(r"(?m)^(?=method call |signal )", self.text())
        calls = [c for c in calls if c.startswith("method call")]
        return [c for c in calls if not members or re.search(r"member=(\w+)", c)[1] in members]

    def added(self):
        """What was asked to be advertised: the names, as often as they were."""
        names = []
        for call in self.calls("AddService"):
            strings = re.findall(r'(?m)^   string "(.*)"$', call)
            names.append(strings[0])
        return names
