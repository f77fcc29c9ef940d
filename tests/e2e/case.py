"""What all tests have in common: a lab before, and a strict look at bridge and messages behind."""
import os
import re
import signal
import unittest

from devices import AvahiPublish
from lab import Lab
from observer import Observer

SANITIZER = re.compile(r"(ERROR|WARNING): \w+Sanitizer|runtime error:")


class Case(unittest.TestCase):
    """One test in its own world."""

    lab_class = Lab
    limit = 60 * float(os.environ.get("E2E_SLOW", "1"))  # seconds until it is ended from outside

    def setUp(self):
        self.lab = self.lab_class()
        self.a = self.lab.a
        self.observers, self.bridges = [], []

    def tearDown(self):
        """Whatever the test was about: no bad message was seen, and each bridge ends cleanly."""
        for bridge in self.bridges:
            if bridge.alive():
                bridge.send(signal.SIGCONT)
                self.assertEqual(bridge.stop(), 0, "exit status of the bridge after SIGTERM")
            self.assertIsNone(SANITIZER.search(bridge.text()), "a sanitizer spoke up")
            self.assertIn(bridge.popen.returncode, (0, -signal.SIGKILL), "the bridge crashed")
        for observer in self.observers:
            observer.stop()
            self.assertEqual(observer.wrong[:10], [], "messages that are not as they must be")

    def observe(self, **options):
        self.observers.append(Observer(**options))
        return self.observers[-1]

    def start_bridge(self, config=None, *args, **options):
        """Starts the bridge; tearDown ends it and looks at how it ended."""
        self.bridges.append(self.lab.start_bridge(config, *args, **options))
        return self.bridges[-1]

    def marker(self, watch, host, name="End marker"):
        """Makes another service appear and waits for its record: what came before is complete then."""
        mark = watch.mark()
        publisher = AvahiPublish(host, name, "_marker._tcp", 9)
        watch.service(name, since=mark)
        return publisher

    def avahi_sees(self, *lines):
        """Follows what Avahi on A sees; returns a function that waits until it has seen all the lines
        (of avahi-browse -p, from their start, like "-;lan0;IPv4;Name;")."""
        browse = self.a.start("browse", "avahi-browse", "-apk")

        def wait():
            for line in lines:
                browse.wait_log(line)
            browse.kill()
        return wait

    def avahi_forgets(self, *names):
        """The same, for the goodbye of services: Avahi keeps them for a second."""
        return self.avahi_sees(*[f"-;lan0;{protocol};{name.replace(' ', chr(92) + '032')};"
                                 for name in names for protocol in ("IPv4", "IPv6")])

    def boot(self, *names, bridge=True, config=None, args=(), **avahi):
        """The usual start: A with bus, avahi, broker, observer and bridge, and the other hosts named.

        Returns the observer; the bridge is online. `avahi`: settings of avahi-daemon, on all hosts.
        """
        hosts = [self.lab.add_host(name) for name in names]
        for name, host in zip(names, hosts):
            setattr(self, name, host)
        self.lab.start_broker()
        self.lab.boot(self.a, *hosts, **avahi)
        observer = self.observe()
        if bridge:
            self.start_bridge(config, *args)
            observer.online()
        return observer
