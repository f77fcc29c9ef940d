"""The port check: a status warns of a port that nobody can reach, or is refused for it, and it changes."""
import contextlib
import pathlib
import socket
import unittest

import world
from adverts import AdvertCase

WARN = {"advertise": {"port-check": "warn"}}
ENFORCE = {"advertise": {"port-check": "enforce"}}
OWNERS = pathlib.Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]
needs_owners = unittest.skipUnless(OWNERS, "in a user namespace the kernel does not tell whose sockets are whose")
USERS = pathlib.Path("/tmp/etc-passwd")  # what stands in for /etc/passwd


def listener(port, address="0.0.0.0", kind=socket.SOCK_STREAM):
    """Somebody listens, until it is closed."""
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    if kind == socket.SOCK_STREAM:
        s.listen()
    return s


class PortCase(AdvertCase):
    def boot_wish(self, config):
        self.watch, self.view = self.boot_lan(config=config)
        self.web = self.container("web")
        self.web.wish("app", "Web app", port=8080)


class Warn(PortCase):
    def test_states(self):
        """Nobody, then on the loopback only, then on all addresses, and nobody again: each is said once."""
        self.boot_wish(WARN)
        watch = self.watch
        status = watch.warned("web/app", "port-unpublished", state="established")
        self.assertIn("8080", status["warnings"][0]["message"])
        watch.owned("web/app", "Web app", protocols=["IPv4", "IPv6"])
        for address, codes in (("127.0.0.1", ["port-loopback-only"]), ("0.0.0.0", []),
                               (None, ["port-unpublished"])):
            mark = watch.mark()
            with listener(8080, address) if address else contextlib.nullcontext():
                watch.warned("web/app", *codes, since=mark, state="established")
                self.assertEqual(len(watch.statuses("web/app", since=mark)), 1, f"one word on {address}")
        self.assertEqual(self.view.lost(), [])
        self.assertEqual({m.state for m in watch.statuses("web/app")} - {"pending", "established"}, set())
        self.assertNotIn("gone", [m.state for m in watch.of("Web app")])

    def test_addresses(self):
        """Where somebody listens is what counts, in IPv4 and IPv6."""
        self.watch, _ = self.boot_lan(config=WARN)
        web = self.container("web")
        with contextlib.ExitStack() as stack:
            addresses = {8001: "127.0.0.1", 8002: "::1", 8003: "127.1.2.3", 8004: "0.0.0.0", 8005: "::",
                         8006: self.a.address}
            for port, address in addresses.items():
                stack.enter_context(listener(port, address))
                web.wish(f"n{port}", f"At {port}", port=port)
            for port in addresses:
                codes = ["port-loopback-only"] if port < 8004 else []
                self.watch.warned(f"web/n{port}", *codes, state="established")

    def test_there_from_the_start(self):
        """No warning at any time, where there is nothing to warn of."""
        with listener(8080):
            self.boot_wish(WARN)
            self.watch.established("web/app")
            self.marker(self.watch, self.b)
            self.assertFalse([str(m) for m in self.watch.statuses("web/app") if "warnings" in m.record])

    def test_udp(self):
        """A UDP service wants a UDP socket; TCP's is another one."""
        self.watch, _ = self.boot_lan(config=WARN)
        web = self.container("web")
        with listener(5000):
            web.wish("app", "Coap", kind="_coap._udp", port=5000)
            self.watch.warned("web/app", "port-unpublished", state="established")
            mark = self.watch.mark()
            with listener(5000, kind=socket.SOCK_DGRAM):
                self.watch.warned("web/app", since=mark, state="established")

    @needs_owners
    def test_foreign_owner(self):
        """A client that is called as a user of the host has to own the port."""
        USERS.write_text(USERS.read_text() + "web:x:1234:1234::/:/bin/sh\n")
        with listener(8080):
            self.boot_wish(WARN)
            status = self.watch.warned("web/app", "port-foreign-owner", state="established")
            self.assertRegex(status["warnings"][0]["message"], r"\b0\b|root")
            root = self.container("root")
            root.wish("app", "Root's", port=8080)
            self.watch.established("root/app")
            nobody = self.container("no-such-user")
            nobody.wish("app", "Nobody's", port=8080)
            self.watch.established("no-such-user/app")
            self.marker(self.watch, self.b)
            for owner in ("root/app", "no-such-user/app"):
                self.assertFalse([str(m) for m in self.watch.statuses(owner) if "warnings" in m.record])

    @needs_owners
    def test_owner_by_configuration(self):
        """[advertise CLIENT] may name the user, and one that does not exist owns nothing."""
        USERS.write_text(USERS.read_text() + "laba:x:1234:1234::/:/bin/sh\n")
        config = {"advertise": {"port-check": "warn", "user": "nobody-at-all"}, "advertise web": {"user": "laba"},
                  "advertise shop": {"user": "root"}, "advertise lost": {"user": "no-such-user"}}
        with listener(8080):
            self.boot_wish(config)
            self.watch.warned("web/app", "port-foreign-owner", state="established")
            self.container("lost").wish("app", "Lost", port=8080)
            self.watch.warned("lost/app", "port-foreign-owner", state="established")
            for section, user in (("advertise", "nobody-at-all"), ("advertise lost", "no-such-user")):
                self.assertEqual(self.bridges[0].text().count(f"[{section}]: there is no user '{user}'"), 1)
            self.container("shop").wish("app", "Shop", port=8080)
            self.watch.warned("shop/app", state="established")
            mark = self.watch.mark()
            self.reload(self.bridges[0], {**config, "advertise web": {"user": "root"}})
            self.watch.warned("web/app", since=mark, state="established")

    def test_off(self):
        self.boot_wish({"advertise": {"port-check": "off"}})
        self.watch.established("web/app")
        self.marker(self.watch, self.b)
        self.assertFalse([str(m) for m in self.watch.statuses("web/app") if "warnings" in m.record])

    def test_changed_port(self):
        """The warning is of the port that is advertised now."""
        with listener(8081):
            self.boot_wish(WARN)
            self.watch.warned("web/app", "port-unpublished", state="established")
            mark = self.watch.mark()
            self.web.wish("app", "Web app", port=8081)
            self.watch.warned("web/app", since=mark, state="established", port=8081)
            mark = self.watch.mark()
            self.web.wish("app", "Web app", port=8082)
            self.watch.warned("web/app", "port-unpublished", since=mark, state="established", port=8082)


class Enforce(PortCase):
    def test_states(self):
        """Refused until the port is there, then established without being asked again."""
        self.boot_wish(ENFORCE)
        watch = self.watch
        watch.failed("web/app", "denied", "port")
        with listener(8079, "127.0.0.1"):
            self.web.wish("loopback", "Loopback", port=8079)
            watch.failed("web/loopback", "denied", "port")
        self.assertEqual(self.view.events(), [])
        mark = watch.mark()
        with listener(8080):
            watch.established("web/app", since=mark)
            self.view.sees_only("Web app")
            mark = watch.mark()
            self.web.wish("app", "Web app", port=8081)
            watch.failed("web/app", "denied", "port", since=mark, kept=True)
            self.assertEqual(self.view.lost(), [])

    def test_there_from_the_start(self):
        with listener(8080):
            self.boot_wish(ENFORCE)
            self.watch.established("web/app")
            self.assertNotIn("failed", [m.state for m in self.watch.statuses("web/app")])

    @needs_owners
    def test_foreign_owner(self):
        USERS.write_text(USERS.read_text() + "web:x:1234:1234::/:/bin/sh\n")
        with listener(8080):
            self.boot_wish(ENFORCE)
            self.watch.failed("web/app", "denied", "port")

    def test_one_client_only(self):
        """[advertise CLIENT] may be stricter than the rest."""
        self.watch, _ = self.boot_lan(config={"advertise": {"port-check": "off"},
                                              "advertise web": {"port-check": "enforce"}})
        web, other = self.container("web"), self.container("other")
        web.wish("app", "Web app", port=8080)
        other.wish("app", "Other", port=8080)
        self.watch.failed("web/app", "denied", "port")
        self.watch.established("other/app")


if __name__ == "__main__":
    world.main()
