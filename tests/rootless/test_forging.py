"""What a container of one user cannot do to the bridge, to others, and to what they see: the broker refuses
it, or the bridge answers it, and nothing else is disturbed."""
import re

import machine
import observer
from granted import BRIDGE_CONFIG, BROKER_ETC, LABA, LABB, GrantedCase, client, grant, publish, request
from rootless import socket_of

OFFLINE = '{"v":1,"state":"offline"}'


class Forging(GrantedCase):
    def boot_with_a_neighbour(self, *grants, **options):
        """laba and labb may both advertise; labb does."""
        self.boot_granted(*(grants or (("laba", "advertise"), ("labb", "advertise"))), **options)
        self.assertTrue(publish(LABB, "mdns/advertise/labb/app", request("Web of labb"), "-r"))
        self.watch.established("labb/app")
        self.view.sees("Web of labb")
        self.watch.bridge_state(services=1, advertised=1)  # the bridge has no more to say of it

    def refused(self, topic, payload, user=LABA, options=("-r",), socket=None):
        """The broker says so, nobody hears of it, and nothing of it is kept."""
        mark = self.watch.mark()
        self.assertFalse(publish(user, topic, payload, *options, socket=socket), f"{topic} was accepted")
        self.settle()
        self.assertEqual([str(m) for m in self.heard(topic, mark)], [])

    def unharmed(self):
        """Bridge and neighbour are as they were."""
        self.assertTrue(self.lab.bridge.alive())
        self.view.sees("Web of labb")
        self.assertNotIn("Web of labb", self.view.lost())
        states = [m.record["state"] for m in self.watch.messages if m.topic == "mdns/bridge/state" and m.record]
        self.assertEqual(states[-1], "online")

    def test_topics(self):
        """Another's branch and presence, the bridge's records of every kind, and all that is deeper, higher
        or beside what is one's own."""
        self.boot_with_a_neighbour()
        status = self.watch.status("labb/app")
        for topic in ("mdns/advertise/labb/app", "mdns/advertise/labb/new", "mdns/client/labb",
                      "mdns/advertise/labb/app/status", "mdns/advertise/laba/app/status",
                      "mdns/advertise/laba/app/x/y", "mdns/advertise/laba", "mdns/advertise//app",
                      "mdns/advertise/LABA/app", "mdns/client/laba/x", "mdns/client/", "mdns/client",
                      "mdns/service/local/_http._tcp/Web of labb/lan0", "mdns/service/x", "mdns/service",
                      "mdns/bridge/state", "mdns/bridge/stats", "mdns/bridge/x", "mdns/bridge", "mdns",
                      "mdns/", "/mdns/advertise/laba/app", "mdns/x", "x", "$SYS/broker/version",
                      "mdns/advertise/laba/../labb/app"):
            with self.subTest(topic):
                self.refused(topic, request("Forged"))
        self.refused("mdns/advertise/labb/app", None)
        self.refused("mdns/client/labb", "offline")
        self.refused("mdns/bridge/state", OFFLINE)
        self.unharmed()
        self.assertEqual(self.watch.status("labb/app"), status)

    def test_empty_and_dotted_levels(self):
        """The broker has no opinion on a level of its user's own branch; the bridge takes names only."""
        self.boot_with_a_neighbour()
        for ident in ("", "..", ".", "a b", "ümlaut", "x" * 65, "%2e%2e"):
            with self.subTest(ident):
                mark = self.watch.mark()
                self.assertTrue(publish(LABA, f"mdns/advertise/laba/{ident}", request("Forged"), "-r"))
                self.settle()
        self.unharmed()
        self.assertNotIn("Forged", self.view.names())
        topics = [t for t in observer.snapshot("mdns/advertise/laba/#") if not t.endswith("/status")]
        self.assertEqual(topics, [])

    def test_wills(self):
        """A will is a message like any other: on a foreign topic nobody hears of it."""
        self.boot_with_a_neighbour()
        for topic, payload in (("mdns/client/labb", "offline"), ("mdns/bridge/state", OFFLINE),
                               ("mdns/advertise/labb/app", "x"), ("mdns/advertise/labb/app/status", "x"),
                               ("mdns/client/laba", "offline")):
            mark = self.watch.mark()
            subscriber = LABA.start("dying", "mosquitto_sub", "-V", "5", "-d", "--unix", socket_of(LABA), "-t",
                                    "mdns/bridge/state", "--will-topic", topic, "--will-payload", payload,
                                    "--will-qos", "1", "--will-retain")
            subscriber.wait_log("SUBACK")
            subscriber.kill()
            own = topic == "mdns/client/laba"
            if own:  # the last one: the others had their time
                self.watch.message(lambda m: m.topic == topic and m.payload == b"offline", "the own will", mark)
            else:
                self.settle()
                self.assertEqual(self.heard(topic, mark), [])
        self.unharmed()

    def test_sockets(self):
        """Another user's socket, the bridge's, and a socket put in place of one's own."""
        self.boot_with_a_neighbour()
        for socket in (socket_of(LABB), "/run/mdns-mqtt-broker/mqtt.sock"):
            done = client(LABA, "mosquitto_pub", "-t", "mdns/advertise/labb/app", "-m", "x", socket=socket)
            self.assertIn("Permission denied", done.stderr)
        for command in (["rm", "-f", socket_of(LABA)], ["mv", socket_of(LABA).parent, "/tmp/x"],
                        ["touch", socket_of(LABA).parent / "x"], ["chmod", "777", socket_of(LABA).parent],
                        ["ls", "/run/mdns-mqtt"]):
            self.assertNotEqual(LABA.run(*command, check=False).returncode, 0, command)
        self.assertTrue(socket_of(LABA).is_socket())
        self.unharmed()

    def test_user_names(self):
        """Who gives a user name gets less for it, not more."""
        self.boot_with_a_neighbour()
        for name in ("labb", "bridge", "mdns-mqtt", "root", "mosquitto", "laba", "%u", "+", "#"):
            with self.subTest(name):
                for topic in ("mdns/advertise/labb/app", "mdns/bridge/state", "mdns/client/labb"):
                    self.refused(topic, "x", options=("-r", "-u", name))
                    self.refused(topic, "x", options=("-r", "-u", name, "-P", "guess"))
        self.unharmed()

    def test_client_id(self):
        """Who connects with the bridge's client id, however it is known, throws it off and gains nothing. The
        bridge is back at once, and hears what was asked meanwhile."""
        self.boot_with_a_neighbour(config={**BRIDGE_CONFIG, "broker": {**BRIDGE_CONFIG["broker"],
                                                                      "client-id": "the-bridge"}})
        for attempt in range(3):
            mark = self.watch.mark()
            done = client(LABA, "mosquitto_sub", "-i", "the-bridge", "-t", "mdns/#", "-x", "600", "-c", "-W", "1")
            self.assertNotIn(OFFLINE, done.stdout)
            self.assertNotIn("mdns/advertise/labb/app", done.stdout)
            self.watch.bridge_state(state="online", since=mark, timeout=30)
            self.assertTrue(publish(LABB, f"mdns/advertise/labb/{attempt}", request(f"Attempt {attempt}")))
            self.watch.established(f"labb/{attempt}", since=mark)
        self.unharmed()

    def bridge_ids(self):
        """The client ids with which somebody came by the bridge's socket, from the broker's log."""
        return re.findall(r"connected from /run/mdns-mqtt-broker/mqtt.sock\S* as (\S+)", self.lab.broker.text())

    def test_random_client_id(self):
        """Unless it is configured, nobody can know it: each life of the bridge has another one of 128 bits,
        and the broker does not tell."""
        grant("laba", "advertise")
        configuration = BROKER_ETC / "mosquitto.conf"
        configuration.write_text(configuration.read_text().replace("connection_messages false", ""))
        self.boot_with_a_neighbour()
        seen = client(LABA, "mosquitto_sub", "-t", "$SYS/#", "-t", "#", "-v", "-W", "1").stdout
        self.bridges[0].stop()
        mark = self.watch.mark()
        self.start_bridge(BRIDGE_CONFIG)
        self.watch.online(since=mark)
        ids = self.bridge_ids()
        self.assertEqual(len(set(ids)), 2, ids)
        for ident in ids:
            self.assertRegex(ident, "[0-9a-f]{32}")
            self.assertNotIn(ident, seen)
        self.assertNotIn("$SYS", seen)

    def test_sees_only_what_it_may(self):
        """Subscribed to everything, a user sees services, the bridge, and what is the user's own."""
        self.boot_with_a_neighbour()
        self.settle()
        done = client(LABA, "mosquitto_sub", "-t", "#", "-t", "$SYS/#", "-F", "%t", "-W", "2")
        levels = {"/".join(t.split("/")[:3]) if "/advertise/" in t or "/client/" in t else
                  "/".join(t.split("/")[:2]) for t in done.stdout.splitlines()}
        self.assertLessEqual({"mdns/service", "mdns/bridge"}, levels)
        self.assertLessEqual(levels, {"mdns/service", "mdns/bridge", "mdns/advertise/laba", "mdns/client/laba"})

    def test_observer(self):
        """Who may observe cannot advertise: nothing of it reaches anybody."""
        self.boot_with_a_neighbour(("laba", "advertise"), ("labb", "advertise"))
        grant("labb", "observe")
        self.watch.ended("labb/app", None, timeout=30)
        self.view.forgets("Web of labb")
        for topic in ("mdns/advertise/labb/app", "mdns/client/labb", "mdns/advertise/laba/app"):
            self.refused(topic, request("Forged"), user=LABB)
        self.assertIn('"online"', client(LABB, "mosquitto_sub", "-t", "mdns/bridge/state", "-C", "1").stdout)
        self.assertEqual([t for t in observer.snapshot("mdns/advertise/#") if "/labb/" in t], [])
        self.assertNotIn("Forged", self.view.names())


if __name__ == "__main__":
    machine.main()
