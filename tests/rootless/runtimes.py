"""Each way to run a rootless container: as laba, by the example for it, just as it stands.

A runtime is made ready once in a test; command() then is the command line, to be run as laba, that runs
something in a new container as a given uid.
"""
import pathlib
import shutil

import image
from machine import EXAMPLES, LABA, USER_PATH
from process import wait_until
from rootless import inner_folder

# The homes here are in memory, where overlay file systems need Linux 6.6.
STORAGE_CONF = '[storage]\ndriver = "vfs"\n'


class Runtime:
    """`needs`: programs without which it cannot be tested; `label`: what to call it; `program`: what ends a
    container by its name; `made_of`: what stands before its command."""

    needs = ()
    label = program = ""
    made_of = ()
    env = {}

    def get_ready(self):
        """Before the first container."""

    def command(self, uid, *argv):
        raise NotImplementedError

    def run(self, uid, *argv, **options):
        """Runs it in a new container to its end."""
        return LABA.run(*self.command(uid, *argv), env=self.env, **options)

    def start(self, name, uid, *argv):
        return LABA.start(name, *self.command(uid, *argv), env=self.env)


class Podman(Runtime):
    """`options`: of podman run, as a user would add them to the example; `label`: for what differs in it.

    The image is a folder: an imported one would be copied for each container, as the homes here are no
    place for overlay file systems.
    """

    needs = ("podman", "crun", "slirp4netns", "busybox")
    program = "podman"
    made_of = ("--rootfs", image.ROOT)

    def __init__(self, *options, label="podman", example="podman"):
        self.options, self.label, self.example = options, label, example

    def get_ready(self):
        if not image.ROOT.exists():
            configure_podman()
            image.build_root()

    def command(self, uid, *argv, options=()):
        return [EXAMPLES / self.example, "--user", str(uid), *self.options, *options, *self.made_of, *argv]


def configure_podman():
    """laba's configuration of Podman, for a machine like this one."""
    folder = LABA.home / ".config/containers"
    folder.mkdir(parents=True)
    shutil.copy(EXAMPLES / "containers.conf", folder)
    (folder / "storage.conf").write_text(STORAGE_CONF)
    for path in (folder.parent, folder):
        shutil.chown(path, LABA.name, LABA.name)


class PodmanPasta(Podman):
    """Podman's containers with pasta for a network, put there by hand: Podman 4.3 does not know it yet."""

    needs = (*Podman.needs, "pasta")

    def __init__(self):
        super().__init__("--network", "none", "--detach", label="pasta")

    def get_ready(self):
        super().get_ready()
        for uid in (0, 1000):
            name = f"pasta-{uid}"
            LABA.run(*super().command(uid, "sleep", "600", options=("--name", name)))
            pid = LABA.run("podman", "inspect", "--format", "{{.State.Pid}}", name).stdout.strip()
            LABA.run("pasta", "--config-net", "--no-map-gw", "-t", "none", "-u", "none", "-T", "none", "-U", "none",
                     pid)

    def command(self, uid, *argv):
        return ["podman", "exec", f"pasta-{uid}", *argv]


class Docker(Runtime):
    """Rootless Docker: its daemon runs as laba, too."""

    SCRIPT = "dockerd-rootless.sh"
    CONTRIB = "/usr/share/docker.io/contrib"  # where Debian has it
    label = program = "docker"
    needs = ("docker", "dockerd", "rootlesskit", "slirp4netns", "busybox")
    made_of = (image.NAME,)
    env = {"DOCKER_HOST": f"unix://{LABA.runtime}/docker.sock", "PATH": f"{USER_PATH}:{CONTRIB}"}

    def __init__(self, *options):
        self.options = options

    def get_ready(self):
        self.daemon = LABA.start("dockerd", self.SCRIPT, "--storage-driver=vfs", env=self.env)
        image.build_tar()
        socket = LABA.runtime / "docker.sock"
        wait_until(lambda: socket.is_socket() or not self.daemon.alive(), "rootless Docker's socket", 30)
        LABA.run("docker", "import", image.TAR, image.NAME, env=self.env, timeout=60)

    def command(self, uid, *argv, options=()):
        return [EXAMPLES / "docker", "--user", str(uid), *self.options, *options, *self.made_of, *argv]


class Runc(Runtime):
    label = "runc"
    needs = ("runc", "jq", "busybox")

    def get_ready(self):
        image.build_root()

    def command(self, uid, *argv):
        return ["env", f"CONTAINER_USER={uid}", EXAMPLES / "runc", image.ROOT, *argv]


class Bubblewrap(Runtime):
    label = "bubblewrap"
    needs = ("bwrap",)

    def command(self, uid, *argv):
        return [EXAMPLES / "bubblewrap", "--uid", str(uid), *argv]


class Rootlesskit(Runtime):
    """The namespaces that rootless Docker makes for itself and all its containers, without Docker. There is
    no example for it: nobody runs it by hand."""

    label = "rootlesskit"
    needs = ("rootlesskit", "slirp4netns")
    INSIDE = """mkdir /run/inside && mount --bind {folder} /run/inside &&
        mount -o remount,bind,ro /run/inside && mount -o remount,bind,ro / || exit
        export MQTT_SOCKET=/run/inside/mqtt.sock
        exec setpriv --reuid "$0" --regid "$0" --clear-groups --bounding-set=-all --inh-caps=-all \\
            --no-new-privs "$@" """

    def command(self, uid, *argv):
        return ["rootlesskit", "--net=slirp4netns", "--mtu=65520", "--slirp4netns-sandbox=auto",
                "--slirp4netns-seccomp=auto", "--disable-host-loopback", "--port-driver=builtin",
                "--copy-up=/etc", "--copy-up=/run", "--propagation=rslave",
                "sh", "-c", self.INSIDE.format(folder=inner_folder(LABA)), str(uid), *argv]


def missing(*programs):
    """Which of these are not installed, in words, or None."""
    names = [p for p in programs if not shutil.which(p)]
    return "not installed: " + ", ".join(names) if names else None


def why_not(runtime):
    """Why this one cannot be tested here, or None."""
    if missing(*runtime.needs):
        return missing(*runtime.needs)
    if isinstance(runtime, Docker) and not shutil.which(Docker.SCRIPT, path=runtime.env["PATH"]):
        return f"no {Docker.SCRIPT}"
    if "slirp4netns" in runtime.needs and not pathlib.Path("/dev/net/tun").exists():
        return "no /dev/net/tun"
    done = LABA.run("unshare", "--map-auto", "--map-root-user", "true", check=False)
    return f"no user namespaces for laba: {done.stderr.strip()}" if done.returncode else None
