"""A world with real users: what tests/e2e/world.py gives, and on top of it a machine of its own.

The tests here are about who may do what, so one user under several names will not do. Each test runs as
root, in namespaces of its own (network, mounts, processes), and finds:

    /etc                  a private copy: anything in it may be changed, useradd and all
    /run /tmp /home       empty, in memory; so is /var/lib, but for what D-Bus and dpkg have there
    LABA, LABB            two people with homes, /run/user/UID and subordinate ids, for rootless containers
    BRIDGE                the system user of the bridge; mosquitto, avahi and messagebus as the system has them
    /sys/fs/cgroup        cgroup 2 alone, whatever the machine has: crun wants no mixture
    /dev/net/tun          open to all, for slirp4netns and pasta
    CHECKOUT, EXAMPLES    a copy of deploy and of the bridge, and the examples in it, for all to read

When it ends, the kernel takes away all of it, and every process.
"""
import os
import pathlib
import pwd
import shutil
import subprocess
from dataclasses import dataclass

import e2e  # noqa: F401
import world
from process import Process, slow

NEEDED = ("setpriv", "setfacl", "newuidmap")
USER_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
CHECKOUT = pathlib.Path("/tmp/checkout")
EXAMPLES = CHECKOUT / "deploy/examples"


@dataclass(frozen=True)
class User:
    """Somebody on host A, with the subordinate ids for rootless containers, if any."""
    name: str
    uid: int
    first_subordinate: int = 0

    @property
    def home(self):
        return pathlib.Path("/home", self.name)

    @property
    def runtime(self):
        """What XDG_RUNTIME_DIR is."""
        return pathlib.Path("/run/user", str(self.uid))

    def container_uid(self, uid):
        """The uid on the host of a uid in the user's rootless containers."""
        return self.first_subordinate + uid - 1 if uid else self.uid

    def command(self, *argv, **env):
        """The command line that root runs to do this as the user, in a clean environment."""
        variables = {"HOME": self.home, "USER": self.name, "PATH": USER_PATH, "LANG": "C.UTF-8",
                     "XDG_RUNTIME_DIR": self.runtime, **env}
        return ["setpriv", f"--reuid={self.name}", f"--regid={self.name}", "--init-groups",
                "env", "-i", "-C", self.home, *[f"{k}={v}" for k, v in variables.items()], *argv]

    def run(self, *argv, timeout=30, check=True, env=None, **options):
        """Runs it to its end. Returns the process: stdout as text, stderr with it in the exception."""
        done = subprocess.run([str(a) for a in self.command(*argv, **(env or {}))], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=timeout * slow(), **options)
        words = " ".join(str(a) for a in argv)
        assert not check or done.returncode == 0, \
            f"{self.name}: {words} ended with {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def start(self, name, *argv, env=None, **options):
        """Starts it in the background, with a log."""
        return Process(f"{self.name}-{name}", self.command(*argv, **(env or {})), **options)


LABA = User("laba", 1601, 400000)
LABB = User("labb", 1602, 500000)
BRIDGE = User("mdns-mqtt", 990)
USERS = (LABA, LABB, BRIDGE)


def why_not():
    """Why these tests cannot run on this machine, or None."""
    if os.geteuid() != 0:
        return "not root: there is no other way to have several users"
    if pathlib.Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]:
        return "root of a user namespace only"
    missing = [p for p in NEEDED if not shutil.which(p)]
    return "not installed: " + ", ".join(missing) if missing else world.why_not()


def prepare():
    """In the new world, as root, before the test."""
    world.mount_private("/home")
    own_etc()
    own_folders()
    own_devices()
    for_all_to_read()


def own_etc():
    subprocess.run(["cp", "-a", "/etc/.", "/tmp/etc"], check=True)
    subprocess.run(["mount", "--bind", "/tmp/etc", "/etc"], check=True)
    for file in ("passwd", "group", "shadow", "gshadow"):
        path = pathlib.Path("/etc", file)
        lines = path.read_text().splitlines(True)
        path.write_text("".join(l for l in lines if l.split(":")[0] not in {u.name for u in USERS}))
    for user in USERS:
        with open("/etc/passwd", "a") as passwd, open("/etc/group", "a") as group:
            passwd.write(f"{user.name}:x:{user.uid}:{user.uid}::{user.home}:/bin/sh\n")
            group.write(f"{user.name}:x:{user.uid}:\n")
    for file in ("subuid", "subgid"):
        pathlib.Path("/etc", file).write_text("".join(
            f"{u.name}:{u.first_subordinate}:65536\n" for u in USERS if u.first_subordinate))


def own_folders():
    for user in USERS:
        for folder in (user.home, user.runtime):
            folder.mkdir(0o700, parents=True)
            os.chown(folder, user.uid, user.uid)
    kept = {name: os.open(f"/var/lib/{name}", os.O_PATH) for name in ("dbus", "dpkg")
            if os.path.isdir(f"/var/lib/{name}")}
    world.mount_private("/var/lib")
    for name, fd in kept.items():
        os.mkdir(f"/var/lib/{name}")
        subprocess.run(["mount", "--no-canonicalize", "--bind", f"/proc/self/fd/{fd}", f"/var/lib/{name}"],
                       check=True, pass_fds=[fd])
        os.close(fd)
    broker = pwd.getpwnam("mosquitto")
    os.mkdir(broker.pw_dir, 0o700)
    os.chown(broker.pw_dir, broker.pw_uid, broker.pw_gid)


def own_devices():
    # What is mounted in a container is to reach no further, but containers want a shared root.
    subprocess.run(["mount", "--make-rshared", "/"], check=True)
    subprocess.run(["umount", "-R", "/sys/fs/cgroup"], capture_output=True)
    subprocess.run(["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"], check=True)
    if pathlib.Path("/dev/net").is_dir():  # one that is missing cannot be made for this world alone
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/dev/net"], check=True)
        subprocess.run(["mknod", "-m", "666", "/dev/net/tun", "c", "10", "200"], check=True)


def for_all_to_read():
    """The bridge and the examples where users get at them: a checkout below /root would be closed."""
    shutil.copytree(world.PROJECT / "deploy", CHECKOUT / "deploy")
    binary = CHECKOUT / "build/mdns-mqtt-bridge"
    binary.parent.mkdir()
    shutil.copy(os.environ["BRIDGE"], binary)
    os.environ["MDNS_MQTT"] = str(pathlib.Path(os.environ["BRIDGE"]).with_name("mdns-mqtt"))
    os.environ["BRIDGE"] = str(binary)


def main():
    """Called by each test file."""
    world.main(why_not, prepare)
