"""A device whose mDNS is python-zeroconf. Runs on a host of the lab; takes JSON lines on stdin.

{"op": "register" | "update" | "unregister", "name", "type", "port", "txt": [base64, ...], "host", "ttl"};
answers each with a line "ok" once zeroconf is done with it (for register: probed and announced).
"""
import base64
import json
import socket
import sys
import time

from zeroconf import IPVersion, ServiceInfo, Zeroconf


def main():
    addresses = [socket.inet_pton(socket.AF_INET6 if ":" in a else socket.AF_INET, a)
                 for a in sys.argv[1:]]
    zeroconf = Zeroconf(ip_version=IPVersion.All)
    infos, announced = {}, 0.0
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        kind, op = order["type"] + ".local.", order["op"]
        name = order["name"] + "." + kind
        if op == "unregister":
            zeroconf.unregister_service(infos.pop(name))
        else:
            strings = [base64.b64decode(s) for s in order["txt"]]
            txt = b"".join(bytes([len(s)]) + s for s in strings) or b"\0"
            info = ServiceInfo(kind, name, order["port"], properties=txt, addresses=addresses,
                               server=order["host"] + ".local.", host_ttl=order["ttl"])
            # RFC 6762 10.2: what was announced less than a second ago is not flushed by what replaces it.
            if op == "update":
                time.sleep(max(0.0, announced + 1.2 - time.monotonic()))
            (zeroconf.register_service if op == "register" else zeroconf.update_service)(info)
            infos[name], announced = info, time.monotonic()
        print("ok", flush=True)
    zeroconf.close()


main()
