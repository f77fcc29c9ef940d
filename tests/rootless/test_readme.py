"""The README's way from nothing to a container that browses and advertises: its commands, as they stand.

They are those of the section "In a container", in blocks whose first line says who runs them.
"""
import re

import image
import machine
from granted import GrantedCase, add_onlooker
from lab import listens
from lan import resolves
from machine import CHECKOUT, LABA
from process import Process, wait_until
from runtimes import Podman, configure_podman, why_not
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
        reason = why_not(Podman())
        if reason:
            self.skipTest(reason)
        configure_podman()  # here is no systemd, and no registry either
        self.rest = iter(blocks())
        add_onlooker()
        self.b = self.lab.add_host("b")
        self.lab.boot(self.a, self.b)
        self.step("root", "deploy/broker &")
        wait_until(lambda: listens(1883), "the broker")
        self.watch, self.view = self.look_on()
        self.watch.online()
        self.add_printer()
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
        script = f"cd {CHECKOUT}\n{text}"
        command = ["bash", "-euc", script] if who == "root" else LABA.command("bash", "-euc", script)
        step = Process("readme", command)  # with a log, as some of it goes on in the background
        self.assertEqual(step.wait_end(60), 0, f"{text}\n{step.text()}")
        return step.text()

    def fetched(self):
        """B gets what the container serves."""
        fetch = "import urllib.request; print(urllib.request.urlopen('http://10.77.0.1:8080/passwd').read())"
        self.assertIn(b"app:x:1000", self.b.run("/usr/bin/python3", "-c", fetch, timeout=20))


if __name__ == "__main__":
    machine.main()
