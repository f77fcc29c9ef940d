"""What python-zeroconf on a host sees. Runs on a host of the lab, with the types to browse for as arguments.

Says on stderr what comes and goes, as JSON lines {"event", "type", "name"}. Takes names (base64, one a line)
with a type on stdin and answers each with what that service resolves to now, or null.
"""
import base64
import json
import sys

from zeroconf import IPVersion, ServiceBrowser, Zeroconf


class Listener:
    def say(self, event, kind, name):
        print(json.dumps({"event": event, "type": kind, "name": name}), file=sys.stderr, flush=True)

    def add_service(self, _zeroconf, kind, name):
        self.say("add", kind, name)

    def update_service(self, _zeroconf, kind, name):
        self.say("update", kind, name)

    def remove_service(self, _zeroconf, kind, name):
        self.say("remove", kind, name)


def resolve(zeroconf, name, kind):
    info = zeroconf.get_service_info(f"{kind}.local.", f"{name}.{kind}.local.", timeout=1000)
    if not info:
        return None
    txt = {k.decode(): True if v is None else v.decode() for k, v in info.properties.items()}
    return {"port": info.port, "txt": txt, "host": info.server.rstrip("."),
            "addresses": sorted(info.parsed_addresses(IPVersion.V4Only))}


def main():
    zeroconf = Zeroconf(ip_version=IPVersion.All)
    browser = ServiceBrowser(zeroconf, [kind + ".local." for kind in sys.argv[1:]], Listener())
    print("ready", flush=True)
    for line in sys.stdin:
        name, kind = line.split()
        print(json.dumps(resolve(zeroconf, base64.b64decode(name).decode(), kind)), flush=True)
    browser.cancel()
    zeroconf.close()


main()
