"""The README's way from nothing to a container that browses and advertises: its commands, as they stand.

They are those of the section "In a container", in blocks whose first line says who runs them.
"""
import re
import subprocess

import image
import machine
import runtimes
from devices import AvahiPublish
from granted import BRIDGE_SOCKET, GrantedCase
from lan import resolves
from machine import CHECKOUT, LABA
from process import slow
from runtimes import Podman
from world import PROJECT

SECTION = "In a container"


def blocks():
    """The section's commands: [(who, text)]."""
    text = (PROJECT / "README.md").read_text()
    section = re.search(rf"(?ms)^## {SECTION}\n(.*?)(?=^## |\Z)", text)[1]
    found = re.findall(r"(?ms)^```sh\n# as (\w+).*?\n(.*?)^```$", section)
    assert section.count("```sh") == len(found), "a block does not say who runs it"
    return found


class Readme(GrantedCase):
    def test_in_a_container(self):
        reason = runtimes.why_not(Podman())
        if reason:
            self.skipTest(reason)
        Podman().configure()  # here is no systemd, and no registry either
        self.rest = iter(blocks())
        self.step("root", "deploy/grant")
        self.boot_granted(("labb", "observe"), config={"broker": {"url": f"unix://{BRIDGE_SOCKET}"}})
        AvahiPublish(self.b, "Printer on B", "_ipp._tcp", 631)
        self.watch.service("Printer on B")
        self.step("laba", "podman import")
        self.assertIn(f"/{image.NAME} ", LABA.run("podman", "images").stdout)
        self.assertIn("Printer on B", self.step("laba", "podman run"))
        self.step("laba", "mosquitto_pub")
        self.watch.established("laba/web")
        self.assertIn('"state":"established"', self.step("laba", "mosquitto_sub"))
        resolves(self.b, "From a container", port=8080)
        self.fetched()
        self.step("laba", "podman stop")
        self.view.forgets("From a container")
        self.assertIsNone(next(self.rest, None), "the README goes on")
        self.assertFalse([str(m) for m in self.watch.statuses("laba/web") if "warnings" in (m.record or {})])

    def step(self, who, what):
        """Runs the next block of the README, which is about `what`; returns what it printed."""
        user, text = next(self.rest)
        self.assertEqual(user, who)
        self.assertIn(what, text)
        if who == "root":
            command, folder = ["bash", "-euc", text], PROJECT
        else:
            command, folder = LABA.command("bash", "-euc", f"cd {CHECKOUT}\n{text}"), None
        done = subprocess.run([str(word) for word in command], cwd=folder, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60 * slow())
        self.assertEqual(done.returncode, 0, f"{text}\n{done.stdout}")
        return done.stdout

    def fetched(self):
        """B gets what the container serves."""
        fetch = "import urllib.request; print(urllib.request.urlopen('http://10.77.0.1:8080/passwd').read())"
        self.assertIn(b"app:x:1000", self.b.run("/usr/bin/python3", "-c", fetch, timeout=20))


if __name__ == "__main__":
    machine.main()
