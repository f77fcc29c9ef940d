"""Bad requests: each is refused with its code and key, and nothing of it reaches Avahi."""
import json

import records
import world
from adverts import AdvertCase
from lan import BusWatch

GOOD = {"name": "Fine", "type": "_http._tcp", "port": 80}


def but(**more):
    """A good request but for these; None takes a key away."""
    return {k: v for k, v in {**GOOD, **more}.items() if v is not None}


def raw(**texts):
    """The same with JSON texts in place of values."""
    values = {k: json.dumps(v) for k, v in GOOD.items()}
    values.update(texts)
    return ("{" + ",".join(f'"{k}":{v}' for k, v in values.items()) + "}").encode()


NESTED = b'{"name":' + b"[" * 2000 + b"]" * 2000 + b"}"

# (code, key or None where the whole is meant, request).
REFUSED = [
    ("bad-json", None, b"{"),
    ("bad-json", None, b" "),
    ("bad-json", None, b"\0"),
    ("bad-json", None, b"not json"),
    ("bad-json", None, b"[]"),
    ("bad-json", None, b'"text"'),
    ("bad-json", None, b"null"),
    ("bad-json", None, json.dumps(GOOD).encode() + b"x"),
    ("bad-json", None, json.dumps(GOOD).encode() + b"{}"),
    ("bad-json", None, json.dumps(GOOD).encode() + b"\0"),
    ("bad-json", None, b"\xef\xbb\xbf" + json.dumps(GOOD).encode()),
    ("bad-json", None, raw(port="080")),
    ("bad-json", None, raw(port="+80")),
    ("bad-json", None, raw(port="0x50")),
    ("bad-json", None, raw(port="NaN")),
    ("bad-json", None, raw(name="'Fine'")),
    ("bad-json", None, raw(name='"Fine')),
    ("bad-json", None, raw(name='"new\nline"')),
    ("bad-json", None, raw(rename="True")),
    ("bad-json", None, b"{,}"),
    ("bad-json", None, raw(rename="true,")),
    ("bad-json", None, NESTED),
    ("bad-json", None, raw(txt='{"a":{"b64":{"c":"AA=="}}}')),
    ("too-large", None, json.dumps(GOOD).encode() + b" " * 4096),
    ("too-large", None, json.dumps(but(txt={f"k{i}": "x" * 250 for i in range(20)})).encode()),
    ("too-large", None, b"x" * 300_000),
    ("bad-key", "flags", but(flags=1)),
    ("bad-key", "domain", but(domain="example.com")),
    ("bad-key", "host", but(host="www.example.com")),
    ("bad-key", "cname", but(cname="other.local")),
    ("bad-key", "addresses", but(addresses=["10.0.0.1"])),
    ("bad-key", "Name", but(Name="Other")),
    ("bad-key", "port", raw(port='80,"port":80')),
    ("bad-key", "name", raw(name='"Fine","n\\u0061me":"Other"')),
    ("bad-key", "lease", but(lease="60")),
    ("bad-key", "lease", but(lease=60.5)),
    ("bad-key", "lease", but(lease=True)),
    ("bad-key", "rename", but(rename=0)),
    ("bad-key", "rename", but(rename="true")),
    ("bad-key", "interface", but(interface=2)),
    ("bad-key", "interface", but(interface="")),
    ("bad-key", "interface", but(interface="x" * 16)),
    ("bad-key", "interface", but(interface="../lan0")),
    ("bad-key", "transaction", but(transaction="x" * 65)),
    ("bad-key", "transaction", but(transaction=7)),
    ("bad-key", "transaction", but(transaction="line\n")),
    ("bad-key", "subtypes", but(subtypes="_printer")),
    ("bad-key", "subtypes", but(subtypes=[f"_kind{i}" for i in range(9)])),
    ("bad-key", "subtypes", but(subtypes=["printer"])),
    ("bad-key", "subtypes", but(subtypes=["_x._sub._ipp._tcp"])),
    ("bad-key", "subtypes", but(subtypes=["_" + "x" * 63])),
    ("bad-key", "subtypes", but(subtypes=["_twice", "_twice"])),
    ("bad-key", "subtypes", but(subtypes=[7])),
    ("missing-key", "name", but(name=None)),
    ("missing-key", "type", but(type=None)),
    ("missing-key", "port", but(port=None)),
    ("missing-key", "name", {}),
    ("bad-name", "name", but(name="")),
    ("bad-name", "name", but(name=7)),
    ("bad-name", "name", raw(name="null")),
    ("bad-name", "name", but(name=["Fine"])),
    ("bad-name", "name", but(name="x" * 64)),
    ("bad-name", "name", but(name="€" * 22)),
    ("bad-name", "name", but(name="new\nline")),
    ("bad-name", "name", but(name="bell\x07")),
    ("bad-name", "name", but(name="del\x7f")),
    ("bad-name", "name", but(name="c1 \x85")),
    ("bad-type", "type", but(type="")),
    ("bad-type", "type", but(type=7)),
    ("bad-type", "type", but(type="http")),
    ("bad-type", "type", but(type="_http")),
    ("bad-type", "type", but(type="http._tcp")),
    ("bad-type", "type", but(type="_http._sctp")),
    ("bad-type", "type", but(type="_http._tcp.local")),
    ("bad-type", "type", but(type="_http._tcp.")),
    ("bad-type", "type", but(type="_" + "x" * 16 + "._tcp")),
    ("bad-type", "type", but(type="_double--hyphen._tcp")),
    ("bad-type", "type", but(type="_-a._tcp")),
    ("bad-type", "type", but(type="_a-._tcp")),
    ("bad-type", "type", but(type="_123._tcp")),
    ("bad-type", "type", but(type="_under_score._tcp")),
    ("bad-type", "type", but(type="_sp ace._tcp")),
    ("bad-type", "type", but(type="_ümläut._tcp")),
    ("bad-type", "type", but(type="_printer._sub._http._tcp")),
    ("bad-type", "type", but(type="_._tcp")),
    ("bad-port", "port", but(port=0)),
    ("bad-port", "port", but(port=-1)),
    ("bad-port", "port", but(port=65536)),
    ("bad-port", "port", but(port=80.5)),
    ("bad-port", "port", but(port="80")),
    ("bad-port", "port", but(port=True)),
    ("bad-port", "port", raw(port="null")),
    ("bad-port", "port", raw(port="1e99")),
    ("bad-port", "port", raw(port="4294967376")),
    ("bad-txt", "txt", but(txt="a=1")),
    ("bad-txt", "txt", but(txt=["a=1"])),
    ("bad-txt", "txt.a", but(txt={"a": 1})),
    ("bad-txt", "txt.a", but(txt={"a": False})),
    ("bad-txt", "txt.a", but(txt={"a": ["x"]})),
    ("bad-txt", "txt.a", but(txt={"a": {}})),
    ("bad-txt", "txt.a", but(txt={"a": {"b64": "AA"}})),
    ("bad-txt", "txt.a", but(txt={"a": {"b64": 7}})),
    ("bad-txt", "txt.a", but(txt={"a": {"b64": "AA==", "x": ""}})),
    ("bad-txt", "txt.a", but(txt={"a": "x" * 254})),
    ("bad-txt", "txt.a=b", but(txt={"a=b": "x"})),
    ("bad-txt", None, but(txt={"": "x"})),
    ("bad-txt", None, but(txt={"k\u00e4y": "x"})),
    ("bad-txt", None, but(txt={"a": "1", "A": "2"})),
    ("bad-txt", "txt.k5", but(txt={f"k{i}": "x" * 252 for i in range(6)})),
]

# What once took down Avahi, or a program that uses its library.
CRASHERS = [
    raw(name=b'"bad \xff\xfe"'.decode("latin-1")).replace(b"\xc3\xbf\xc3\xbe", b"\xff\xfe"),
    raw(name='"overlong"').replace(b"overlong", b"\xc0\x80"),
    raw(name='"surrogate"').replace(b"surrogate", b"\xed\xa0\x80"),
    raw(name='"cut short"').replace(b"short", b"\xe2\x82"),
    raw(type='"_http._tcp"').replace(b"_http", b"_ht\xfftp"),
    raw(txt='{"a":"bytes"}').replace(b"bytes", b"\x80\x81"),
    raw(interface='"lan0"').replace(b"lan0", b"lan\xff"),
    raw(subtypes='["_sub"]').replace(b"_sub", b"_s\xffb"),
    raw(name='"nul \\u0000 inside"'),
    raw(name='"lone \\ud800 surrogate"'),
    raw(name='"twice \\udc00\\ud800"'),
    raw(txt='{"a\\u0000b":"c"}'),
    raw(transaction='"\\u0000"'),
    but(type="_" + "x" * 1300 + "._tcp"),
    but(type="_" + "\\." * 300 + "._tcp"),
    but(type="_a\\.b._tcp"),
    but(type="_a\\000._tcp"),
    but(type="_\\300\\200._tcp"),
    but(name="\\" * 64),
    but(name="x" * 1300),
    but(name="\\032" * 64),
    but(subtypes=["_" + "y" * 255]),
    but(subtypes=["_a\\.b"]),
    but(interface="\\\\.\\x"),
    but(interface="-1"),
    but(txt={"a": "x" * 1301}),
    but(txt={"long" * 64: "x"}),
    but(txt={"a": {"b64": "A" * 3000}}),
    {**GOOD, "flags": 2**31}, {**GOOD, "protocol": -1}, {**GOOD, "ttl": 0}, {**GOOD, "rdata": ""},
    b'{"a":' * 600 + b"1" + b"}" * 600,
]

# Those that a request cannot earn by what it says alone: policy, ports, conflict, topics, and below.
ELSEWHERE = {"denied", "quota", "conflict", "avahi", "bad-topic"}


# Room for each of them, as those that are refused count, too.
MANY = {"advertise": {"port-check": "off", "max-per-client": 1024}}


class Errors(AdvertCase):
    limit = 2 * AdvertCase.limit

    def boot_watched(self):
        watch, view = self.boot_lan(config=MANY)
        return watch, view, BusWatch(self.a), self.container("web")

    def nothing_reached_avahi(self, watch, view, bus, web):
        """A good request is heard on the bus, and it is the only one."""
        web.ask("app", {**GOOD, "name": "End"})
        watch.established("web/app", name="End")
        view.sees_only("End")
        self.assertEqual(bus.added(), ["End"])
        others = bus.calls("AddServiceSubtype", "AddRecord", "AddAddress", "UpdateServiceTxt")
        self.assertEqual(len(others), 0)

    def test_codes_and_keys(self):
        watch, view, bus, web = self.boot_watched()
        for number, (_, _, request) in enumerate(REFUSED):
            web.ask(f"n{number}", request)
        for number, (code, key, request) in enumerate(REFUSED):
            with self.subTest(code=code, key=key, request=str(request)[:120]):
                status = watch.status(f"web/n{number}")
                self.assertEqual((status["state"], status["error"]["code"]), ("failed", code), status)
                if key:
                    self.assertEqual(status["error"].get("key"), key)
                self.assertNotIn("kept", status)
        self.assertEqual({code for code, _, _ in REFUSED} | ELSEWHERE, records.ERROR_CODES)
        self.nothing_reached_avahi(watch, view, bus, web)

    def test_one_after_the_other(self):
        """A client that tries again and again is told each time; what it asks is in the answer."""
        watch, view, bus, web = self.boot_watched()
        for number, (code, _, request) in enumerate(REFUSED):
            if isinstance(request, dict) and "transaction" not in request:
                mark = watch.mark()
                web.ask("app", {**request, "transaction": f"t{number}"})
                watch.failed("web/app", code, since=mark, transaction=f"t{number}")
        mark = watch.mark()
        self.nothing_reached_avahi(watch, view, bus, web)
        self.assertNotIn("failed", [m.state for m in watch.statuses("web/app", since=mark)])

    def test_crashers(self):
        watch, view, bus, web = self.boot_watched()
        for number, request in enumerate(CRASHERS):
            web.ask(f"n{number}", request)
        for number, request in enumerate(CRASHERS):
            with self.subTest(request=str(request)[:120]):
                watch.status(f"web/n{number}", state="failed")
        self.nothing_reached_avahi(watch, view, bus, web)
        self.assertTrue(self.a.avahi.alive() and self.lab.bridge.alive())

    def test_small_records(self):
        """The bound is the record's size, and all answers fit it."""
        self.b = self.lab.add_host("b")
        self.lab.start_broker()
        self.lab.boot(self.a)
        watch = self.observe(size=2048)
        self.start_bridge({"records": {"size": 2048}, "advertise": {"port-check": "off"}})
        watch.online()
        web = self.container("web")
        web.ask("big", json.dumps(GOOD).encode().ljust(2049))
        watch.failed("web/big", "too-large")
        web.ask("fits", json.dumps(GOOD).encode().ljust(2048))
        watch.established("web/fits")
        longest = {"name": "\\" * 60, "type": "_" + "x" * 15 + "._tcp", "port": 65535, "lease": 97200,
                   "transaction": '"' * 64}
        web.ask("long-" + "i" * 59, longest)
        watch.established("web/long-" + "i" * 59, transaction='"' * 64)
        web.ask("wrong", {**longest, '"' * 100: "\\" * 100})
        watch.failed("web/wrong", "bad-key", transaction='"' * 64)


class NotPermitted(AdvertCase):
    def test_avahi_refuses(self):
        """Avahi's own no is passed on with its words."""
        self.lab.start_broker()
        self.lab.boot(self.a, publish={"disable-user-service-publishing": "yes"})
        watch = self.observe()
        self.start_bridge({"advertise": {"port-check": "off"}})
        watch.online()
        self.container("web").wish("app", "Web app")
        status = watch.failed("web/app", "avahi")
        self.assertRegex(status["error"]["message"].lower(), "permitted")


if __name__ == "__main__":
    world.main()
