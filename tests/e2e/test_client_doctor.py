"""mdns-mqtt doctor: each of its checks fails for its reason, says what to do, and is the exit code."""
import json
import os
import pathlib
import shutil
import signal
import socket

import observer
import tool
import world
from adverts import AdvertCase
from devices import AvahiPublish
from process import wait_until
from tool_case import ADVERTISE, FOLDER, OBSERVE, TMP, WAYS

CHECKS = ["socket", "permission", "broker", "user", "bridge", "avahi", "read", "advertise", "round-trip"]
POLICY = {"advertise": {"port-check": "off", "deny-types": "_ssh._tcp"}, "advertise barred": {"enabled": "no"}}
URL = "mqtt://127.0.0.1:"


class Doctor(AdvertCase):
    def boot_doctor(self):
        FOLDER.mkdir(parents=True)
        (TMP / "observe.acl").write_text(OBSERVE)
        (TMP / "web.acl").write_text(ADVERTISE)
        (TMP / "blind.acl").write_text("topic read mdns/bridge/#\n")
        (TMP / "passwd").write_text("")
        self.ways = WAYS + "listener 1886 127.0.0.1\nallow_anonymous true\nacl_file /tmp/blind.acl\n"
        self.lab.start_broker(self.ways)

    def examine(self, failed, *args, text="", client="web", wrapper=()):
        """Runs it; the first check that fails is this one (None: none does), and a line has this text."""
        who = ["--client", client] if client else []
        run = tool.Tool("doctor", *who, *args, wrapper=wrapper, env={"MDNS_MQTT_CLIENT": ""})
        code = CHECKS.index(failed) + 1 if failed else 0
        self.assertEqual(run.wait_end(), code, f"{args}: {run.text()}")
        lines = [line.split() for line in run.text().splitlines() if line[0] != " "]
        self.assertEqual([line[1] for line in lines], CHECKS, "each is told once, in their order")
        results = [line[0] for line in lines]
        self.assertLessEqual(set(results), {"ok", "skipped", "failed"})
        self.assertEqual(results.index("failed") + 1 if "failed" in results else 0, code)
        self.assertIn(text, run.text())
        return run.text()

    def test_host(self):
        """From a healthy bridge to nothing at all, one thing after the other being broken."""
        self.boot_doctor()
        self.lab.boot(self.a)
        watch = self.observe()
        self.examine("bridge", text="there is none with the prefix mdns")
        self.start_bridge(POLICY)
        watch.online()
        AvahiPublish(self.a, "A service", "_http._tcp", 80).established()
        watch.bridge_state(services=1, state="online")
        mark = watch.mark()
        self.assertNotIn("skipped  round-trip", self.examine(None, text="advertised, seen and withdrawn"))
        self.assert_nothing_left(watch, mark)
        self.examine(None, "--no-advertise", text="skipped  round-trip")
        self.examine(None, "--type", "_http._tcp", "--port", "8080", text="advertised, seen and withdrawn")
        self.examine("round-trip", "--type", "_ssh._tcp", text="denied")
        self.examine("round-trip", client="barred", text="this client may not advertise")
        self.examine("advertise", "--broker", URL + "1885", text="deploy/grant")
        self.examine("read", "--broker", URL + "1886", text="you may read none")
        self.examine("bridge", "--prefix", "other", text="--prefix mdns")
        self.examine("user", "--broker", URL + "1884", text="--password-file")
        self.examine("user", "--broker", URL + "1884", "--username", "web", text="user web: Not authorized")
        self.a.avahi.stop()
        watch.bridge_state(avahi="down", since=mark)
        self.examine("avahi", text="systemctl start avahi-daemon")
        self.assertEqual(self.bridges[-1].stop(), 0)
        self.examine("bridge", text="it is offline")
        self.assertEqual(tool.run("doctor", "--type", "http", "--client", "web", check=64).stdout, "")
        self.lab.broker.stop()
        self.examine("broker", "--broker", URL + "1883", text="Connection refused")
        lines = tool.run("doctor", "--json", "--broker", URL + "1883", check=3).stdout.splitlines()
        told = [json.loads(line) for line in lines]
        self.assertEqual([line["check"] for line in told], CHECKS)
        self.assertEqual(told[2]["result"], "failed")
        self.assertTrue(told[2]["advice"])

    def assert_nothing_left(self, watch, mark):
        names = {m.name for m in watch.since(mark) if m.name and m.name.startswith("mdns-mqtt doctor")}
        self.assertEqual(len(names), 1)
        for name in names:
            watch.cleared(name, mark)
        wait_until(lambda: not [t for t in observer.snapshot("mdns/advertise/#")], "nothing is left at the broker")

    def test_ended(self):
        """By a signal, with its test advertisement on the way: that is taken back, and its lease not waited for."""
        self.boot_doctor()
        self.lab.boot(self.a)
        watch = self.observe()
        self.start_bridge(POLICY)
        watch.online()
        self.a.avahi.send(signal.SIGSTOP)  # so it stays on the way
        mark = watch.mark()
        run = tool.Tool("doctor", "--client", "web", "--timeout", "600")
        asked = watch.message(lambda m: "/doctor-" in m.topic and b"_mdns-mqtt" in m.payload, "the request", mark)
        run.send(signal.SIGINT)
        self.assertEqual(run.wait_end(), 130, run.text())
        self.assertIn("skipped  round-trip  it was ended", run.text())
        self.a.avahi.send(signal.SIGCONT)
        watch.status(asked.topic.removeprefix("mdns/advertise/"), mark, state="withdrawn", reason="requested")

    def test_silence(self):
        """--timeout is for the connection, too; others wait for one much longer."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = URL + str(silent.getsockname()[1])
            other = tool.Tool("status", "--broker", url)
            self.examine("broker", "--timeout", "0.3", "--broker", url, text="no answer from the broker")
            self.assertTrue(other.alive())

    def test_client(self):
        """A CLIENT that cannot be one is a wrong argument, before anything is looked at."""
        for client in ("a b", "..", "", "x" * 65):
            done = tool.run("doctor", "--client", client, check=64)
            self.assertIn("--client", done.stderr)
            self.assertEqual(done.stdout, "")

    def box(self, runtime, *args, mount=True):
        """A sandbox that looks like a container of Podman or Docker, without a network: no right to anything
        of the host, and /usr and the build to run the tool."""
        build = tool.program().parent
        links = [part for folder in ("bin", "sbin", "lib", "lib64") if pathlib.Path("/", folder).is_symlink()
                 for part in ("--symlink", f"usr/{folder}", f"/{folder}")]
        folder = ["--ro-bind", FOLDER, "/run/mdns-mqtt"] if mount else []
        suppressions = world.PROJECT / "tests/tsan.supp"  # read by a tool that has the thread sanitizer
        mark = {"podman": "/run/.containerenv", "docker": "/.dockerenv"}[runtime]
        return ["bwrap", "--unshare-all", "--die-with-parent", "--cap-drop", "ALL", "--uid", "1000",
                "--ro-bind", "/usr", "/usr", *links, "--ro-bind", build, build,
                "--ro-bind", suppressions, suppressions, "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/run",
                "--dir", mark, *folder, *args, "--"]

    def test_container(self):
        """What is different in a container: the socket, and what to do about it."""
        if not shutil.which("bwrap"):
            self.skipTest("there is no bwrap")
        self.boot_doctor()
        self.lab.boot(self.a)
        watch = self.observe()
        self.start_bridge({"advertise": {"port-check": "off"}})
        watch.online()
        self.examine(None, client=None, wrapper=self.box("podman"), text="the broker lets you advertise as web")
        self.examine("advertise", client="other", wrapper=self.box("podman"),
                     text="deploy/grant web advertise --client other")
        self.examine("socket", wrapper=self.box("podman", mount=False),
                     text="podman run --volume /run/mdns-mqtt/USER/s:/run/mdns-mqtt:ro")
        self.examine("socket", wrapper=self.box("docker", mount=False),
                     text="docker run --mount type=bind,source=/run/mdns-mqtt/USER/s,target=/run/mdns-mqtt,readonly")
        self.examine("socket", "--broker", "unix:///run/mdns-mqtt/other.sock", wrapper=self.box("podman"),
                     text="systemctl start mdns-mqtt-broker")
        self.examine("broker", "--broker", URL + "1883", wrapper=self.box("docker"), text="a container cannot reach")
        path = FOLDER / "mqtt.sock"
        mode = path.stat().st_mode
        path.chmod(0)
        self.examine("permission", client=None, wrapper=self.box("podman"), text="--container-uid 1000")
        self.examine("permission", client=None, wrapper=self.box("docker"), text="docker run --user 0")
        path.chmod(mode)
        FOLDER.chmod(0)  # as one of another user, or, with SELinux, one that was not made for containers
        self.examine("permission", client=None, wrapper=self.box("podman"), text="--security-opt label=disable")
        self.examine("permission", client=None, wrapper=self.box("docker"), text="--security-opt label=disable")
        FOLDER.chmod(0o755)
        self.assertEqual(self.bridges[-1].stop(), 0)
        old = FOLDER.parent / "old.sock"  # what a container has that was given the socket and not its folder
        os.link(path, old)
        self.lab.broker.stop()
        path.unlink(missing_ok=True)
        for runtime, text in (("podman", "systemctl start mdns-mqtt-broker; if it runs, another folder is mounted: "),
                              ("docker", "Docker has started before the first deploy/grant")):
            self.examine("socket", client=None, wrapper=self.box(runtime), text=text)
        self.lab.start_broker(self.ways)
        self.examine("broker", client=None, text="mount the folder", wrapper=self.box(
            "podman", "--dir", "/run/mdns-mqtt", "--bind", old, "/run/mdns-mqtt/mqtt.sock", mount=False))


if __name__ == "__main__":
    world.main()
