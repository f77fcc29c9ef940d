"""The lab of these tests: each daemon as the user that it is meant to run as.

Host A and the others are those of tests/e2e/lab.py, but D-Bus and avahi-daemon have the system's own
configuration and users, Mosquitto drops to its user, and the bridge is started as an unprivileged one.
"""
import pathlib

import e2e  # noqa: F401
from adverts import AdvertCase
from devices import AvahiPublish
from lab import Host, Lab
from machine import BRIDGE

SOCKETS = pathlib.Path("/run/mdns-mqtt")


def inner_folder(user):
    """What containers of this user mount."""
    return SOCKETS / user.name / "s"


def socket_of(user):
    return inner_folder(user) / "mqtt.sock"


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
    """One test with A and, on the same LAN, B."""

    lab_class = RealLab
    limit = 2 * AdvertCase.limit

    def add_printer(self):
        """B offers "Printer on B", and the bridge knows it."""
        AvahiPublish(self.b, "Printer on B", "_ipp._tcp", 631, "rp=ipp/print")
        self.watch.service("Printer on B")
