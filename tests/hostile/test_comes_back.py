"""What has ended does not come back, whatever becomes of the broker and of the connection to it; what is asked for
anew does."""
import json
import signal

import e2e  # noqa: F401
import world
from adverts import NO_PORT_CHECK, PERSISTENT, AdvertCase
from gate import Gate
from lan import BusWatch
from process import wait_until
from hostile import saved

SAVES_WHEN_TOLD = PERSISTENT.replace("autosave_interval 1\n", "autosave_interval 3600\n").replace(
    "autosave_on_changes true\n", "")


class ComesBack(AdvertCase):
    def boot_gate(self, broker=None):
        """The bridge reaches the broker through a gate; web/app is established."""
        self.gate = Gate()
        self.watch, self.view = self.boot_lan(
            broker=broker, config={"broker": {"url": self.gate.url}, **NO_PORT_CHECK})
        self.bus = BusWatch(self.a)
        self.web = self.container("web", repeats=False)
        self.web.wish("app", "Web app")
        self.watch.established("web/app")
        self.view.sees("Web app")

    def does_not_come_back(self, since):
        """It is cleared at the broker, and was never advertised again."""
        self.watch.online(since=since, timeout=30)
        wait_until(lambda: not self.requests_at_broker() or len(self.bus.added()) > 1, "the request is cleared")
        self.marker(self.watch, self.b)
        self.assertEqual(self.bus.added(), ["Web app"])
        self.assertEqual([str(m) for m in self.watch.statuses("web/app", since)
                          if m.state in ("pending", "established") and not m.retain], [])
        wait_until(lambda: "Web app" not in self.view.names(), "what was withdrawn is gone for others, too")
        wait_until(lambda: not self.requests_at_broker() and not self.statuses_at_broker(), "nothing is left of it")


class BrokerForgets(ComesBack):
    """It is killed, and what it has on disk is older than what the bridge knows."""

    def boot_saved(self):
        self.boot_gate(SAVES_WHEN_TOLD)
        self.lab.broker.send(signal.SIGUSR1)
        wait_until(lambda: b'"Web app"' in saved(), "it is on disk")

    def kill_broker(self):
        self.watch.strict = False  # it, too, is told what is true no more
        mark = self.restart_broker(self.watch, self.lab.broker.kill, SAVES_WHEN_TOLD)
        self.assertIn(b'"Web app"', saved())
        return mark

    def test_withdrawn(self):
        self.boot_saved()
        self.web.withdraw("app")
        self.watch.ended("web/app", "requested", retained=False)
        self.does_not_come_back(self.kill_broker())

    def test_offline(self):
        """What the broker remembers of the client says `online`."""
        self.boot_saved()
        self.web.die()
        self.watch.ended("web/app", "client-offline")
        self.does_not_come_back(self.kill_broker())


class AskedAnew(ComesBack):
    """The broker ends in good order, and forgets nothing."""

    def ask_again(self, **more):
        self.boot_gate(SAVES_WHEN_TOLD)
        self.web.withdraw("app")
        self.watch.ended("web/app", "requested", retained=False)
        self.gate.shut()
        mark = self.restart_broker(self.watch, self.lab.broker.stop, SAVES_WHEN_TOLD)
        self.web.wait_connected()
        self.web.wish("app", "Web app", **more)
        self.gate.open()
        self.watch.established("web/app", since=mark, timeout=30)
        self.view.sees("Web app")
        self.watch.online(since=mark, timeout=30)
        self.marker(self.watch, self.b)
        self.assertEqual(set(self.requests_at_broker()), {"web/app"})
        self.assertEqual(self.statuses_at_broker()["web/app"]["state"], "established")

    def test_the_same(self):
        self.ask_again()

    def test_another(self):
        self.ask_again(port=81)

    def test_the_connection_alone(self):
        """The broker was there all the time."""
        self.boot_gate()
        self.web.withdraw("app")
        self.watch.ended("web/app", "requested", retained=False)
        mark = self.watch.mark()
        self.gate.cut()
        self.web.wish("app", "Web app")
        self.gate.open()
        self.watch.established("web/app", since=mark, timeout=30)
        self.view.sees("Web app")


class CutOff(ComesBack):
    """The connection is lost when the end was said, and the request not yet cleared."""

    def cut(self, reason, end):
        self.boot_gate()
        self.gate.holds_behind = b'"withdrawn"'
        end()
        self.watch.status("web/app", state="withdrawn", reason=reason)
        mark = self.watch.mark()
        self.gate.cut()
        self.assertEqual({o: json.loads(r)["name"] for o, r in self.requests_at_broker().items()},
                         {"web/app": "Web app"})
        self.gate.open()
        self.does_not_come_back(mark)

    def test_offline(self):
        """Said in a message that was not retained: nothing at the broker tells that the client is gone."""
        self.cut("client-offline", lambda: self.web.say(self.web.presence_topic, b"offline", retain=False))

    def test_withdrawn(self):
        """By a message that was not retained: it is for the bridge to clear the request."""
        self.cut("requested", lambda: self.web.say(self.web.topic("app"), b"", retain=False))


if __name__ == "__main__":
    world.main()
