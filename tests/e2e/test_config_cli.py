"""Command line, configuration, signals and the talk with systemd."""
import os
import pathlib
import re
import signal
import socket
import subprocess

import world
from case import Case
from devices import AvahiPublish
from process import wait_until

BRIDGE = os.environ.get("BRIDGE")


class CommandLine(Case):
    def run_bridge(self, *args):
        return subprocess.run([BRIDGE, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=20)

    def config(self, text):
        return self.lab.write_config(text)

    def test_version_and_help(self):
        version = self.run_bridge("--version")
        self.assertEqual(version.returncode, 0)
        self.assertRegex(version.stdout, r"\d+\.\d+\.\d+")
        text = self.run_bridge("--help")
        self.assertEqual((text.returncode, text.stderr), (0, ""))
        for option in ("config FILE", "broker URL", "prefix", "type", "interface", "log-level",
                       "check-config", "dump-config", "version", "help"):
            self.assertIn("--" + option, text.stdout)

    def test_usage(self):
        for args in (["--nonsense"], ["stray"], ["--config"], ["--log-level", "loud"], ["--broker", "http://x"],
                     ["--prefix", "a/+/b"], ["--type", "no type"]):
            with self.subTest(args=args):
                got = self.run_bridge("--check-config", *args)
                self.assertEqual(got.returncode, 64)
                self.assertTrue(got.stderr)
                self.assertEqual(got.stdout, "")

    def test_check_config(self):
        good = self.run_bridge("--check-config", "--config", self.config("[records]\nsize = 2048\n"))
        self.assertEqual((good.returncode, good.stderr), (0, ""))
        for line, text in [
                (1, "[nonsense]\nx = 1\n"),
                (2, "[records]\nnonsense = 1\n"),
                (3, "# comment\n[records]\nsize = many\n"),
                (2, "[records]\nsize = 2047\n"),
                (2, "[records]\nsize = 65537\n"),
                (2, "[records]\nprefix = a/#\n"),
                (2, "[records]\nprefix = $SYS/x\n"),
                (2, "[broker]\nurl = ftp://127.0.0.1\n"),
                (2, "[broker]\nprotocol = 4\n"),
                (2, "[broker]\nkeepalive = -1\n"),
                (2, "[browse]\nipv4 = perhaps\n"),
                (2, "[browse]\ntypes = nonsense\n"),
                (3, "[browse]\nlocal = yes\ndomains = local example.com\n"),
                (3, "[broker]\nusername = u\npassword-file = /nowhere\n"),
                (2, "[browse]\nmax-services = 0x\n"),
                (4, "[browse]\nlocal = yes\n\navahi-grace = soon\n"),
                (2, "[log]\nlevel = loud\n"),
                (1, "size = 4096\n"),
                (2, "[records]\nno equals sign\n")]:
            with self.subTest(text=text):
                path = self.config(text)
                got = self.run_bridge("--check-config", "--config", path)
                self.assertEqual(got.returncode, 78)
                self.assertIn(f"{path}:{line}:", got.stderr)
        self.assertEqual(self.run_bridge("--check-config", "--config", "/nowhere").returncode, 78)
        # Files are looked at, also where the configuration is to be written out.
        path = self.config("[broker]\nusername = u\npassword-file = /nowhere\n")
        self.assertEqual(self.run_bridge("--check-config", "--dump-config", "--config", path).returncode, 78)
        self.assertEqual(self.run_bridge("--dump-config", "--config", path).returncode, 0)
        # What is wrong may be as wrong as it likes.
        pathlib.Path(path).write_bytes(b"[browse]\ntypes = \x1b[31m\xff\n")
        got = subprocess.run([BRIDGE, "--check-config", "--config", path], capture_output=True, timeout=20)
        self.assertIn(rb"'\x1B[31m\xFF'", got.stderr)
        # The daemon itself says the same.
        got = self.run_bridge("--config", self.config("[log]\nlevel = loud\n"))
        self.assertEqual(got.returncode, 78)
        self.assertIn("bridge.conf:2:", got.stderr)

    def test_dump_config(self):
        """What it prints is a configuration that says all, and says the same again."""
        path = self.config("[records]\nprefix = x/y\n[browse]\ntypes = _http._tcp _ipp._tcp\n")
        first = self.run_bridge("--dump-config", "--config", path, "--log-level", "debug", "--prefix", "p")
        self.assertEqual(first.returncode, 0, first.stderr)
        for pattern in (r"(?m)^\[browse\]$", r"(?m)^prefix *= *p$", r"(?m)^level *= *debug$", r"_ipp\._tcp",
                        r"(?m)^size *= *4096$", r"(?m)^avahi-grace *= *30", r"(?m)^ignore-interfaces *= *lo "):
            self.assertRegex(first.stdout, pattern)
        again = self.run_bridge("--dump-config", "--config", self.config(first.stdout))
        self.assertEqual((again.stdout, again.stderr), (first.stdout, ""))

    def test_dump_config_hides_passwords(self):
        pathlib.Path("/tmp/secret").write_text("correct horse")
        path = self.config("[broker]\nusername = u\npassword-file = /tmp/secret\n")
        got = self.run_bridge("--dump-config", "--config", path)
        self.assertNotIn("correct horse", got.stdout + got.stderr)


class Signals(Case):
    def test_interrupt(self):
        watch = self.boot()
        self.lab.bridge.send(signal.SIGINT)
        self.assertEqual(self.lab.bridge.wait_end(), 0)
        watch.bridge_state(state="offline")

    def test_reload(self):
        """SIGHUP takes up what changed, and does not disturb what is still allowed."""
        base = {"log": {"level": "info"}, "browse": {"types": "_http._tcp _ipp._tcp _marker._tcp"}}
        self.boot("b", bridge=False)
        for kind in ("_http._tcp", "_ipp._tcp", "_ssh._tcp"):
            AvahiPublish(self.b, "Of " + kind, kind, 80).established()
        path = self.lab.write_config(base)
        watch = self.observe()
        bridge = self.a.start("bridge", BRIDGE, "--config", path)
        self.bridges.append(bridge)
        for kind in ("_http._tcp", "_ipp._tcp"):
            watch.service("Of " + kind, protocols=["IPv4", "IPv6"])
        mark = watch.mark()
        self.assertNotIn(" debug: ", bridge.text())
        self.lab.write_config({**base, "browse": {"types": "_http._tcp _ssh._tcp _marker._tcp"},
                               "log": {"level": "debug"}})
        bridge.send(signal.SIGHUP)
        watch.service("Of _ssh._tcp", since=mark)
        watch.cleared("Of _ipp._tcp", since=mark)
        self.marker(watch, self.b)
        self.assertEqual([str(m) for m in watch.of("Of _http._tcp", since=mark)], [])
        self.assertIn(" debug: ", bridge.text())

        said = len(bridge.text())
        self.lab.write_config("[nonsense]\n")
        bridge.send(signal.SIGHUP)
        wait_until(lambda: "bridge.conf:1:" in bridge.text()[said:], "a word on the bad configuration")
        self.marker(watch, self.b, "Still here")
        self.assertEqual([str(m) for m in watch.of("Of _http._tcp", since=mark)], [])


class Systemd(Case):
    def test_notify(self):
        for address in ("/tmp/notify", "\0e2e-notify"):
            with self.subTest(address=address):
                listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                listener.bind(address)
                listener.settimeout(20)
                env = {"NOTIFY_SOCKET": address.replace("\0", "@"), "WATCHDOG_USEC": "400000"}
                bridge = self.start_bridge({}, env=env)  # neither broker nor Avahi: no reason to wait
                heard = ""
                while not ("READY=1" in heard and heard.count("WATCHDOG=1") >= 3):
                    heard += listener.recv(4096).decode() + "\n"
                self.assertRegex(heard, r"(?m)^STATUS=.+")
                bridge.send(signal.SIGTERM)
                while "STOPPING=1" not in heard:
                    heard += listener.recv(4096).decode() + "\n"
                self.assertEqual(bridge.wait_end(), 0)

    def test_status_counts(self):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind("/tmp/notify")
        listener.settimeout(20)
        watch = self.boot("b", bridge=False)
        self.start_bridge(env={"NOTIFY_SOCKET": "/tmp/notify"})
        self.marker(watch, self.b)
        heard = ""
        while not re.search(r"(?m)^STATUS=.*\b1 services, 0 advertised", heard):
            heard += listener.recv(4096).decode() + "\n"


if __name__ == "__main__":
    world.main()
