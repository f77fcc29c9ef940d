"""What a status says of the port, when real containers publish it: by Podman, as laba, or not at all."""
import json
import subprocess

import machine
from lan import resolves
from machine import LABA, LABB
from process import wait_until
from rootless import socket_of
from runtimes import Podman
from way_in import WayIn

WEB = "exec httpd -f -p 80 -h /etc"
LISTEN = """import socket, sys
listener = socket.create_server(("", int(sys.argv[1])))
print("ready", flush=True)
sys.stdin.read()
"""
FETCH = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())"


class Ports(WayIn):
    def advertise(self, port, name=None):
        """laba's wish to advertise a port."""
        wish = {"name": name or f"At {port}", "type": "_http._tcp", "port": port}
        LABA.run("mosquitto_pub", "-V", "5", "-q", "1", "-r", "--unix", socket_of(LABA), "-t",
                 f"mdns/advertise/laba/p{port}", "-m", json.dumps(wish))

    def listen(self, port, uid):
        """Somebody on the host listens, until the test ends."""
        process = subprocess.Popen(
            ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "/usr/bin/python3", "-c", LISTEN,
             str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        self.addCleanup(process.communicate)

    def test_published_by_podman(self):
        """No warning of a published port, and B gets the page; published on the loopback only is said."""
        podman = Podman("--publish", "8080:80", "--publish", "127.0.0.1:8081:80",
                        "--sysctl", "net.ipv4.ip_unprivileged_port_start=80")
        self.boot_runtime(podman)
        podman.start("web", 1000, "sh", "-c", WEB)
        self.fetched("http://10.77.0.1:8080/passwd")
        self.advertise(8080, "Page")
        self.watch.established("laba/p8080")
        self.advertise(8081)
        self.watch.warned("laba/p8081", "port-loopback-only", state="established")
        self.advertise(80)
        self.watch.warned("laba/p80", "port-unpublished", state="established")
        resolves(self.b, "Page", port=8080)
        self.marker(self.watch, self.b)
        self.assertFalse([str(m) for m in self.watch.statuses("laba/p8080") if m.record.get("warnings")])

    def fetched(self, url):
        """B gets the container's page, once the container is up."""
        page = self.b.command("/usr/bin/python3", "-c", FETCH, url)
        wait_until(lambda: b"app:x:1000:1000:" in
                   subprocess.run(page, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout,
                   f"{url} on B", 30)

    def test_of_others(self):
        """A port of sshd's, or of another person's, is not laba's; those of laba's containers are."""
        self.boot_people()
        mine = {8001: LABA.uid, 8002: LABA.container_uid(1000)}
        foreign = {22: 0, 8003: LABB.uid, 8004: LABB.container_uid(1000)}
        for port, uid in {**mine, **foreign}.items():
            self.listen(port, uid)
            self.advertise(port)
        for port in foreign:
            status = self.watch.warned(f"laba/p{port}", "port-foreign-owner", state="established")
            self.assertIn(str(port), status["warnings"][0]["message"])
        for port in mine:
            self.watch.established(f"laba/p{port}")
        self.marker(self.watch, self.b)
        for port in mine:
            said = self.watch.statuses(f"laba/p{port}")
            self.assertFalse([str(m) for m in said if m.record.get("warnings")])


if __name__ == "__main__":
    machine.main()
