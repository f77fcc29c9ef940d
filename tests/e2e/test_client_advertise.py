"""mdns-mqtt advertise: on the LAN while it runs, gone when it ends, in whatever way."""
import contextlib
import json
import os
import shutil
import signal

import observer
import tool
import world
from adverts import NO_PORT_CHECK, PERSISTENT
from process import slow, wait_until
from test_advertise_ports import listener
from tool_case import FOLDER, TMP, ToolCase

DIES = 5.0  # how soon it is to be gone; it is much sooner, but machines are busy


class Ends(ToolCase):
    def test_container(self):
        """In a container that has a folder with a socket and nothing else: who it is need not be said. The
        container is removed."""
        if not shutil.which("bwrap"):
            self.skipTest("there is no bwrap")
        self.boot_ways()
        box = ["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--tmpfs", "/run",
               "--ro-bind", FOLDER, "/run/mdns-mqtt", "--proc", "/proc", "--dev", "/dev", "--"]
        run = self.advertise(client=None, command=["sleep", "60"], wrapper=box)
        self.watch.established("web/app", name="Web app", port=8080, lease=120)
        self.view.sees("Web app")
        mark = self.watch.mark()
        run.kill()
        self.watch.ended("web/app", "requested", mark, DIES, retained=False)
        self.view.forgets("Web app", timeout=DIES)
        self.assertEqual(self.requests_at_broker(), {})

    def test_each_end(self):
        """The end of COMMAND, SIGTERM, SIGKILL; a COMMAND ends with the tool that is killed."""
        self.boot_ways()
        self.assert_ends(self.advertise("--txt", "path=/", "--txt", "bare"), lambda run: run.send(signal.SIGTERM), 0)
        self.assertEqual(self.record["txt"], {"path": "/", "bare": True})
        self.assert_ends(self.advertise(), lambda run: run.send(signal.SIGKILL), -signal.SIGKILL)
        fifo = TMP / "fifo"
        os.mkfifo(fifo)
        self.assert_ends(self.advertise(command=["sh", "-c", f"read x <{fifo}; exit 7"]),
                         lambda run: fifo.write_text("\n"), 7)
        told = TMP / "told"
        script = f"trap 'echo ended >{told}; exit' TERM; while :; do sleep 0.1; done"
        self.assert_ends(self.advertise(command=["sh", "-c", script]),
                         lambda run: run.send(signal.SIGKILL), -signal.SIGKILL)
        wait_until(told.exists, "the COMMAND ends, too")

    def assert_ends(self, run, end, status):
        mark = self.watch.mark()
        self.record = self.watch.owned("web/app", "Web app", mark)
        self.view.sees("Web app")
        end(run)
        self.watch.ended("web/app", "requested", mark, DIES, retained=False)
        self.assertEqual(run.wait_end(), status, run.text())
        self.view.forgets("Web app", timeout=DIES)
        self.assertEqual(self.requests_at_broker(), {}, "nothing is left behind")

    def test_two_of_a_client(self):
        """The end of one is not the end of the other. With --presence it would be: it comes back."""
        self.boot_ways()
        first = self.advertise()
        second = self.advertise("--id", "two", name="Second", port=8081)
        for owner in ("web/app", "web/two"):
            self.watch.established(owner)
        self.view.sees("Web app", "Second")
        mark, seen = self.watch.mark(), self.view.mark()
        first.kill()
        self.watch.ended("web/app", "requested", mark, retained=False)
        self.view.forgets("Web app")
        self.assertEqual(self.view.lost(seen), ["Web app"])
        self.assertEqual(self.watch.statuses("web/two", mark), [])
        third = self.advertise("--id", "three", "--presence", name="Third", port=8082)
        self.watch.established("web/three")
        self.view.sees("Second", "Third")
        mark = self.watch.mark()
        observer.publish("mdns/client/web", b"offline", retain=True)  # as the will of one more
        self.watch.message(lambda m: m.payload == b"online", "the one that is there says so", mark)
        self.marker(self.watch, self.b)
        self.assertEqual(self.watch.statuses("web/three", mark), [])
        third.kill()
        self.watch.ended("web/three", "client-offline", mark)
        self.watch.status("web/two", mark, state="withdrawn", reason="client-offline")
        self.watch.established("web/two", mark)
        self.assertEqual(second.stop(), 0)
        for line in ("established as 'Second'", "withdrawn (client-offline)", "withdrawn (requested)"):
            self.assertIn(line, second.text())

    def test_two_of_an_id(self):
        """The second takes the place of the first, which says so; when the second ends, the first is back."""
        self.boot_ways()
        first = self.advertise("--lease", "0")
        self.watch.established("web/app", name="Web app")
        mark = self.watch.mark()
        second = self.advertise("--lease", "0", port=8081)
        self.watch.established("web/app", since=mark, port=8081)
        first.wait_log("another program has the same ID")
        mark = self.watch.mark()
        self.assertEqual(second.stop(), 0)
        self.watch.status("web/app", mark, state="withdrawn")
        self.watch.established("web/app", since=mark, port=8080)
        wait_until(lambda: first.text().count("established as 'Web app'") == 2, first.text)
        self.assertEqual(first.stop(), 0)


class Goes(ToolCase):
    def test_broker_and_bridge(self):
        """They are not there at first, then they are, and gone and back; each is said once."""
        config = NO_PORT_CHECK
        self.b = self.lab.add_host("b")
        self.lab.boot(self.a, self.b)
        run = self.advertise("--presence")
        run.wait_log("trying again")
        self.watch, self.view = self.rest_of_boot(config)
        self.view.sees("Web app")
        seen = self.view.mark()
        mark = self.restart_broker(self.watch, self.lab.broker.stop, PERSISTENT)
        self.watch.bridge_state(mark, state="online")
        run.wait_log("connected again")
        self.watch.status("web/app", mark, state="established")
        self.marker(self.watch, self.b)
        self.assertEqual(self.view.lost(seen), [], "the network does not notice a restart of the broker")
        mark = self.watch.mark()
        self.assertEqual(self.bridges[-1].stop(), 0)
        run.wait_log("there is no bridge that is online")
        self.start_bridge(config)
        self.watch.established("web/app", mark)
        run.wait_log("the bridge is online")
        self.view.sees("Web app")
        for line in ("trying again", "connected again", "was lost (", "there is no bridge"):
            self.assertLessEqual(run.text().count(line), 2 if line == "trying again" else 1, run.text())
        self.assertEqual(run.stop(), 0)
        self.view.forgets("Web app")
        self.assertIn("Web app", self.view.lost(seen))

    def rest_of_boot(self, config):
        from lan import AvahiBrowse
        self.lab.start_broker(PERSISTENT)
        view = AvahiBrowse(self.b, "_http._tcp")
        watch = self.observe()
        self.start_bridge(config)
        watch.online()
        return watch, view

    def test_broker_killed(self):
        """Without --presence, and with no will at all: what is on the network stays there."""
        self.watch, self.view = self.boot_lan(broker=PERSISTENT)
        run = self.advertise()
        self.view.sees("Web app")
        mark = self.restart_broker(self.watch, self.lab.broker.kill, PERSISTENT)
        self.watch.bridge_state(mark, state="online")
        run.wait_log("connected again")
        self.marker(self.watch, self.b)
        self.assertEqual(self.view.lost(), [])
        self.assertEqual(run.stop(), 0)
        self.view.forgets("Web app")

    def test_bridge_restart_and_stale_presence(self):
        """Somebody else has said `offline` for this client and never came back. A bridge that starts would
        not take up what is retained."""
        self.watch, self.view = self.boot_lan()
        observer.publish("mdns/client/web", b"offline", retain=True)
        run = self.advertise(command=["sleep", "60"])
        self.watch.established("web/app")
        mark = self.watch.mark()
        self.bridges[-1].kill()
        self.start_bridge(NO_PORT_CHECK)
        self.watch.online(mark)
        self.watch.established("web/app", mark, timeout=10)
        self.assertEqual([m for m in self.watch.statuses("web/app", mark) if m.state == "withdrawn"], [])
        run.stop()

    def test_bridge_cut_off(self):
        """The bridge alone loses its connection; what it finds at the broker is a request of a client that
        somebody has called offline."""
        self.watch, self.view = self.boot_lan(config={"broker": {"keepalive": 5}, **NO_PORT_CHECK})
        observer.publish("mdns/client/web", b"offline", retain=True)
        run, mortal = self.advertise(), self.container("mortal")
        mortal.wish("app", "Mortal")
        self.view.sees("Web app", "Mortal")
        mark = self.watch.mark()
        self.lab.bridge.send(signal.SIGSTOP)
        self.watch.bridge_state(since=mark, state="offline", timeout=30)  # its will
        mortal.die()
        self.lab.bridge.send(signal.SIGCONT)
        self.watch.online(since=self.watch.mark(), timeout=30)
        self.watch.ended("mortal/app", None, since=mark, timeout=30)
        self.assertNotIn("withdrawn", [m.state for m in self.watch.statuses("web/app", mark)])
        self.assertNotIn("Web app", self.view.lost())
        self.assertEqual(run.stop(), 0)

    def test_rename_json_and_port(self):
        """The name that it really has, and what the bridge thinks of the port, as JSON."""
        self.watch, self.view = self.boot_lan(config={"advertise": {"port-check": "warn"}})
        self.on_b_first(self.watch, "Web app")
        with open(TMP / "json", "wb") as out:
            run = self.advertise("--json", stdout=out)
        self.watch.established("web/app", name="Web app #2")
        lines = wait_until(lambda: [line for line in self.json_lines() if line["state"] == "established"],
                           "a line of JSON")
        self.assertEqual(run.stop(), 0)
        self.assertEqual(self.json_lines()[0]["state"], "pending")
        self.assertEqual([w["code"] for w in lines[-1]["warnings"]], ["port-unpublished"])
        self.assertEqual({k: lines[-1][k] for k in ("state", "client", "id", "name", "type", "port", "lease")},
                         {"state": "established", "client": "web", "id": "app", "name": "Web app #2",
                          "type": "_http._tcp", "port": 8080, "lease": 120})
        self.assertEqual(self.json_lines()[-1]["reason"], "requested")
        taken = self.advertise("--no-rename")
        self.assertEqual(taken.wait_end(), 65)
        self.assertIn("failed (conflict)", taken.text())
        self.assertLessEqual(taken.text().count("warning (port-unpublished)"), 1, "a warning is told once")

    @staticmethod
    def json_lines():
        return [json.loads(line) for line in (TMP / "json").read_text().splitlines()]

    def test_when_listening(self):
        """Nothing is asked for before somebody listens in here, and before the port on the host allows it."""
        self.watch, self.view = self.boot_lan(config={"advertise": {"port-check": "enforce"}})
        run = self.advertise("--when-listening", "--container-port", "80")
        early = self.advertise("--id", "early", name="Early", port=8081)
        self.assertEqual(early.wait_end(), 65)
        self.assertEqual(self.watch.statuses("web/app"), [])
        with contextlib.ExitStack() as stack:
            stack.enter_context(listener(80, "127.0.0.1"))
            self.watch.failed("web/app", "denied", "port")
            run.wait_log("failed (denied): port")
            hasty = self.advertise("--id", "hasty", "--when-listening", "--container-port", "80",
                                   "--timeout", str(3 * slow()))
            self.assertEqual(hasty.wait_end(), 65)
            self.assertIn("not established in time: it is refused", hasty.text())
            stack.enter_context(listener(8080))
            self.watch.established("web/app")
            run.wait_log("established as 'Web app'")
            self.assertEqual(run.stop(), 0)


if __name__ == "__main__":
    world.main()
