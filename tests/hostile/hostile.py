"""What the tests of hostile clients have in common: those clients, and a look at the bridge that adds no load.

An observer of all of PREFIX would get the whole flood, too. So these tests ask the broker for what is retained.
"""
import json
import pathlib
import subprocess
import sys

import e2e  # noqa: F401
import observer
from adverts import NO_PORT_CHECK, AdvertCase
from process import Process, wait_until

HERE = pathlib.Path(__file__).resolve().parent
ANSWERS = 64  # to requests without an account, retained at most
BROKER = """listener 1883 127.0.0.1
allow_anonymous true
max_queued_messages {queue}
set_tcp_nodelay true
sys_interval 1
connection_messages false
"""
REQUEST = '{"name":"Flood","type":"_http._tcp","port":80}'


def broker(queue=200000):
    """A configuration with room for so many messages that a subscriber has not read yet."""
    return BROKER.format(queue=queue)


def saved():
    """What the broker has on disk."""
    file = pathlib.Path("/tmp/mosquitto.db")
    return file.read_bytes() if file.exists() else b""


def broker_says(counter):
    """A number of the broker's own statistics, at most a second old."""
    done = subprocess.run(["mosquitto_sub", "-C", "1", "-W", "30", "-t", f"$SYS/broker/{counter}"], check=True,
                          stdout=subprocess.PIPE)
    return int(done.stdout.split()[0])


def broker_has_counted():
    """Waits until the broker's statistics are new."""
    before = broker_says("uptime")
    wait_until(lambda: broker_says("uptime") != before, "the broker has counted")


class Flooder(Process):
    """flooder.py with these options: one connection of a client that floods."""

    def __init__(self, client="mad", topic="mdns/advertise/{client}/%d", payload=REQUEST, **options):
        what = {"topic": topic.format(client=client), "payload": payload, **options}
        super().__init__(f"flooder-{client}", [sys.executable, "-B", HERE / "flooder.py", json.dumps(what)],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = self.popen.stdout.readline()
        assert line == b"flooding\n", f"{line}: {self.text()}"

    def finish(self):
        """Waits for the end; returns how many messages the broker has taken."""
        line = self.popen.stdout.readline()
        assert line, f"the flooder failed: {self.text()}"
        self.wait_end()
        return int(line)

    def tell_to_end(self):
        self.popen.stdin.close()

    def leave(self):
        if self.alive():
            self.kill()


class HostileCase(AdvertCase):
    """One test; what floods is ended with it."""

    def tearDown(self):
        for flooder in self.flooders:
            flooder.leave()
        super().tearDown()

    def setUp(self):
        super().setUp()
        self.flooders = []

    def flooder(self, **options):
        self.flooders.append(Flooder(**options))
        return self.flooders[-1]

    def boot_alone(self, config=None, queue=200000, bridge=True):
        """A with everything, nobody else on the LAN, and nobody who listens to all that is said."""
        self.lab.start_broker(broker(queue))
        self.lab.boot(self.a)
        if bridge:
            self.start_bridge({**NO_PORT_CHECK, **(config or {})})
            self.is_online()

    def state(self):
        """The bridge's state record, as retained now; {} where there is none."""
        return json.loads(observer.snapshot("mdns/bridge/state").get("mdns/bridge/state") or "{}")

    def is_online(self, epoch=0, timeout=15.0):
        """Waits until the bridge is online, in another life than that of this epoch; returns the record."""
        last = {}

        def online():
            last.update(self.state())
            return last.get("state") == "online" and last["epoch"] != epoch
        wait_until(online, lambda: f"online, not {last}", timeout)
        return last

    def established_of(self, client):
        """The IDs of a client's requests that are established, as retained now."""
        tree = observer.snapshot(f"mdns/advertise/{client}/+/status")
        return {topic.split("/")[-2] for topic, record in tree.items()
                if json.loads(record)["state"] == "established"}

    def left_of(self, client):
        """(requests, statuses) of a client that are retained now."""
        tree = observer.snapshot(f"mdns/advertise/{client}/#")
        statuses = sum(topic.endswith("/status") for topic in tree)
        return len(tree) - statuses, statuses

    def leaves_little(self, client, requests, timeout=30.0):
        """Waits until at most so many requests are left, and the statuses of these and the last answers."""
        broker_has_counted()
        last = []

        def little():
            if broker_says("retained messages/count") > 1000:  # a look at each would be a load by itself
                last[:] = ["more than 1000"]
                return False
            last[:] = self.left_of(client)
            return last[0] <= requests and last[1] <= requests + ANSWERS
        wait_until(little, lambda: f"{last} requests and statuses of {client} are left", timeout)
