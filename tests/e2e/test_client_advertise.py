"""mdns-mqtt advertise: on the LAN while it runs, gone when it ends, in whatever way."""
import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import termios

import observer
import tool
import world
from adverts import NO_PORT_CHECK, PERSISTENT, AdvertCase
from process import slow, wait_until
from test_advertise_ports import listener

TMP = pathlib.Path("/tmp")
FOLDER = pathlib.Path("/run/mdns-mqtt/web/s")  # as deploy/grant makes it for the user `web`
WAYS = """per_listener_settings true
log_type all
listener 1883 127.0.0.1
allow_anonymous true
listener 1884 127.0.0.1
allow_anonymous false
password_file /tmp/passwd
listener 1885 127.0.0.1
allow_anonymous true
acl_file /tmp/observe.acl
listener 0 /run/mdns-mqtt/web/s/mqtt.sock
allow_anonymous true
acl_file /tmp/web.acl
"""
OBSERVE = "topic read mdns/service/#\ntopic read mdns/bridge/#\n"
ADVERTISE = OBSERVE + """topic write mdns/advertise/web/+
topic read mdns/advertise/web/#
topic readwrite mdns/client/web
"""
DIES = 5.0  # how soon it is to be gone; it is much sooner, but machines are busy


class ToolCase(AdvertCase):
    def boot_ways(self, *kinds, config=None):
        """A broker with a listener for each way in, and B looking on."""
        FOLDER.mkdir(parents=True)
        (TMP / "observe.acl").write_text(OBSERVE)
        (TMP / "web.acl").write_text(ADVERTISE)
        (TMP / "passwd").write_text("")
        self.watch, self.view = self.boot_lan(*kinds, config=config, broker=WAYS)

    def advertise(self, *args, name="Web app", port=8080, kind="_http._tcp", client="web", command=(),
                  wrapper=(), **options):
        """Starts it, as CLIENT/app."""
        who = ["--client", client] if client else []
        argv = ["advertise", "--name", name, "--type", kind, "--port", port, "--id", "app", *who, *args]
        if command:
            argv += ["--", *command]
        return tool.Tool(*argv, wrapper=wrapper, env={"MDNS_MQTT_CLIENT": ""}, **options)


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


class Commands(ToolCase):
    def test_signals_and_codes(self):
        """What COMMAND is told and how it ends; its stdout is its own."""
        self.lab.start_broker(PERSISTENT)
        script = ("for s in HUP INT QUIT USR1 USR2 WINCH; do trap \"echo $s\" $s; done; trap 'echo TERM; exit 9' TERM;"
                  " echo ready; while :; do sleep 0.05; done")
        os.dup2(os.open("/dev/null", os.O_RDONLY), 7)
        run = self.advertise(command=["sh", "-c", script], stdout=subprocess.PIPE)
        lines = [run.popen.stdout.readline()]
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
                       signal.SIGWINCH, signal.SIGTERM):
            run.send(number)
            lines.append(run.popen.stdout.readline())
        self.assertEqual(b"".join(lines).split(), b"ready HUP INT QUIT USR1 USR2 WINCH TERM".split())
        self.assertEqual((run.wait_end(), run.popen.stdout.read()), (9, b""))
        listing = self.advertise(command=["sh", "-c", "ls /proc/self/fd >/tmp/fds"], pass_fds=[7])
        self.assertEqual(listing.wait_end(), 0)
        self.assertEqual((TMP / "fds").read_text().split(), ["0", "1", "2", "3", "7"], "and 3 is that of ls")
        for command, code in ((["sh", "-c", "kill -9 $$"], 137), (["/nonexistent"], 127), (["/etc"], 126)):
            self.assertEqual(self.advertise(command=command).wait_end(), code, command)

    def test_name_server_is_silent(self):
        """COMMAND is told what it is to be told, and its end is seen, while the broker's name is looked up."""
        resolver = TMP / "resolv.conf"
        resolver.write_text("nameserver 127.0.0.1\noptions timeout:30 attempts:5\n")
        subprocess.run(["mount", "--bind", resolver, "/etc/resolv.conf"], check=True)
        script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done"
        for scheme in ("mqtt", "mqtts"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
                server.bind(("127.0.0.1", 53))
                server.settimeout(15 * slow())
                run = self.advertise("--broker", f"{scheme}://broker.test", command=["sh", "-c", script])
                run.wait_log("ready")
                self.assertIn(b"\6broker\4test", server.recv(1000))
                run.send(signal.SIGTERM)
                self.assertEqual(run.wait_end(), 9, run.text())

    def test_terminal(self):
        """What is typed reaches the COMMAND once, and not a second time by way of the tool."""
        self.lab.start_broker(PERSISTENT)
        script = ("import os, signal, time\n"  # a shell would take two signals for one
                  "signal.signal(signal.SIGINT, lambda *_: os.write(1, b'INT '))\n"
                  "signal.signal(signal.SIGTERM, lambda *_: os.write(1, b'END ') and os._exit(3))\n"
                  "os.write(1, b'ready ')\n"
                  "while True: time.sleep(60)")
        run, master, out = self.on_terminal(sys.executable, "-c", script)
        heard = self.hear(out, b"ready")
        os.write(master, b"\x03")
        heard += self.hear(out, b"INT")
        run.send(signal.SIGTERM)
        heard += self.hear(out, b"END")
        self.assertEqual(heard.split(), [b"ready", b"INT", b"END"])
        self.assertEqual(run.wait_end(), 3)

    def test_terminal_is_gone(self):
        """The kernel tells the leader of the session alone, which is the tool."""
        self.lab.start_broker(PERSISTENT)
        run, _, out = self.on_terminal("sh", "-c", "trap 'exit 5' HUP; echo ready; while :; do sleep 0.05; done")
        self.hear(out, b"ready")
        out.close()
        self.assertEqual(run.wait_end(), 5)

    def on_terminal(self, *command):
        """Starts it as the leader of a session; returns it, the terminal's other end, and that as a file."""
        master, slave = os.openpty()
        attributes = termios.tcgetattr(slave)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        run = self.advertise(command=command, stdin=slave, stdout=slave, start_new_session=True,
                             preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        return run, master, open(master, "rb", buffering=0)

    @staticmethod
    def hear(out, word):
        heard = b""
        while word not in heard:
            heard += out.read(1000)
        return heard

    def test_process_1(self):
        """As process 1 of a container, orphans are its own; it passes the exit code on."""
        self.lab.start_broker(PERSISTENT)
        script = ("(sleep 0.01 & ) ; n=0; until ! grep -qs '^State:.[SRZD]' $(ls -d /proc/[0-9]*/status |"
                  " grep -v -e '^/proc/1/' -e \"^/proc/$$/\"); do n=$((n+1)); [ $n -lt 200 ] || exit 3; sleep 0.02;"
                  " done; echo 1 is $(cat /proc/1/comm); exit 5")
        run = self.advertise(command=["sh", "-c", script], wrapper=["unshare", "--pid", "--fork", "--mount-proc"])
        self.assertEqual(run.wait_end(), 5, run.text())
        self.assertIn("1 is mdns-mqtt", run.text())

    def test_exit_codes(self):
        """Each reason not to advertise has its own; with a COMMAND it is only said."""
        self.boot_ways(config={"advertise": {"port-check": "off", "deny-types": "_ssh._tcp"}})
        url = "mqtt://127.0.0.1:"
        for args, code, text in (
                (["--port", "0"], 64, "port"),
                (["--type", "http"], 64, "type: "),
                (["--txt", "=x"], 64, "txt"),
                (["--client", "a/b"], 64, "CLIENT"),
                (["--lease", "5"], 64, "--lease"),
                (["--type", "_ssh._tcp"], 65, "failed (denied): type: _ssh._tcp"),
                (["--broker", url + "1", "--timeout", "0"], 69, "Connection refused"),
                (["--broker", url + "1", "--timeout", "0.3"], 69, "Connection refused"),
                (["--prefix", "other", "--timeout", str(slow())], 75, "not established in time: there is no bridge"),
                (["--when-listening", "--timeout", str(slow())], 75, "not established in time: nobody listens"),
                (["--broker", url + "1884"], 77, "Not authorized"),
                (["--broker", url + "1885"], 77, "does not let you advertise as web"),
                (["--broker", f"unix://{FOLDER}/mqtt.sock", "--client", "other"], 77, "as other")):
            run = self.advertise(*args)
            self.assertEqual(run.wait_end(), code, f"{args}: {run.text()}")
            self.assertIn(text, run.text())
            if code in (65, 77, 64):
                run = self.advertise(*args, command=["sh", "-c", "sleep 0.3; exit 4"])
                self.assertEqual(run.wait_end(), 64 if code == 64 else 4, f"{args}: {run.text()}")
                self.assertIn(text, run.text())
        self.assertEqual(self.requests_at_broker(), {})


    def test_pending(self):
        """Avahi does not get on; how long that is waited for."""
        self.boot_ways()
        self.a.avahi.send(signal.SIGSTOP)
        run = self.advertise("--timeout", str(3 * slow()))
        self.watch.status("web/app", state="pending")
        self.assertEqual(run.wait_end(), 75)
        self.assertIn("not established in time: it is pending", run.text())
        self.a.avahi.send(signal.SIGCONT)
        self.watch.ended("web/app", "requested", retained=False)

    def test_refused_for_long(self):
        """Who may not ask goes on asking, and may at last."""
        self.boot_ways()
        run = self.advertise("--lease", "0", "--broker", "mqtt://127.0.0.1:1885", command=["sleep", "600"])
        wait_until(lambda: self.lab.broker.text().count("Denied PUBLISH") >= 3, "it is refused three times", 45)
        (TMP / "observe.acl").write_text(ADVERTISE)
        self.lab.broker.send(signal.SIGHUP)
        self.watch.established("web/app", timeout=30)
        self.assertEqual(run.text().count("does not let you advertise"), 1, run.text())
        run.stop()
        self.watch.ended("web/app", "requested", retained=False)


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
