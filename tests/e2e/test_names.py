"""Awkward names and TXT data, as far as they get through Avahi, arrive as they were announced."""
import base64
import random

import records
import world
from case import Case
from devices import Raw, Zeroconf, b64, service

NAMES = [
    "a/b", "a+b", "+", "#", "100%", "50%25 off%2Fon", 'quo"te', "back\\slash", "dot.ted. .name", "$SYS",
    " leading", "trailing ", "new\nline", "tab\tcr\r", "\x01\x1f\x7f", "C1 \x80\x9f", "ümläut", "ü/ü",
    "emoji \U0001f5a8\ufe0f \U0001f389", "€" * 21, "x" * 63, "%" * 63, "\x02" * 63, "\ufeffBOM", "..", ".",
    "\u202eright to left", "null", "{}", "\\032", "a\\.b",
]


def value(data):
    """The JSON value of a TXT value, by the specification."""
    try:
        text = data.decode()
        if all(c in "\t\n\r" or not (c < " " or "\x7f" <= c <= "\x9f") for c in text):
            return text
    except UnicodeDecodeError:
        pass
    return {"b64": base64.b64encode(data).decode()}


class Names(Case):
    def test_names(self):
        watch = self.boot("b")
        device = Raw(self.b)
        device.set(*[service(name, port=1000 + i) for i, name in enumerate(NAMES)])
        both = {"IPv4", "IPv6"}

        def complete():
            return {r["name"]: r["port"] - 1000 for r in watch.services().values()
                    if set(r["protocols"]) == both}
        watch.wait(lambda: len(complete()) >= len(NAMES),
                   lambda: f"all names; missing: {set(NAMES) - set(complete())}", 25)
        self.assertEqual(complete(), {name: i for i, name in enumerate(NAMES)})
        for topic in watch.services():  # one more time, by another way: five levels and three slashes
            level = topic.split("/")[4]
            self.assertIn(records.decode_level(level).decode(), NAMES)
            self.assertEqual(topic.count("/"), 5)
        mark = watch.mark()
        device.goodbye(*[service(name) for name in NAMES])
        for name in NAMES:
            watch.message(lambda m: m.key and m.key[2] == name.encode() and not m.payload,
                          f"{name!r} cleared", since=mark)
        self.assertEqual(watch.services(), {})

    def test_hostile(self):
        """What Avahi may or may not pass on: whatever it is, the bridge lives and its records are right."""
        watch = self.boot("b", "c")
        hostile, device = Raw(self.c), Raw(self.b)
        kinds = ["_http._tcp", "_UPPER._TCP", "_" + "x" * 62 + "._tcp", "_a b._tcp", "_-._udp", "_http._sctp",
                 "_\x01._tcp", "_printer._sub._http._tcp", "http.tcp", "_a\\._tcp", "_%+#._tcp"]
        names = [b"bad \xff\xfe utf-8", b"nul \0 inside", b"\xc0\x80", b"\xed\xa0\x80", b"cut \xe2\x82",
                 "non-character \ufdd0 \ufffe".encode()]
        for kind in kinds:
            for name in names + [b"Name is fine"]:  # Avahi drops a whole packet for one bad name in it
                hostile.set(service(name, kind, host="evil"))
        device.set(service("Odd host", host="h\x01 \u20ac \\"), service("No port", port=0),
                   service("Long host", host=".".join(["y" * 60] * 4)))
        device.set(service("_http._tcp"), service("Fine", "_fine._tcp"))
        watch.service("Fine")
        watch.service("_http._tcp")
        self.assertEqual(watch.service("No port")["port"], 0)


class Txt(Case):
    STRINGS = [b"bin=\x00\x01\xff", b"bare", b"empty=", b"Key=first", b"KEY=second", b"eq=a=b", b"=no key",
               b"long=" + b"x" * 250, b"utf8=" + "Grüße \U0001f389".encode(), b"bell=\x07", b"tab=a\tb",
               b"lines=a\r\nb", b"del=\x7f", b"c1=" + "\x85".encode(), b"bad=\xc3(", b"key", b"quote=\"\\",
               b"b64=AAEC", b"v=2", b"txt_omitted=7", b"z=1", b"a=2", b"sp ace= x "]

    def expected(self, strings):
        out, seen = {}, set()
        for string in strings:
            key, equals, data = string.partition(b"=")
            if key and key.lower() not in seen:
                seen.add(key.lower())
                out[key.decode()] = value(data) if equals else True
        return out

    def check(self, record, strings):
        """Keys, values, and the order on the wire."""
        self.assertEqual(list(record["txt"].items()), list(self.expected(strings).items()))
        self.assertNotIn("txt_omitted", record)

    def test_kinds_of_entries(self):
        watch = self.boot("b")
        Zeroconf(self.b).register("Odd TXT", "_http._tcp", 80, self.STRINGS)
        self.check(watch.service("Odd TXT"), self.STRINGS)
        raw = Raw(self.b)
        raw.set(service("Raw TXT", txt=self.STRINGS, host="raw"), service("None", txt=[], host="raw"),
                service("Empty strings", txt=[b"", b"a=1", b"", b"b"], host="raw"),
                service("Odd keys", txt=[b"\xff=1", b"a=1", b"b\x01"], host="raw"))
        self.check(watch.service("Raw TXT"), self.STRINGS)
        odd = watch.service("Odd keys")
        self.assertEqual((odd["txt"], odd["txt_raw"]), ({"a": "1"}, [b64(b"\xff=1"), b64(b"b\x01")]))
        self.assertEqual(watch.service("None")["txt"], {})
        self.assertEqual(watch.service("Empty strings")["txt"], {"a": "1", "b": True})

    def test_1300_bytes(self):
        """What RFC 6763 allows is whole in a record: every kind of byte, in as many as 64 entries."""
        rng = random.Random(6763)
        sets = {}
        for kind, pool in (("binary", range(256)), ("controls", range(1, 32)), ("quotes", b'"\\'),
                           ("text", range(32, 127)), ("high", range(128, 256))):
            for count in (6, 64):
                room = 1300 - count
                sizes = [room // count + (i < room % count) for i in range(count)]
                sets[f"{kind} {count}"] = [b"%02d=" % i + bytes(rng.choices(list(pool), k=size - 3))
                                           for i, size in enumerate(sizes)]
        watch = self.boot("b")
        device = Raw(self.b)
        for name, strings in sets.items():
            self.assertEqual(sum(map(len, strings)) + len(strings), 1300)
            device.set(service(name, txt=strings))
            device.set(service("\x01" + name.ljust(62, "\x02"), txt=strings, host="h" * 63))
        for name, strings in sets.items():
            self.check(watch.service(name), strings)
            self.check(watch.service("\x01" + name.ljust(62, "\x02")), strings)

    def test_too_much(self):
        """20 kB: as many whole entries as fit, from the front; the record and the log say so."""
        watch = self.boot("b", config={"records": {"stats-interval": 1}})
        strings = [b"k%03d=" % i + b"x" * 245 for i in range(80)]
        device = Raw(self.b)
        device.set(service("Huge", txt=strings))
        record = watch.service("Huge")
        kept = list(record["txt"].items())
        self.assertEqual(kept, list(self.expected(strings).items())[:len(kept)])
        self.assertGreater(len(kept), 10)
        self.assertEqual(record["txt_omitted"], 80 - len(kept))
        self.lab.bridge.wait_log("Huge")
        watch.stats(lambda r: r["txt_truncated"] > 0, "a record that is not whole")
        mark = watch.mark()
        device.set(service("Huge", txt=strings[:3]))
        self.check(watch.service("Huge", since=mark, check=lambda r: len(r["txt"]) == 3), strings[:3])

    def test_flood_of_keys(self):
        """A thousand repeated keys do not push out a real one."""
        watch = self.boot("b")
        Raw(self.b).set(service("Flood", txt=[b"a=1"] + [b"A=%d" % i for i in range(1000)] + [b"last=1"]))
        self.assertEqual(watch.service("Flood")["txt"], {"a": "1", "last": "1"})


class Bounds(Case):
    def test_max_services(self):
        watch = self.boot("b", config={"browse": {"max-services": 20}, "records": {"stats-interval": 1}})
        device = Raw(self.b)
        device.set(*[service(f"One of many {i}") for i in range(60)])
        watch.wait(lambda: len(watch.services()) == 20, "20 services")
        watch.stats(lambda r: any(v for k, v in r.items() if "refused" in k), "what was refused")
        self.assertEqual(len(watch.services()), 20)
        self.assertFalse([m for m in watch.messages if m.key and not m.payload])


if __name__ == "__main__":
    world.main()
