"""avahi-browse and the tool under its name, on the same LAN: the same output, byte for byte.

The bridge is to show `lo` here, as avahi-browse does. Left out of the LAN is what a record does not
hold: TXT strings without a key and those that repeat one; a dot inside of a label of a host's name;
and which addresses a host announces over which protocol (see test_addresses).
"""
import re
import subprocess

import tool
import world
from case import Case
from devices import AvahiPublish, Raw, service
from process import slow, wait_until

SHOW_ALL = {"browse": {"ignore-interfaces": ""}}
AS_AVAHI = "--no-a-on-ipv6"
NAMES = [
    "a/b", "a+b", "+", "#", "100%", "50%25 off%2Fon", 'quo"te', "back\\slash", "dot.ted. .name", "$SYS",
    " leading", "trailing ", "new\nline", "tab\tcr\r", "\x01\x1f\x7f", "C1 \x80\x9f", "ümläut", "ü/ü",
    "emoji \U0001f5a8\ufe0f \U0001f389", "€" * 21, "x" * 63, "%" * 63, "\x02" * 63, "\ufeffBOM", "..", ".",
    "\u202eright to left", "null", "{}", "\\032", "a\\.b", "semi;colon", ";", "'", "Web Site",
]
TXT = [
    [], [b"path=/", b"bare", b"empty="], [b"bin=\x00\x01\xff", b"bell=\x07", b"del=\x7f"],
    [b"utf8=" + "Grüße \U0001f389".encode(), b"bad=\xc3("], [b"tab=a\tb", b"lines=a\r\nb"],
    [b'quote="\\', b'k"\\=1', b"sp ace= x "], [b"long=" + b"x" * 250], [b"x" * 255], [b"b=" + bytes(range(253))],
    [b"z=1", b"a=2", b"M=3"], [b"eq=a=b=", b"semi=;"], [b"b64=AAEC"], [b"\xff\xfe=bad key"],
    [b"%02d=" % i + b"v" * 17 for i in range(60)],
]
KINDS = ["_http._tcp", "_ipp._tcp", "_x-unknown._udp", "_ssh._tcp"]
SERVICES = 100


def blocks(text):
    """Lines, with those that belong to the one before (they begin with three blanks)."""
    return sorted(re.split(r"\n(?!   )", text.rstrip("\n")))


def avahi_browse(*args, env=None):
    """What Avahi's own program says on A."""
    return subprocess.run(["avahi-browse", *args], check=True, stdout=subprocess.PIPE, env=env,
                          timeout=30 * slow()).stdout.decode("utf-8", "surrogateescape")


class Differential(Case):
    def lan(self, *options):
        """A hundred services on B, some of them awkward; two of avahi-daemon, there and on A itself."""
        watch = self.boot("b", config=SHOW_ALL)
        self.device = Raw(self.b, *options)
        self.device.set(
            *[service(name, KINDS[i % 2], port=1000 + i, txt=TXT[i % len(TXT)], host=f"h{i % 5}")
              for i, name in enumerate(NAMES)],
            *[service(f"Device {i}", KINDS[i % 4], port=2000 + i, txt=TXT[i % len(TXT)])
              for i in range(SERVICES - len(NAMES))])
        AvahiPublish(self.b, "Of avahi-daemon", "_http._tcp", 80, "b=2", "a=1").established()
        AvahiPublish(self.a, "Of this host", "_ssh._tcp", 22, "local=yes").established()
        watch.wait(lambda: len([1 for r in watch.services().values() if r["interface"] == "lan0"
                                and len(r["protocols"]) == 2]) >= SERVICES + 2, "all services", 30)
        return watch

    def same(self, *args, env=None):
        """Both say the same, sorted. They are asked until Avahi has all. Returns what they say."""
        said = {}

        def equal():
            said["avahi"] = blocks(avahi_browse(*args, env=env))
            said["tool"] = blocks(tool.run(*args, name="avahi-browse", env=env).stdout)
            return said["avahi"] == said["tool"]

        def difference():
            avahi, ours = set(said["avahi"]), set(said["tool"])
            return "\n".join([f"the same; {len(avahi)} and {len(ours)} lines"]
                             + ["only avahi: " + line for line in sorted(avahi - ours)[:20]]
                             + ["only tool:  " + line for line in sorted(ours - avahi)[:20]])
        wait_until(equal, difference, 20)
        return said["tool"]

    def count(self, lines, start):
        return len([line for line in lines if line.startswith(start)])

    def test_parsable(self):
        self.lan(AS_AVAHI)
        lines = self.same("-arpt")
        for protocol in ("IPv4", "IPv6"):
            self.assertEqual(self.count(lines, f"+;lan0;{protocol};"), SERVICES + 2)
            self.assertEqual(self.count(lines, f"=;lan0;{protocol};"), SERVICES + 2)
        self.assertGreater(self.count(lines, "=;lo;IPv4;Of\\032this\\032host;"), 0)
        self.assertEqual(self.count(self.same("-arpkt"), "=;lan0;IPv6;Web\\032Site;_http._tcp;"), 1)
        self.assertEqual(self.count(self.same("-pt", "_http._tcp"), "+;lan0;IPv4;"), 36)
        self.assertEqual(self.count(self.same("-lapt"), "+;lo;"), 0)
        self.same("--all", "--parsable", "--terminate", "--resolve", "--domain=local", "--ignore-local")
        self.assertEqual(self.same("-pct", "_none._tcp"), [""])

    def test_for_people(self):
        self.lan(AS_AVAHI)
        self.same("-art")
        self.same("-atk", env={"COLUMNS": "120", "PATH": "/usr/bin:/bin"})
        self.same("-at", env={"COLUMNS": "7", "PATH": "/usr/bin:/bin"})
        self.same("-b")
        self.same("-bk")
        self.same("-artf")  # -t ends it, whatever -f says

    def test_addresses(self):
        """A device that tells its IPv4 address over IPv6, too: Avahi shows it where IPv6 is meant."""
        self.lan()
        lines = tool.run("-arpt", name="avahi-browse").stdout.splitlines()

        def without_address(line):
            fields = line.split(";")
            if line.startswith("=;lan0;IPv6;"):
                fields[7] = ""
            return ";".join(fields)
        theirs = {}

        def equal():
            theirs["lines"] = sorted(map(without_address, avahi_browse("-arpt").splitlines()))
            return theirs["lines"] == sorted(map(without_address, lines))
        wait_until(equal, "the same but for these addresses", 20)
        mine = [line.split(";")[7] for line in lines if line.startswith("=;lan0;IPv6;")]
        self.assertEqual([a for a in mine if ":" not in a], [])

    def test_spelling(self):
        """Capitals, the dot of the root and an empty domain make no difference."""
        self.lan(AS_AVAHI)
        for args in (["_HTTP._tcp"], ["_http._tcp."], ["_Http._TCP.", "-d", "LOCAL"], ["-d", "local.", "_http._tcp"],
                     ["-d", "", "_http._tcp"]):
            self.assertEqual(self.count(self.same("-rpt", *args), "=;lan0;IPv4;"), 36)
        self.assertEqual(tool.run("browse", "-t", "_HTTP._tcp").stdout, tool.run("browse", "-t", "_http._tcp").stdout)
        text = tool.run("resolve", "of AVAHI-daemon", "_HTTP._tcp", "-d", "Local.").stdout
        self.assertTrue(text.startswith("Of avahi-daemon\n"), text)

    def test_no_type(self):
        """What is no type is said, as Avahi's program does; and by our own name, as a wrong argument."""
        self.boot()
        for kind in ("http", "", "http._tcp", "_http._tcp.local", "_http._tcp..", "_._tcp", f"_{'x' * 63}._tcp"):
            theirs = subprocess.run(["avahi-browse", "-pt", kind], stderr=subprocess.PIPE, timeout=30 * slow())
            ours = tool.run("-pt", kind, name="avahi-browse", check=theirs.returncode)
            self.assertEqual((ours.stdout, ours.stderr), ("", theirs.stderr.decode()), kind)
            self.assertTrue(tool.run("browse", "-t", kind, check=64).stderr, kind)

    def test_follow(self):
        """Without -t: what comes and goes later, as Avahi's program says it."""
        watch = self.boot("b", config=SHOW_ALL)
        theirs = self.a.start("browse", "avahi-browse", "-arpk")
        ours = tool.Tool("-arpk", name="avahi-browse")
        device = Raw(self.b, AS_AVAHI)
        device.set(service("One", txt=[b"a=1"]), service("Two words", "_ipp._tcp", txt=[b"b"]))
        watch.service("Two words", protocols=["IPv4", "IPv6"])
        device.set(service("One", txt=[b"a=2"]))
        watch.service("One", txt={"a": "2"})
        device.goodbye(service("Two words", "_ipp._tcp"))
        watch.cleared("Two words")
        for process in (theirs, ours):
            process.wait_log("-;lan0;IPv6;Two\\032words;_ipp._tcp;local")
            process.wait_log("-;lan0;IPv4;Two\\032words;_ipp._tcp;local")
        self.assertEqual(sorted(ours.text().splitlines()), sorted(theirs.text().splitlines()))
        self.assertEqual(ours.stop(), 0)

    def test_refused(self):
        for args, word in ((["-D"], "domains"), (["-arp", "_http._tcp"], "Too many"), ([], "Too few"),
                           (["-x"], "-x"), (["_printer._sub._http._tcp"], "subtypes")):
            done = tool.run(*args, name="avahi-browse", check=64)
            self.assertIn(word, done.stderr)
            self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    world.main()
