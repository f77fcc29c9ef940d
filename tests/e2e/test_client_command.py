"""mdns-mqtt advertise -- COMMAND: what COMMAND is told, how it ends, and what is said of what goes wrong."""
import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import termios

import tool
import world
from adverts import PERSISTENT
from process import slow, wait_until
from tool_case import ADVERTISE, FOLDER, TMP, ToolCase


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

    def test_children_are_ignored(self):
        """By who starts the tool: the kernel would collect COMMAND itself, and tell nobody."""
        run = self.advertise(command=["sh", "-c", "exit 7"],
                             preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        self.assertEqual(run.wait_end(), 7, run.text())

    def test_nobody_reads_what_is_said(self):
        """A pipe on stderr that is full does not keep the end of COMMAND from being seen."""
        for args in ([], ["--json"]):
            reading, writing = os.pipe()
            os.set_blocking(writing, False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(writing, b"x" * 4096)
            os.set_blocking(writing, True)
            ended = subprocess.run([tool.program(), "advertise", "--client", "web", "--name", "App", "--type", "_a._tcp",
                                    "--port", "80", *args, "--", "sh", "-c", "exit 7"], stderr=writing,
                                   timeout=15 * slow())
            self.assertEqual(ended.returncode, 7)
            os.close(reading)
            os.close(writing)

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


if __name__ == "__main__":
    world.main()
