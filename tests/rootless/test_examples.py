"""What the other tests of the examples leave out: programs that only speak TCP, Quadlet, and why it is the
folder that is mounted."""
import configparser
import pathlib
import shutil

import image
import machine
from machine import EXAMPLES, LABA
from process import wait_until
from rootless import socket_of
from runtimes import Podman
from way_in import WayIn

GENERATORS = ("/usr/libexec/podman/quadlet", "/usr/lib/podman/quadlet",
              "/usr/lib/systemd/user-generators/podman-user-generator")
QUADLET = EXAMPLES / "mdns-app.container"
# What each key of a .container file is to podman run. (podman-systemd.unit(5))
QUADLET_KEYS = {"User": "--user={}", "DropCapability": "--cap-drop={}", "Volume": "--volume={}",
                "Environment": "--env={}", "PublishPort": "--publish={}"}
QUADLET_SWITCHES = {"NoNewPrivileges": "--security-opt=no-new-privileges", "ReadOnly": "--read-only"}
# Says again and again whether the broker is to be reached.
TRY = """while :; do
    mosquitto_sub -V 5 --unix /socket -W 5 -C 1 -F 'reached' -t mdns/bridge/state 2>&1
    sleep 0.1
done"""


def quadlet():
    """The file's sections as {section: {key: value}}, keys as they are written."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read(QUADLET)
    return parser


class Examples(WayIn):
    def test_examples(self):
        """In one world, as each of them is short."""
        podman = Podman("--network", "none")
        self.boot_runtime(podman)
        self.tcp_only(podman)
        self.quadlet_values()
        self.mounted_socket(podman)

    def tcp_only(self, podman):
        """A program that only knows 127.0.0.1:1883 browses and advertises, with no network at all."""
        mount = ("--volume", f"{EXAMPLES}/tcp-only:/tcp-only:ro")
        browse = ["/tcp-only", "mosquitto_sub", "-C", "1", "-W", "15", "-t", "mdns/service/+/_ipp._tcp/#"]
        wish = '{"name":"By TCP","type":"_http._tcp","port":8080}'
        publish = ["/tcp-only", "mosquitto_pub", "-r", "-q", "1", "-t", "mdns/advertise/laba/tcp", "-m", wish]
        for uid in (0, 1000):
            self.assertIn("Printer on B", LABA.run(*podman.command(uid, *browse, options=mount)).stdout)
        LABA.run(*podman.command(1000, *publish, options=mount))
        self.view.sees("By TCP")

    def mounted_socket(self, podman):
        """Where the socket itself is mounted and not its folder, a restart of the broker is the end."""
        mount = ("--volume", f"{socket_of(LABA)}:/socket")
        container = LABA.start("mounted-socket", *podman.command(0, "sh", "-c", TRY, options=mount))
        container.wait_log("reached")
        self.watch.online(since=self.restart())
        said = len(container.text())
        wait_until(lambda: container.text()[said:].count("Connection refused") > 2, "three more attempts")
        self.assertNotIn("reached", container.text()[said:])

    def quadlet_values(self):
        """The Quadlet file says what the example of podman run says: run so, it shows the services."""
        image.build_tar()
        LABA.run("podman", "import", "--quiet", image.TAR, image.NAME, timeout=60)
        keys = dict(quadlet()["Container"])
        arguments = ["podman", "run", "--rm"]
        name, command = keys.pop("Image"), keys.pop("Exec").split()
        for key, value in keys.items():
            if key in QUADLET_SWITCHES:
                self.assertEqual(value, "true")
                arguments.append(QUADLET_SWITCHES[key])
            else:
                arguments.append(QUADLET_KEYS[key].format(value.replace("%u", LABA.name)))
        self.assertEqual({a.split("=")[0] for a in arguments if a.startswith("--")},
                         {"--rm", "--user", "--cap-drop", "--volume", "--env", "--publish", "--security-opt",
                          "--read-only"})
        LABA.start("quadlet", *arguments, name, *command).wait_log("Printer on B")

    def test_quadlet_generator(self):
        """Podman's own generator takes the file."""
        found = [path for path in GENERATORS if pathlib.Path(path).exists()]
        if not found:
            self.skipTest("no Quadlet generator: it comes with Podman 4.4")
        folder = LABA.home / ".config/containers/systemd"
        folder.mkdir(parents=True)
        shutil.copy(QUADLET, folder)
        for path in (folder.parents[1], folder.parent, folder):
            shutil.chown(path, LABA.name, LABA.name)
        done = LABA.run(found[0], "--user", "--dryrun")
        self.assertIn("podman run", done.stdout)
        self.assertIn("mdns-mqtt", done.stdout)


if __name__ == "__main__":
    machine.main()
