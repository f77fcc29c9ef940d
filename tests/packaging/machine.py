"""A throw-away machine: a copy of this one's files, with systemd as its first process, or without.

It lives in a world (world.py) and is a host of its lab. What is written goes to memory; a cgroup is all that
the kernel does not take away by itself, so the runner clears that, too.
"""
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import world  # noqa: E402
from lab import Host  # noqa: E402
from process import Process, wait_until  # noqa: E402

PACKAGES = pathlib.Path(os.environ.get("PACKAGES", world.PROJECT / "build/tests/packaging/packages"))
PROGRAMS = ("/lib/systemd/systemd", "dpkg", "dpkg-deb", "nsenter", "setpriv", "systemctl", "systemd-sysusers")
NAMESPACES = ["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child",
              "--propagation", "private"]
CGROUPS = pathlib.Path("/tmp/cgroup")
IDLE = ("sleep", "infinity")
PROBE = """
mount -t tmpfs tmpfs /mnt && cd /mnt && mkdir upper work root cgroup
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work root
mount -t cgroup2 cgroup2 cgroup && mkdir cgroup/$0 && rmdir cgroup/$0
"""


def package():
    """The package under test."""
    found = sorted(PACKAGES.glob("mdns-mqtt-bridge_*.deb"))
    return found[0] if found else None


def why_not():
    """Why there cannot be such a machine here, or None."""
    missing = [p for p in PROGRAMS if not shutil.which(p)]
    if missing:
        return "not installed: " + ", ".join(missing)
    if not package():
        return f"no package in {PACKAGES}: the test packaging_build makes it"
    uids = pathlib.Path("/proc/self/uid_map").read_text().split()
    if os.geteuid() or uids != ["0", "0", str(2**32 - 1)]:
        return "only root can own the files of several users"
    probe = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-ec", PROBE,
                            f"packaging-test-{os.getpid()}-probe"], capture_output=True, text=True)
    if probe.returncode:
        return "no right to overlay / or to make a cgroup: " + probe.stderr.strip()
    return None


def clear_cgroups():
    """Takes away the cgroups of machines whose runner has ended, or that is this process."""
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, place, kind = line.split()[:3]
        if kind != "cgroup2":
            continue
        for top in pathlib.Path(place).glob("packaging-test-*"):
            owner = top.name.split("-")[-2]
            if owner != str(os.getpid()) and pathlib.Path("/proc", owner).exists():
                continue
            for folder, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    pass  # somebody lives: the next run's


def main():
    """Called by each test file, in place of world.main()."""
    if sys.argv[1:2] != ["--inside"]:
        reason = why_not()
        if reason:
            print("SKIPPED:", reason)
            sys.exit(world.SKIP)
        os.environ["PACKAGES"] = str(PACKAGES.resolve())
        os.environ["PACKAGING_RUNNER"] = str(os.getpid())
        clear_cgroups()
    try:
        world.main()
    finally:
        if sys.argv[1:2] != ["--inside"]:
            clear_cgroups()


class Machine:
    """The machine. As a `space` of lab.Host it has .pid and .enter."""

    def __init__(self, *command):
        self.folder = pathlib.Path("/tmp/machine")
        self.folder.mkdir()
        CGROUPS.mkdir()
        subprocess.run(["mount", "-t", "cgroup2", "cgroup2", CGROUPS], check=True)
        self.cgroup = CGROUPS / f"packaging-test-{os.environ['PACKAGING_RUNNER']}-{os.urandom(4).hex()}"
        self.cgroup.mkdir()
        # It enters its cgroup first: a cgroup namespace begins where its maker is.
        self.process = Process("machine", [
            "sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', self.cgroup,
            "unshare", *NAMESPACES, HERE / "boot", self.folder, *command])
        unshare = self.process.pid
        children = pathlib.Path(f"/proc/{unshare}/task/{unshare}/children")

        def first():
            assert self.process.alive(), f"no machine:\n{self.process.text()}"
            pids = children.read_text().split()
            return pids and os.readlink(f"/proc/{pids[0]}/exe").endswith(("/systemd", "/sleep")) and int(pids[0])
        self.pid = wait_until(first, "the first process of the machine")
        self.enter = ["nsenter", "-t", str(self.pid), "-a", "--", "env", "-i", "LC_ALL=C.UTF-8",
                      "DEBIAN_FRONTEND=noninteractive", "PATH=" + world.SANE_PATH]
        self.deb = pathlib.Path("/run", package().name)
        self.copy(package(), self.deb)
        if not command:
            wait_until(lambda: self.run("systemctl", "is-system-running", check=False).strip()
                       in ("running", "degraded"), "systemd", 30)

    def end(self):
        """Ends all that runs there."""
        self.process.kill()
        wait_until(lambda: "populated 0" in (self.cgroup / "cgroup.events").read_text(), "the machine's end")
        for folder, _, _ in os.walk(self.cgroup, topdown=False):
            os.rmdir(folder)

    def join(self, lab):
        """Makes it a host on the LAN of a lab."""
        host = Host(lab, "m", len(lab.hosts) + 1, self)
        lab.hosts.append(host)
        host.plug()
        return host

    def run(self, *argv, check=True, **options):
        """Runs a command there; returns what it printed."""
        got = subprocess.run([*self.enter, *map(str, argv)], stdin=subprocess.DEVNULL, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
        assert not check or got.returncode == 0, f"{argv}: {got.returncode}\n{got.stdout}"
        return got.stdout

    def does(self, *argv):
        """Does a command there end well?"""
        return subprocess.run([*self.enter, *map(str, argv)], stdin=subprocess.DEVNULL,
                              capture_output=True).returncode == 0

    def write(self, path, text):
        """Writes a file there."""
        subprocess.run([*self.enter, "sh", "-c", 'mkdir -p "$(dirname "$0")" && cat >"$0"', path], check=True,
                       input=text.encode())

    def copy(self, source, target):
        with open(source, "rb") as file:
            subprocess.run([*self.enter, "sh", "-c", 'cat >"$0"', target], stdin=file, check=True)

    def read(self, path):
        return self.run("cat", path)

    def unit(self, key, name="mdns-mqtt-bridge"):
        """A property of a unit, as systemd has it."""
        return self.run("systemctl", "show", "-P", key, name).strip()

    def newer(self):
        """Makes the same package again, one version on; returns its path."""
        self.run("sh", "-ec", f"""
            rm -rf /run/newer && dpkg-deb -R {self.deb} /run/newer
            sed -i 's/^Version: .*/&+test1/' /run/newer/DEBIAN/control
            dpkg-deb --root-owner-group -Znone -b /run/newer /run/newer.deb""")
        return "/run/newer.deb"

    def written(self):
        """What there is, or is not any more, since the machine is there: all but accounts, dpkg's own and caches."""
        upper, found = self.folder / "upper", set()
        for folder, folders, files in os.walk(upper):
            inside = pathlib.Path("/", os.path.relpath(folder, upper))
            found |= {str(inside / f) for f in files}
            found |= {str(inside / f) for f in folders if not (inside / f).is_dir()}  # not copied up, but new
        forgets = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/.pwd.lock", "/var/lib/dpkg/",
                   "/var/log/", "/var/cache/")
        return {f for f in found if not f.startswith(forgets)}
