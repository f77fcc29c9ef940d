"""avahi-publish and the tool under its name, on the same host: the same words, the same exit codes."""
import signal

import tool
import world
from adverts import NO_PORT_CHECK, AdvertCase
from observer import publish
from process import Process
from tool import OFFLINE

LONG = "x" * 64
# What comes to its end by itself: the name of the program, and its arguments.
MISTAKES = [
    ("avahi-publish", "Web", "_http._tcp", "80"),
    ("avahi-publish", "-s"),
    ("avahi-publish", "-s", "Web", "_http._tcp"),
    ("avahi-publish", "-s", "Web", "_http._tcp", "http"),
    ("avahi-publish", "-s", "Web", "_http._tcp", "65536"),
    ("avahi-publish", "-s", "Web", "_http._tcp", "--", "-1"),
    ("avahi-publish", "-s", "Web", "http._tcp", "80"),
    ("avahi-publish", "-s", "", "_http._tcp", "80"),
    ("avahi-publish", "-s", LONG, "_http._tcp", "80"),
    ("avahi-publish", "-s", "--subtype=_p", "Web", "_http._tcp", "80"),
    ("avahi-publish-service",),
    ("avahi-publish-service", "Web"),
]
OPTIONS = [("-q",), ("--bogus",), ("-d",)]  # getopt's own words are another's
HELP = [("-h",), ("-V",)]
# What runs until it is ended.
RUNS = [
    ("avahi-publish-service", "NAME", "_http._tcp", "8080"),
    ("avahi-publish", "-s", "NAME", "_http._tcp", "0x50", "path=/", "bare"),
    ("avahi-publish", "NAME", "-s", "_ipp._tcp", "631", "--subtype=_printer._sub._ipp._tcp", "-d", "local"),
    ("avahi-publish-service", "-f", "NAME", "_sub-1._udp", "1"),
]


class Publish(AdvertCase):
    def both(self, case, theirs="Web one", ours="Web two"):
        """Avahi's and ours, started: each has a name of its own."""
        program, *args = case
        return [Process("avahis", [program, *[a.replace("NAME", theirs) for a in args]]),
                self.ours(program, *[a.replace("NAME", ours) for a in args])]

    @staticmethod
    def ours(program, *args):
        return tool.Tool(*args, name=program, env={"MDNS_MQTT_CLIENT": "web"})

    def assert_same(self, runs, ours="Web two", theirs="Web one"):
        ends = [(run.wait_end(), run.text().replace(ours, theirs)) for run in runs]
        self.assertEqual(ends[0], ends[1], runs[1].popen.args)

    def test_mistakes(self):
        """What comes to nothing: the same word, the same code."""
        self.boot(config=NO_PORT_CHECK)
        for case in MISTAKES:
            self.assert_same(self.both(case))
        for options in OPTIONS + HELP:
            theirs, ours = self.both(("avahi-publish-service", *options))
            self.assertEqual(theirs.wait_end(), ours.wait_end(), options)
            self.assertTrue(ours.text(), options)

    def test_runs(self):
        """Established, until INT or TERM; the same on the LAN."""
        watch, _ = self.boot_lan("_http._tcp", "_ipp._tcp", "_printer._sub._ipp._tcp", "_sub-1._udp")
        pairs = [self.both(case, f"one {i}", f"two {i}") for i, case in enumerate(RUNS)]
        for i, runs in enumerate(pairs):
            for run in runs:
                run.wait_log("Established under name")
            records = [watch.service(name, protocols=["IPv4", "IPv6"]) for name in (f"one {i}", f"two {i}")]
            for key in ("type", "port", "txt", "host", "addresses"):
                self.assertEqual(records[0][key], records[1][key], f"{key} of {RUNS[i]}")
        self.views["_printer._sub._ipp._tcp"].sees("one 2", "two 2")
        mark = watch.mark()
        for i, runs in enumerate(pairs):
            for run in runs:
                run.send(signal.SIGINT if i % 2 else signal.SIGTERM)
            self.assert_same(runs, f"two {i}", f"one {i}")
            for name in (f"one {i}", f"two {i}"):
                watch.cleared(name, mark)

    def test_other_ends(self):
        """By HUP and QUIT, which Avahi's is killed by: the same to a shell."""
        self.boot(config=NO_PORT_CHECK)
        for number in (signal.SIGHUP, signal.SIGQUIT):
            runs = self.both(("avahi-publish", "-s", "NAME", "_http._tcp", "80"))
            for run in runs:
                run.wait_log("Established under name")
                run.send(number)
            self.assertEqual([run.wait_end() for run in runs], [-number, 128 + number])

    def test_subtype_of_another_type(self):
        """Avahi takes it; the bridge has no such thing, and advertises the rest."""
        watch = self.boot(config=NO_PORT_CHECK)
        runs = self.both(("avahi-publish", "-s", "--subtype=_pp._sub._ipp._tcp", "--subtype=_qq._sub._http._tcp",
                          "NAME", "_http._tcp", "80"))
        for run in runs:
            run.wait_log("Established under name")
        self.assertIn("subtype '_pp._sub._ipp._tcp' is left out", runs[1].text())
        watch.service("Web two")
        for run in runs:
            self.assertEqual(run.stop(), 0)

    def test_name_is_taken(self):
        """Somebody else on the LAN has it: both take the next one."""
        watch, _ = self.boot_lan()
        self.on_b_first(watch, "Web one", "Web two")
        runs = self.both(("avahi-publish", "-s", "NAME", "_http._tcp", "80"))
        for run in runs:
            run.wait_log("Established under name 'Web")
            run.send(signal.SIGTERM)
        self.assertIn("Name collision, picking new name 'Web two #2'.", runs[1].text())
        self.assert_same(runs)

    def test_refused(self):
        """What Avahi's can and a container cannot, and who may not: said clearly, and 1."""
        self.boot(config={"advertise": {"port-check": "off", "ports": "80"}})
        for program, args, text in (
                ("avahi-publish-address", ["box.local", "10.0.0.1"], "services and no addresses"),
                ("avahi-publish", ["-a", "box.local", "10.0.0.1"], "services and no addresses"),
                ("avahi-publish", ["-s", "-H", "box.local", "Web", "_http._tcp", "80"], "its own host only"),
                ("avahi-publish", ["-s", "-d", "example.com", "Web", "_http._tcp", "80"], "`local` only"),
                ("avahi-publish", ["-s", "Web", "_http._tcp", "0"], "port"),
                ("avahi-publish", ["-s", "Web", "_http._tcp", "80", "=x"], "txt"),
                ("avahi-publish", ["-s", "Web", "_http._tcp", "81"], "Failed to register: port: 81 is not allowed"),
                ("avahi-publish", ["-s", "Web", "_http._tcp", "80", "--prefix", "other"], "the bridge is not online")):
            run = self.ours(program, *args)
            self.assertEqual((run.wait_end(), text in run.text()), (1, True), f"{args}: {run.text()}")

    def test_who_is_away(self):
        """Without broker and daemon, and when they go: the end, but with -f."""
        ours = self.ours("avahi-publish", "-s", "Web", "_http._tcp", "80")
        theirs = Process("avahis", ["avahi-publish", "-s", "Web", "_http._tcp", "80"])
        self.assertEqual((theirs.wait_end(), ours.wait_end()), (1, 1))
        for run in (theirs, ours):
            self.assertIn("Failed to create client object: ", run.text())
        self.lab.start_broker()
        self.assert_waits_for_start()
        self.lab.broker.stop()
        patient = self.ours("avahi-publish", "-fv", "-s", "Patient", "_http._tcp", "80")
        patient.wait_log("trying again")
        self.boot(config=NO_PORT_CHECK)
        patient.wait_log("Established under name 'Patient'")
        self.assertIn("Waiting for daemon ...", patient.text())
        runs = self.both(("avahi-publish", "-s", "NAME", "_http._tcp", "80"))
        for run in runs:
            run.wait_log("Established under name")
        self.a.avahi.stop()
        self.lab.broker.kill()
        self.assertEqual(runs[0].wait_end(), runs[1].wait_end())
        for run in runs:
            self.assertTrue(run.text().endswith("Client failure, exiting: Daemon connection failed\n"), run.text())
        patient.wait_log("Disconnected, reconnecting ...")
        self.assertEqual(patient.stop(), 0)
        self.assertTrue(patient.text().endswith("Got SIGTERM, quitting.\n"))

    def assert_waits_for_start(self):
        """A bridge that is starting takes its time, and is no error before it goes."""
        publish("mdns/bridge/state", OFFLINE.replace("offline", "starting"), True)
        waiting = self.ours("avahi-publish", "-v", "-s", "Web", "_http._tcp", "80")
        waiting.wait_log("Server version")
        other = tool.Tool("advertise", "--client", "web", "--name", "Other", "--type", "_http._tcp", "--port", "80")
        other.wait_log("there is no bridge that is online")
        self.assertEqual(other.stop(), 0)
        self.assertTrue(waiting.alive(), waiting.text())
        publish("mdns/bridge/state", OFFLINE, True)
        self.assertEqual(waiting.wait_end(), 1)
        self.assertIn("the bridge is not online", waiting.text())


if __name__ == "__main__":
    world.main()
