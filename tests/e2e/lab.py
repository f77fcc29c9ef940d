"""The lab: hosts on a LAN, each with its own network, /run, D-Bus and avahi-daemon.

Host A is the world that the test runs in (world.py); the broker and the bridge live there, and the test's
own MQTT clients reach them at 127.0.0.1. Other hosts are further namespaces. A switch in one more
namespace connects them; on each host the LAN is `lan0`.
"""
import os
import pathlib
import subprocess

from process import Process, wait_until
from world import PROJECT

TMP = pathlib.Path("/tmp")
BROKER_PORT = 1883
SHIPPED = PROJECT / "deploy/mosquitto/mosquitto.conf"

# Ours in place of the system's: it names users that a user namespace does not have.
DBUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
"""
NEW_HOST = """for d in /run /etc/avahi/services; do mount -t tmpfs tmpfs $d || exit; done
for a in all default; do echo 0 >/proc/sys/net/ipv6/conf/$a/accept_dad; done
ip link set lo up; echo ready; exec cat"""


def ini(sections):
    """INI text from {section: {key: value}}."""
    return "".join(f"[{name}]\n" + "".join(f"{k}={v}\n" for k, v in keys.items())
                   for name, keys in sections.items())


def listens(port):
    """Does something listen on 127.0.0.1:port (or on all addresses)?"""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in pathlib.Path(table).read_text().splitlines()[1:]:
            _, local, _, state = line.split()[:4]
            if local.endswith(f":{port:04X}") and state == "0A":
                return True
    return False


class Namespace:
    """A network and mount namespace, held open by a process that waits for the end of its stdin."""

    def __init__(self, name):
        self.holder = Process(f"holder-{name}",
                              ["unshare", "--net", "--mount", "--propagation", "private",
                               "sh", "-c", NEW_HOST],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.holder.popen.stdout.readline() == b"ready\n", f"namespace: {self.holder.text()}"
        self.pid = self.holder.pid
        self.enter = ["nsenter", "-t", str(self.pid), "-n", "-m", "--"]


class Here:
    """The namespaces that the test itself is in, behind the same face."""
    pid = os.getpid()
    enter = []


class Host:
    """One machine on the LAN."""

    avahi_options = ("--no-drop-root", "--no-chroot", "--no-rlimits")

    def __init__(self, lab, name, number, space):
        self.lab, self.name, self.number, self.space = lab, name, number, space
        self.dbus = self.avahi = None
        self.address = f"10.77.0.{number}"

    def command(self, *argv):
        return [*self.space.enter, *argv]

    def run(self, *argv, **options):
        """Runs a command there to its end; returns its stdout."""
        return subprocess.run(self.command(*argv), check=True, stdout=subprocess.PIPE, **options).stdout

    def start(self, name, *argv, **options):
        """Starts a process there."""
        return Process(f"{self.name}-{name}", self.command(*argv), **options)

    def plug(self, interface="lan0", switch="lan", address=None):
        """Connects an interface to a switch."""
        port = f"{switch}-{self.number}"
        ip = self.lab.switches.enter + ["ip", "link"]
        subprocess.run([*ip, "add", port, "type", "veth", "peer", "name", interface,
                        "netns", str(self.space.pid)], check=True)
        subprocess.run([*ip, "set", port, "master", switch, "up"], check=True)
        self.run("ip", "address", "add", f"{address or self.address}/24", "dev", interface)
        self.run("ip", "link", "set", interface, "up")
        wait_until(lambda: self.link_local(interface), f"an IPv6 address on {interface} of {self.name}")

    def unplug(self, switch="lan", back=False):
        """Cuts the cable (or mends it) at the switch: nobody else notices."""
        subprocess.run([*self.lab.switches.enter, "ip", "link", "set", f"{switch}-{self.number}",
                        "up" if back else "down"], check=True)

    def link_local(self, interface="lan0"):
        """The link-local IPv6 address, once it may be used."""
        text = self.run("ip", "-6", "-o", "address", "show", "dev", interface, "scope", "link", "-tentative")
        return text.decode().split()[3].split("/")[0] if text else None

    def bus_option(self):
        """Which configuration the bus has."""
        config = TMP / "dbus.conf"
        config.write_text(DBUS_CONFIG)
        return f"--config-file={config}"

    def start_dbus(self):
        self.run("mkdir", "-p", "/run/dbus")
        self.run("rm", "-f", "/run/dbus/system_bus_socket")
        self.dbus = self.start("dbus", "dbus-daemon", self.bus_option(), "--nofork", "--nopidfile",
                               "--nosyslog", "--print-address=2")
        self.dbus.wait_log("unix:path")

    def start_avahi(self, publish=None, **server):
        """Starts avahi-daemon; wait_avahi() when it has to be ready (its probing takes a second)."""
        config = TMP / f"avahi-{self.name}.conf"
        config.write_text(ini({
            "server": {"host-name": f"box-{self.name}", "use-ipv4": "yes", "use-ipv6": "yes",
                       **{k.replace("_", "-"): v for k, v in server.items()}},
            "wide-area": {"enable-wide-area": "no"},
            "publish": {"publish-hinfo": "no", "publish-workstation": "no", **(publish or {})}}))
        self.avahi = self.start("avahi", "avahi-daemon", "-f", config, *self.avahi_options,
                                "--no-proc-title")

    def wait_avahi(self):
        self.avahi.wait_log("Server startup complete")

    def boot(self, **server):
        self.start_dbus()
        self.start_avahi(**server)


class Lab:
    """A, with its broker and bridge, and the other hosts."""

    host_class = Host
    broker_user = "root"

    def __init__(self):
        self.switches = Namespace("switch")
        self.add_switch("lan")
        self.a = self.host_class(self, "a", 1, Here)
        self.a.plug()
        self.hosts = [self.a]
        self.broker = self.bridge = None

    def add_switch(self, name):
        ip = [*self.switches.enter, "ip", "link"]
        # Nobody asks for group membership here, so the switch is not to guess at it.
        subprocess.run([*ip, "add", name, "type", "bridge", "mcast_snooping", "0"], check=True)
        subprocess.run([*ip, "set", name, "up"], check=True)

    def add_host(self, name="b"):
        host = self.host_class(self, name, len(self.hosts) + 1, Namespace(name))
        host.plug()
        self.hosts.append(host)
        return host

    def boot(self, *hosts, **server):
        """D-Bus and avahi-daemon on the hosts given, side by side."""
        for host in hosts:
            host.boot(**server)
        for host in hosts:
            host.wait_avahi()

    def start_broker(self, config=None, port=BROKER_PORT):
        """Mosquitto on A, with the configuration that the project ships unless another one is given."""
        path = TMP / "mosquitto.conf"
        path.write_text(f"user {self.broker_user}\nlog_dest stderr\n" + (config or SHIPPED.read_text()))
        self.broker = self.a.start("broker", "mosquitto", "-c", path)
        wait_until(lambda: listens(port) or not self.broker.alive(), "the broker's port")
        assert self.broker.alive(), f"mosquitto: {self.broker.text()}"

    @staticmethod
    def write_config(config):
        """The bridge's configuration file; always one of ours, whatever /etc holds."""
        path = TMP / "bridge.conf"
        path.write_text(config if isinstance(config, str) else ini(config))
        return path

    def start_bridge(self, config=None, *args, wrapper=(), env=None, **options):
        """Starts the bridge on A with {section: {key: value}} and command line options."""
        path = self.write_config(config or {})
        self.bridge = self.a.start("bridge", *wrapper, os.environ["BRIDGE"], "--config", path,
                                   "--log-level", "debug", *args, env=env, **options)
        return self.bridge
