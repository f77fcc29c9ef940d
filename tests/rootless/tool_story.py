"""The tool in a real rootless container, where it finds the socket and who it is by itself: what runs under
it is on the LAN as long as it does, however it ends, and its doctor knows where it is."""
import os
import pathlib
import re
import shutil
import subprocess

from machine import LABA
from way_in import WayIn
from world import PROJECT

FOLDER = pathlib.Path("/tmp/tool")
OPTIONS = ("--volume", f"{FOLDER}:/tool:ro", "--env", "LD_LIBRARY_PATH=/tool",
           "--env", "TSAN_OPTIONS=suppressions=/tool/tsan.supp")
GONE = 5.0  # how soon; it is much sooner, but machines are busy


def put_up():
    """The tool, and the libraries that it needs, in a folder to be mounted."""
    FOLDER.mkdir()
    shutil.copy(PROJECT / "tests/tsan.supp", FOLDER)
    binary = pathlib.Path(os.environ["MDNS_MQTT"])
    libraries = subprocess.run(["ldd", binary], check=True, stdout=subprocess.PIPE, text=True).stdout
    for path in [binary, *[word for word in libraries.split() if word.startswith("/")]]:
        shutil.copy(path, FOLDER)


class ToolStory(WayIn):
    def tool_story(self, runtime):
        self.doctor(runtime)
        for number, end in enumerate((("stop", "--time", "5"), ("kill",), ("rm", "--force"))):
            self.advertised_until(runtime, f"tool{number}", *end)

    @staticmethod
    def in_container(runtime, name, *argv, uid=1000):
        """The command line that runs the tool in a container of this name, by the example."""
        return runtime.command(uid, "/tool/mdns-mqtt", *argv, options=(*OPTIONS, "--name", name))

    def advertised_until(self, runtime, name, *end):
        """A COMMAND runs until the container ends in this way: by the runtime's command."""
        service = f"{runtime.label} {name}"
        mark = self.watch.mark()
        run = LABA.start(name, *self.in_container(
            runtime, name, "advertise", "--name", service, "--id", name, "--type", "_http._tcp", "--port", "8080",
            "--", "sleep", "600"), env=runtime.env)
        self.watch.owned(f"laba/{name}", service, mark, timeout=30)
        self.view.sees(service)
        mark = self.watch.mark()
        LABA.run(runtime.program, *end, name, env=runtime.env)
        self.watch.ended(f"laba/{name}", "requested", mark, GONE, retained=False)
        self.view.forgets(service, timeout=GONE)
        run.wait_end()

    def doctor(self, runtime):
        """All is well, as root and as another user of the container."""
        for uid in (0, 1000):
            done = LABA.run(*self.in_container(runtime, "doctor", "doctor", uid=uid), env=runtime.env)
            self.assertIn(f"in {runtime.program.capitalize()}", done.stdout)
            self.assertIn("the broker lets you advertise as laba", done.stdout)
            self.assertIn("advertised, seen and withdrawn", done.stdout)
            self.assertNotIn("failed", done.stdout)

    def advice(self, runtime):
        """Without the example: each option that the doctor names mends, as it stands, what it found."""
        def doctor(*option):
            return LABA.run(runtime.program, "run", "--rm", *OPTIONS, *option, *runtime.made_of, "/tool/mdns-mqtt",
                            "doctor", env=runtime.env, check=False)
        done = doctor()
        self.assertEqual(done.returncode, 1, done.stdout)
        named = re.findall(r"--(?:volume|device|mount) [^ ;]+", done.stdout)
        self.assertTrue(named, done.stdout)
        for option in named:
            done = doctor(*option.replace("USER", LABA.name).split())
            self.assertEqual(done.returncode, 0, f"{option}: {done.stdout}")
