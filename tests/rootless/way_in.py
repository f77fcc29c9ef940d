"""What holds in every rootless container, whatever runs it: it sees the network, it advertises, nobody
else comes in by its socket, and a restart of the broker is not its business."""
from devices import AvahiPublish
from granted import BRIDGE_SOCKET, GrantedCase
from lan import resolves
from machine import LABA, LABB
from rootless import socket_of
from runtimes import why_not

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
        self.boot_granted(("laba", "advertise"), config={"broker": {"url": f"unix://{BRIDGE_SOCKET}"}})
        self.add_printer()

    def restart(self):
        """The broker ends and starts again; returns the mark between the two."""
        mark, times = self.watch.mark(), self.watch.subscribed
        self.assertEqual(self.lab.broker.stop(), 0)
        self.start_broker()
        self.watch.wait(lambda: self.watch.subscribed > times, "the observer is back", 30)
        return mark

    def boot_runtime(self, *runtimes):
        """Boots, and makes the runtimes ready; skips where one of them cannot be had."""
        for runtime in runtimes:
            reason = why_not(runtime)
            if reason:
                self.skipTest(reason)
        self.boot_people()
        for runtime in runtimes:
            runtime.get_ready()

    def whole_story(self, *runtimes):
        self.boot_runtime(*runtimes)
        self.browse_and_advertise(*runtimes)
        self.closed_to_others()
        self.broker_restart(*self.start_watchers(*runtimes))

    def browse_and_advertise(self, *runtimes):
        """As root and as uid 1000 in the container, and without any right there."""
        containers = {}
        for runtime in runtimes:
            for uid in (0, 1000):
                name = f"{runtime.label}-{uid}"
                containers[name] = runtime.start(name, uid, "sh", "-c", PROGRAM, name)
        for name, container in containers.items():
            self.assertEqual(container.wait_end(30), 0, container.text())
            said = container.text()
            for line in (f"uid {name.split('-')[-1]}", *NO_RIGHTS, "Printer on B", '"state":"established"'):
                self.assertIn(line, said)
            self.assertNotIn("written to", said)
        for name in containers:
            resolves(self.b, f"Web {name}", port=8080, txt={"path=/"})

    def closed_to_others(self):
        """The other person on this host gets into neither the socket nor the folder."""
        refused = LABB.run("mosquitto_sub", "--unix", socket_of(LABA), "-t", "mdns/#", "-W", "5", check=False)
        self.assertIn("Permission denied", refused.stderr)
        self.assertNotEqual(LABB.run("ls", socket_of(LABA).parent, check=False).returncode, 0)

    def start_watchers(self, *runtimes):
        """Containers that print printers for as long as they run."""
        return [runtime.start(f"watcher-{runtime.label}-{uid}", uid, "sh", "-c", WATCHER)
                for runtime in runtimes for uid in (0, 1000)]

    def broker_restart(self, *watchers):
        """Running containers hear of what comes after it, and what containers had asked for stands."""
        for watcher in watchers:
            watcher.wait_log("Printer on B", 30)
        self.restart()
        AvahiPublish(self.b, "New printer", "_ipp._tcp", 632)
        for watcher in watchers:
            watcher.wait_log("New printer", 30)
        self.assertEqual(self.view.lost(), [])
