"""What holds in every rootless container, whatever runs it: it sees the network, it advertises, nobody
else comes in by its socket, and a restart of the broker is not its business."""
import runtimes
from devices import AvahiPublish
from granted import BRIDGE_SOCKET, GrantedCase
from lan import resolves
from machine import LABA, LABB
from rootless import socket_of

# Looks at itself, browses, advertises, and waits for its status. $0 is the name of what it advertises.
PROGRAM = """set -e
echo "uid $(id -u)"
grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status
if touch /probe 2>/dev/null; then echo "the root file system can be written to"; fi
hear() { mosquitto_sub -V 5 --unix "$MQTT_SOCKET" -q 1 -W 15 -C 1 -t "$1"; }
hear 'mdns/service/+/_ipp._tcp/#'
mosquitto_pub -V 5 --unix "$MQTT_SOCKET" -q 1 -r -t "mdns/advertise/laba/$0" \
    -m '{"name":"Web '"$0"'","type":"_http._tcp","port":8080,"txt":{"path":"/"}}'
until hear "mdns/advertise/laba/$0/status" | grep '"state":"established"'; do sleep 0.1; done
"""
WATCHER = 'exec mosquitto_sub -V 5 --unix "$MQTT_SOCKET" -q 1 -t "mdns/service/+/_ipp._tcp/#"'
NO_RIGHTS = ("CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1")


class WayIn(GrantedCase):
    """Boot with one runtime, and the steps of the story."""

    def boot_people(self):
        """The broker that deploy/grant makes; laba may advertise. B has a printer, which is known."""
        self.boot_granted(config={"broker": {"url": f"unix://{BRIDGE_SOCKET}"}})
        AvahiPublish(self.b, "Printer on B", "_ipp._tcp", 631, "rp=ipp/print")
        self.watch.service("Printer on B")

    def restart(self):
        """The broker ends and starts again; returns the mark between the two."""
        mark, times = self.watch.mark(), self.watch.subscribed
        self.assertEqual(self.lab.broker.stop(), 0)
        self.start_broker()
        self.watch.wait(lambda: self.watch.subscribed > times, "the observer is back", 30)
        return mark

    def boot_runtime(self, runtime):
        reason = runtimes.why_not(runtime)
        if reason:
            self.skipTest(reason)
        self.runtime = runtime
        self.boot_people()
        runtime.get_ready()

    def whole_story(self, runtime):
        self.boot_runtime(runtime)
        self.browse_and_advertise()
        self.closed_to_others()
        self.broker_restart()

    def browse_and_advertise(self):
        """As root and as uid 1000 in the container, and without any right there."""
        containers = {uid: self.runtime.start(f"program-{uid}", uid, "sh", "-c", PROGRAM, f"by-{uid}")
                      for uid in (0, 1000)}
        for uid, container in containers.items():
            self.assertEqual(container.wait_end(30), 0, container.text())
            said = container.text()
            for line in (f"uid {uid}", *NO_RIGHTS, "Printer on B", '"state":"established"'):
                self.assertIn(line, said)
            self.assertNotIn("written to", said)
            resolves(self.b, f"Web by-{uid}", port=8080, txt={"path=/"})

    def closed_to_others(self):
        """The other person on this host gets into neither the socket nor the folder."""
        refused = LABB.run("mosquitto_sub", "--unix", socket_of(LABA), "-t", "mdns/#", "-W", "5", check=False)
        self.assertIn("Permission denied", refused.stderr)
        self.assertNotEqual(LABB.run("ls", socket_of(LABA).parent, check=False).returncode, 0)

    def broker_restart(self, *watchers):
        """Running containers, these and a few more, hear of what comes after it, and what containers had
        asked for stands."""
        watchers = [*watchers, *(self.runtime.start(f"watcher-{uid}", uid, "sh", "-c", WATCHER)
                                 for uid in (0, 1000))]
        for watcher in watchers:
            watcher.wait_log("Printer on B")
        self.restart()
        AvahiPublish(self.b, "New printer", "_ipp._tcp", 632)
        for watcher in watchers:
            watcher.wait_log("New printer", 30)
        self.assertEqual(self.view.lost(), [])
