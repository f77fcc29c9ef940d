"""avahi-browse and the tool under its name, on the same LAN: the same output, byte for byte."""
import subprocess

import tool
import world
from case import Case
from devices import AvahiPublish, Raw, service
from process import slow, wait_until

SHOW_ALL = {"browse": {"ignore-interfaces": ""}}
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
    [b"z=1", b"a=2", b"M=3"], [b"eq=a=b=", b"semi=;"], [b"b64=AAEC"],
    [b"%02d=" % i + b"v" * 17 for i in range(60)],
]
KINDS = ["_http._tcp", "_ipp._tcp", "_x-unknown._udp", "_ssh._tcp"]


def avahi_browse(*args):
    """What Avahi's own program says on A."""
    return subprocess.run(["avahi-browse", *args], check=True, stdout=subprocess.PIPE,
                          timeout=30 * slow()).stdout.decode("utf-8", "surrogateescape")


class Differential(Case):
    def lan(self, *options):
        """A hundred services on B, some of them awkward; a few that avahi-daemon publishes, here and there."""
        watch = self.boot("b", config=SHOW_ALL)
        device = Raw(self.b, *options)
        services = [service(name, KINDS[i % 2], port=1000 + i, txt=TXT[i % len(TXT)], host=f"h{i % 5}")
                    for i, name in enumerate(NAMES)]
        services += [service(f"Device {i}", KINDS[i % 4], port=2000 + i, txt=TXT[i % len(TXT)])
                     for i in range(100 - len(NAMES))]
        device.set(*services)
        AvahiPublish(self.b, "Of avahi-daemon", "_http._tcp", 80, "b=2", "a=1").established()
        AvahiPublish(self.a, "Of this host", "_ssh._tcp", 22, "local=yes").established()
        watch.wait(lambda: len([1 for r in watch.services().values() if r["interface"] == "lan0"
                                and len(r["protocols"]) == 2]) >= 102, "all services", 30)
        return watch, device

    def same(self, *args):
        """Both say the same, sorted; what Avahi says is asked for until it stands still."""
        last = {}

        def equal():
            last["avahi"] = sorted(avahi_browse(*args).splitlines())
            last["tool"] = sorted(tool.run(*args, name="avahi-browse").stdout.splitlines())
            return last["avahi"] == last["tool"]

        def difference():
            a, t = set(last["avahi"]), set(last["tool"])
            return "\n".join([f"{len(a)} and {len(t)} lines"] + ["only avahi: " + l for l in sorted(a - t)][:20]
                             + ["only tool:  " + l for l in sorted(t - a)][:20])
        wait_until(equal, difference, 20)
        return last["tool"]

    def test_parsable(self):
        self.lan("--no-a-on-ipv6")
        lines = self.same("-arpt")
        self.assertGreaterEqual(len([l for l in lines if l.startswith("=;lan0;IPv4")]), 102)
        self.assertGreaterEqual(len([l for l in lines if l.startswith("=;lan0;IPv6")]), 102)
        self.assertTrue([l for l in lines if l.startswith("=;lo;")])


if __name__ == "__main__":
    world.main()
