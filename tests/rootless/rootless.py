"""The lab of these tests: each daemon as the user that it is meant to run as, and a socket for each person.

Host A and the others are those of tests/e2e/lab.py, but D-Bus and avahi-daemon have the system's own
configuration and users, Mosquitto drops to its user, and the bridge is started as an unprivileged one.
"""
import pathlib
import pwd
import shutil
import subprocess

import e2e  # noqa: F401
from adverts import AdvertCase
from devices import AvahiPublish
from lab import Host, Lab
from machine import BRIDGE, LABA, LABB
from process import wait_until

SOCKETS = pathlib.Path("/run/mdns-mqtt")
# What a person's containers may do: see what is there, and ask below the person's own name.
ACL = """topic read mdns/service/#
topic read mdns/bridge/state
topic read mdns/advertise/{user}/#
topic write mdns/advertise/{user}/+
topic readwrite mdns/client/{user}
"""
# The bridge and the test itself come in by TCP here.
BROKER = """per_listener_settings true
max_queued_messages 200000
set_tcp_nodelay true
listener 1883 127.0.0.1
allow_anonymous true
"""
LISTENER = """listener 0 {socket}
allow_anonymous true
acl_file {acl}
"""


def inner_folder(user):
    """What containers of this user mount."""
    return SOCKETS / user.name / "s"


def socket_of(user):
    return inner_folder(user) / "mqtt.sock"


def make_sockets(*users, container_uids=(1000,)):
    """The folders, with the rights that let a person and the person's containers open the socket, and
    nobody else; the ACL files; returns the broker's configuration. deploy/grant does it better: granted.py."""
    broker = pwd.getpwnam("mosquitto")
    config = BROKER
    for user in users:
        inner = inner_folder(user)
        for folder, mode in ((SOCKETS, 0o711), (inner.parent, 0o700), (inner, 0o755)):
            folder.mkdir(exist_ok=True)
            folder.chmod(mode)
            shutil.chown(folder, broker.pw_uid, broker.pw_gid)
        entries = [f"d:u:{uid}:rw" for uid in (user.uid, *map(user.container_uid, container_uids))]
        subprocess.run(["setfacl", "-m", f"u:{user.uid}:x", inner.parent], check=True)
        subprocess.run(["setfacl", "-m", ",".join(entries), inner], check=True)
        acl = pathlib.Path("/etc/mosquitto", f"mdns-mqtt-{user.name}.acl")
        acl.write_text(ACL.format(user=user.name))
        config += LISTENER.format(socket=socket_of(user), acl=acl)
    return config


class RealHost(Host):
    """A host whose daemons run as the system starts them."""

    avahi_options = ()

    def bus_option(self):
        return "--system"


class RealLab(Lab):
    host_class = RealHost
    broker_user = "mosquitto"

    def start_bridge(self, config=None, *args, **options):
        """As the bridge's own user, with no rights and no way to get any."""
        as_user = ["setpriv", f"--reuid={BRIDGE.name}", f"--regid={BRIDGE.name}", "--init-groups",
                   "--no-new-privs"]
        return super().start_bridge(config, *args, wrapper=as_user, **options)


class RootlessCase(AdvertCase):
    """One test with A, on which laba and labb have sockets, and B on the same LAN."""

    lab_class = RealLab
    limit = 2 * AdvertCase.limit

    def boot_people(self, config=None, broker=None):
        """Starts it all. B offers "Printer on B" and browses for web servers (self.view). Returns the
        observer; the bridge is online, and what B offers is known."""
        self.broker_config = broker or make_sockets(LABA, LABB)
        self.b = self.lab.add_host("b")
        self.lab.start_broker(self.broker_config)
        self.lab.boot(self.a, self.b)
        self.watch, self.view = self.look_on()
        AvahiPublish(self.b, "Printer on B", "_ipp._tcp", 631, "rp=ipp/print")
        self.start_bridge(config)
        self.watch.online()
        self.watch.service("Printer on B")
        return self.watch
