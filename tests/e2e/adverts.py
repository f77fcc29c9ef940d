"""What the tests of advertising have in common: an observer who knows of statuses, clients, onlookers."""
import json
import signal

import observer
from case import Case
from containers import Container
from devices import AvahiPublish, Raw, service
from lan import AvahiBrowse
from process import wait_until

NO_PORT_CHECK = {"advertise": {"port-check": "off"}}
PERSISTENT = """listener 1883 127.0.0.1
allow_anonymous true
max_queued_messages 200000
set_tcp_nodelay true
persistence true
persistence_location /tmp/
autosave_interval 1
autosave_on_changes true
"""


class AdvertObserver(observer.Observer):
    """Knows its way about statuses. An owner is "CLIENT/ID"."""

    def request_topic(self, owner):
        return f"{self.prefix}/advertise/{owner}"

    def status_topic(self, owner):
        return self.request_topic(owner) + "/status"

    def statuses(self, owner, since=0):
        """All messages at its status topic."""
        return [m for m in self.since(since) if m.topic == self.status_topic(owner)]

    def status(self, owner, since=0, timeout=15.0, check=lambda record: True, **wanted):
        """A status with these values, waited for."""
        topic = self.status_topic(owner)
        return self.message(lambda m: m.topic == topic and m.record and check(m.record)
                            and all(m.record.get(k) == v for k, v in wanted.items()),
                            f"status of {owner} with {wanted}", since, timeout).record

    def established(self, owner, since=0, timeout=15.0, **wanted):
        return self.status(owner, since, timeout, state="established", **wanted)

    def failed(self, owner, code, key=None, since=0, timeout=15.0, **wanted):
        """A failed status with this code, and, where one is given, this key."""
        return self.status(owner, since, timeout, **wanted, check=lambda r: r["state"] == "failed"
                           and r["error"]["code"] == code and key in (None, r["error"].get("key")))

    def warned(self, owner, *codes, since=0, timeout=15.0, **wanted):
        """A status with exactly these warnings."""
        return self.status(owner, since, timeout, **wanted, check=lambda r:
                           [w["code"] for w in r.get("warnings", [])] == list(codes))

    def ended(self, owner, reason, since=0, timeout=15.0, retained=True):
        """It is withdrawn, for this reason (or any, with None), then forgotten, and its retained request
        is cleared."""
        self.status(owner, since, timeout, state="withdrawn", **({"reason": reason} if reason else {}))
        topic = self.status_topic(owner)
        self.message(lambda m: m.topic == topic and not m.payload, f"status of {owner} cleared", since,
                     timeout)
        if retained:
            self.message(lambda m: m.topic == self.request_topic(owner) and not m.payload,
                         f"request of {owner} cleared", since, timeout)
        said = [m.state for m in self.statuses(owner, since)]
        assert said[-2:] == ["withdrawn", None] and said.count("withdrawn") == 1, f"{owner}: {said}"

    def owned(self, owner, name, since=0, timeout=15.0, **wanted):
        """The bridge's own record of an advertisement."""
        return self.service(name, since, timeout, owner=owner, local=True, **wanted)

    def settled_statuses(self):
        """What is known now of each request: {owner: state}."""
        with self.changed:
            return {"/".join(t.split("/")[-3:-1]): r["state"] for t, r in self.tree.items()
                    if t.endswith("/status")}


class AdvertCase(Case):
    """One test; `containers` are ended with it."""

    def setUp(self):
        super().setUp()
        self.containers = []

    def tearDown(self):
        super().tearDown()
        for container in self.containers:
            container.leave()

    def observe(self, **options):
        self.observers.append(AdvertObserver(**options))
        return self.observers[-1]

    def container(self, name, **options):
        self.containers.append(Container(name, **options))
        return self.containers[-1]

    def boot_lan(self, *kinds, config=None, broker=None, bridge=True):
        """A with everything, B with an avahi-browse for each type. Returns the observer and B's view
        of the first type; all of them are in self.views."""
        self.b = self.lab.add_host("b")
        self.lab.start_broker(broker)
        self.lab.boot(self.a, self.b)
        watch, view = self.look_on(*kinds)
        if bridge:
            self.start_bridge(NO_PORT_CHECK if config is None else config)
            watch.online()
        return watch, view

    def look_on(self, *kinds):
        """The observer, and B's views as boot_lan has them."""
        kinds = kinds or ("_http._tcp",)
        self.views = {kind: AvahiBrowse(self.b, kind) for kind in kinds}
        return self.observe(), self.views[kinds[0]]

    def on_b_first(self, watch, *names):
        """A device on B has these names and defends them. (Avahi does not for a while after it has
        announced a name: it thinks that everybody knows.)"""
        self.device = Raw(self.b)
        self.device.set(*[service(name, port=1234) for name in names])
        for name in names:
            watch.service(name, protocols=["IPv4", "IPv6"])

    def on_a_first(self, watch, *names):
        """Another program on A has these names."""
        for name in names:
            AvahiPublish(self.a, name, "_http._tcp", 1234).established()
            watch.service(name, protocols=["IPv4", "IPv6"])

    def restart_broker(self, watch, end, broker=None, while_away=lambda: None):
        """Ends the broker, starts it again and waits for everybody; returns the mark between the two."""
        end()
        mark, times = watch.mark(), watch.subscribed
        while_away()
        self.lab.start_broker(broker)
        watch.wait(lambda: watch.subscribed > times, "the observer is back", 30)
        return mark

    def restart_avahi(self):
        self.a.start_avahi()
        self.a.wait_avahi()

    def requests_at_broker(self):
        """{owner: request} as retained now."""
        tree = observer.snapshot("mdns/advertise/+/+")
        return {t.removeprefix("mdns/advertise/"): p for t, p in tree.items()}

    def statuses_at_broker(self):
        """{owner: record} as retained now."""
        tree = observer.snapshot("mdns/advertise/+/+/status")
        return {t.removeprefix("mdns/advertise/").removesuffix("/status"): json.loads(p)
                for t, p in tree.items()}

    def reload(self, bridge, config):
        """SIGHUP with another configuration, and until it was read."""
        said = len(bridge.text())
        self.lab.write_config(config)
        bridge.send(signal.SIGHUP)
        wait_until(lambda: "read again" in bridge.text()[said:], "the configuration was read again")

