"""The other side of the LAN: what announces services on a host of the lab."""
import base64
import json
import subprocess
import sys

from process import Process
from world import HERE


def b64(data):
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


class AvahiPublish(Process):
    """avahi-publish on a host: one service for as long as it runs. stop() says goodbye."""

    def __init__(self, host, name, kind, port, *txt, options=()):
        super().__init__(f"{host.name}-publish", host.command(
            "avahi-publish", "-s", *options, "--", name, kind, port, *txt))

    def established(self):
        self.wait_log("Established under name")
        return self


class Scripted(Process):
    """A device script that takes orders on stdin. stop() and kill() as of any process."""

    def __init__(self, host, script, *args):
        super().__init__(f"{host.name}-{script}", host.command(
            sys.executable, HERE / f"{script}.py", *args), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.expect("ready")

    def expect(self, word):
        line = self.popen.stdout.readline().decode().strip()
        assert line == word, f"{self.name} said {line!r}:\n{self.text()}"

    def order(self, **order):
        self.popen.stdin.write(json.dumps(order).encode() + b"\n")
        self.popen.stdin.flush()
        self.expect("ok")


class Zeroconf(Scripted):
    """python-zeroconf on a host."""

    def __init__(self, host):
        super().__init__(host, "device_zeroconf", host.address, host.link_local())

    def _service(self, op, name, kind, port=0, txt=(), host="thing", ttl=120):
        self.order(op=op, name=name, type=kind, port=port, txt=[b64(t) for t in txt], host=host, ttl=ttl)

    def register(self, name, kind, port, txt=(), **more):
        self._service("register", name, kind, port, txt, **more)

    def update(self, name, kind, port, txt=(), **more):
        self._service("update", name, kind, port, txt, **more)

    def unregister(self, name, kind):
        self._service("unregister", name, kind)


class Raw(Scripted):
    """A device that sends whatever it is told to."""

    def __init__(self, host, *options):
        super().__init__(host, "device_raw", "lan0", host.address, host.link_local(),
                         host.lab.a.space.pid, *options)

    def set(self, *services):
        self.order(op="set", services=list(services))

    def goodbye(self, *services):
        self.order(op="goodbye", services=list(services))

    def mute(self, on=True):
        self.order(op="mute" if on else "unmute")


def service(name, kind="_http._tcp", port=80, txt=(), host="thing", ttl=120):
    """One service for Raw."""
    return {"name": b64(name), "type": kind, "port": port, "txt": [b64(t) for t in txt], "host": host,
            "ttl": ttl}
