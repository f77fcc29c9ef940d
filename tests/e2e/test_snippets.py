"""The snippets in deploy/client, as they are: each browses and advertises, in whatever language."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import lab
import observer
import world
from adverts import AdvertCase
from devices import Zeroconf
from lan import AvahiBrowse, resolves
from process import Process, wait_until

os.environ.setdefault("E2E_JOBS", "4")  # they wait for leases most of the time
SNIPPETS = world.PROJECT / "deploy/client"
BROKER = lab.SHIPPED.read_text() + "listener 0 /tmp/mqtt.sock\n"
SOCKET = pathlib.Path("/tmp/way-in.sock")  # a link to it
OPTIONS = ("_http._tcp", "web", "app", "Web app", "8080")  # what client.c has built in
AWKWARD = "50% off/on + #1 Küche"


class Snippet(Process):
    """A snippet that runs. In a process group of its own: kill() is what the end of a container is to it."""

    def __init__(self, argv, **env):
        super().__init__("snippet", argv, env=env, start_new_session=True)

    def kill(self):
        os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait()

    def mark(self):
        return len(self.news())

    def news(self):
        """All that it has said: [(kind, event, record)]."""
        found = re.findall(r"(?m)^(service|advertise|bridge) (add|change|remove) (\{.*\})$", self.text())
        return [(kind, event, json.loads(record)) for kind, event, record in found]

    def names(self):
        return [(kind, event, record.get("name")) for kind, event, record in self.news()]

    def says(self, kind, *events, since=0, **wanted):
        """Waits until it has said so."""
        def said():
            assert self.alive(), f"it ended with {self.popen.returncode}"
            return any(k == kind and e in events and all(r.get(key) == v for key, v in wanted.items())
                       for k, e, r in self.news()[since:])
        wait_until(said, lambda: f"{events} of a {kind} with {wanted} among {self.news()[since:]}")


class Languages(AdvertCase):
    limit = 2 * AdvertCase.limit  # twice a program's life

    def lives(self, *argv, **env):
        """From its start to its end, by the socket, and once more to its death."""
        watch, view = self.boot_lan(broker=BROKER)
        device = Zeroconf(self.b)
        device.register(AWKWARD, "_http._tcp", 81, ["path=/a", "flag"])
        watch.service(AWKWARD, protocols=["IPv4", "IPv6"])
        SOCKET.symlink_to("mqtt.sock")
        snippet = Snippet(argv, MQTT_SOCKET=str(SOCKET), **env)

        snippet.says("service", "add", state="up", name=AWKWARD, port=81, txt={"path": "/a", "flag": True})
        snippet.says("bridge", "add", state="online")
        snippet.says("advertise", "add", "change", state="established", name="Web app")
        snippet.says("service", "add", name="Web app", port=8080, host="box-a.local")
        view.sees("Web app")
        first = watch.established("web/app", lease=30)

        device.update(AWKWARD, "_http._tcp", 81, ["path=/b"])
        snippet.says("service", "change", name=AWKWARD, txt={"path": "/b"})
        for name in ("Leaving", "Leaving unseen"):
            device.register(name, "_http._tcp", 82)
            snippet.says("service", "add", name=name)
        device.unregister("Leaving", "_http._tcp")
        snippet.says("service", "remove", name="Leaving")

        resolves(self.b, "Web app", port=8080)
        watch.established("web/app", check=lambda status: status["expires"] > first["expires"])

        self.outlives_the_broker(watch, snippet, device)
        self.assertNotIn("Web app", view.lost())
        self.assertNotIn(("service", "remove", AWKWARD), snippet.names())

        mark = watch.mark()
        self.assertEqual(snippet.stop(), 0, snippet.text())
        watch.ended("web/app", "client-offline", since=mark)
        view.forgets("Web app")
        self.dies(watch, view, argv, env)

    def outlives_the_broker(self, watch, snippet, device):
        """It comes back, later than the bridge, says all again, and notices what went in between."""
        near = AvahiBrowse(self.a)
        near.sees("Leaving unseen")

        def while_away():
            device.unregister("Leaving unseen", "_http._tcp")
            near.forgets("Leaving unseen")
            SOCKET.unlink()
        said = snippet.mark()
        mark = self.restart_broker(watch, self.lab.broker.kill, BROKER, while_away)
        watch.online(since=mark)
        self.assertNotIn(("service", "remove", "Leaving unseen"), snippet.names())
        SOCKET.symlink_to("mqtt.sock")
        snippet.says("service", "remove", name="Leaving unseen", since=said)
        wait_until(lambda: list(self.requests_at_broker()) == ["web/app"], "its request is at the broker again")
        self.assertEqual(observer.snapshot("mdns/client/+"), {"mdns/client/web": b"online"})

    def dies(self, watch, view, argv, env):
        mark = watch.mark()
        snippet = Snippet(argv, MQTT_URL="mqtt://127.0.0.1:1883", **env)
        snippet.says("advertise", "add", "change", state="established")
        view.sees("Web app")
        snippet.kill()
        watch.ended("web/app", "client-offline", since=mark)
        view.forgets("Web app")
        self.lab.broker.stop()
        Snippet(argv, MQTT_SOCKET=str(SOCKET), **env).stop()  # ends without a broker, too

    def survives_junk(self, *argv, **env):
        """Whoever may write there, a message that is no record is not its end."""
        self.lab.start_broker()
        snippet = Snippet(argv, MQTT_URL="mqtt://127.0.0.1:1883", **env)
        observer.publish("mdns/bridge/state", '{"v":1,"state":"online"}', True)
        snippet.says("bridge", "add", state="online")
        for number, junk in enumerate(("", "{", "5", "[1]", '"x"', "null", "[" * 4000, "\xff", '{"state":{"a":[]}}')):
            observer.publish(f"mdns/service/local/_http._tcp/junk/{number}", junk.encode("latin-1"))
        observer.publish("mdns/service/local/_http._tcp/Good/eth0", '{"v":1,"state":"up","name":"Good"}', True)
        snippet.says("service", "add", name="Good")
        self.assertEqual(snippet.stop(), 0, snippet.text())

    def python(self):
        return [sys.executable, SNIPPETS / "client.py", *OPTIONS], {}

    def node(self):
        modules = ":".join(["/usr/share/nodejs", "/usr/lib/nodejs", os.environ.get("NODE_PATH", "")])
        if not shutil.which("node"):
            self.skipTest("not installed: node")
        if subprocess.run(["node", "-e", "require('mqtt')"], env={**os.environ, "NODE_PATH": modules},
                          capture_output=True).returncode:
            self.skipTest("node cannot require mqtt")
        return ["node", SNIPPETS / "client.js", *OPTIONS], {"NODE_PATH": modules}

    def c(self):
        return [os.environ["CLIENT_SNIPPET"]], {}

    def shell(self):
        if not shutil.which("jq"):
            self.skipTest("not installed: jq")
        return ["sh", SNIPPETS / "client.sh", *OPTIONS], {}


def add_tests():
    """One of each kind for each language."""
    for language in ("python", "node", "c", "shell"):
        for kind in ("lives", "survives_junk"):
            def test(self, language=language, kind=kind):
                argv, env = getattr(self, language)()
                getattr(self, kind)(*argv, **env)
            setattr(Languages, f"test_{language}_{kind}", test)


add_tests()


class Files(AdvertCase):
    def test_short(self):
        files = [path for path in SNIPPETS.iterdir() if path.name.startswith("client.")]
        self.assertEqual(len(files), 4)
        for path in files:
            lines = path.read_text().splitlines()
            self.assertLessEqual(len(lines), 60, path.name)
            head = [line for line in lines if not line.startswith("#!")][:2]
            self.assertIn("Needs", head[0], path.name)
            self.assertIn("Run:", head[1], path.name)

    def test_c_alone(self):
        """By the command that it names, with its header and nothing else beside it."""
        if not shutil.which("cc"):
            self.skipTest("not installed: cc")
        place = pathlib.Path("/tmp/alone")
        place.mkdir()
        for path in (SNIPPETS / "client.c", world.PROJECT / "proto/client_record.h"):
            shutil.copy(path, place)
        command = re.search(r"Run: (cc .*?) &&", (place / "client.c").read_text())[1]
        subprocess.run(["sh", "-c", command], cwd=place, check=True)
        self.assertTrue(os.access(place / "client", os.X_OK))

    def test_readme(self):
        """What README.md shows of Python."""
        code = re.search(r"(?s)```python\n(.*?)```", (world.PROJECT / "README.md").read_text())[1]
        self.boot("b")
        program = Process("readme", [sys.executable, "-u", "-c", code])
        device = Zeroconf(self.b)
        device.register("Printer", "_ipp._tcp", 631)
        program.wait_log("'state': 'up', 'name': 'Printer'")
        device.unregister("Printer", "_ipp._tcp")
        program.wait_log("'state': 'gone', 'name': 'Printer'")
        self.assertTrue(program.alive())


if __name__ == "__main__":
    world.main()
