"""What is refused: by the bridge, which says so once, and by the broker, whose ACL may be mended."""
import json
import signal

import e2e  # noqa: F401
import world
from adverts import AdvertCase
from hostile import broker
from lab import TMP
from process import wait_until

OTHERS = """topic read #
topic write mdns/bridge/#
topic write mdns/service/#
topic write mdns/client/+
topic write mdns/advertise/+/+
topic readwrite snapshot/#
"""
STATUSES = "topic write mdns/advertise/+/+/status\n"


class SaidOnce(AdvertCase):
    """The same refusal with the same transaction is not published again."""

    def ask_twice(self, path, code, request, other):
        """Asks for the same thing again; then for another one, whose answer comes behind that of the first."""
        watch, _ = self.boot_lan(config={"advertise": {"port-check": "off", "max-per-client": 1}})
        web = self.container("web")
        web.wish("app", "Web app")
        watch.established("web/app")
        for answer in range(2):
            mark = watch.mark()
            web.say("mdns/advertise/" + path, json.dumps(request).encode())
            if answer == 0:
                watch.failed(path, code)
            watch.message(lambda m: m.topic == "mdns/advertise/" + path and not m.payload, "the request is cleared",
                          mark)
        web.say("mdns/advertise/" + other, json.dumps(request).encode())
        watch.failed(other, code)
        self.assertEqual([m.state for m in watch.statuses(path)], ["failed"])
        return watch, web

    def test_quota(self):
        request = {"name": "More", "type": "_http._tcp", "port": 80, "transaction": "t1"}
        watch, web = self.ask_twice("web/more", "quota", request, "web/other")
        mark = watch.mark()
        web.ask("more", {**request, "transaction": "t2"})
        watch.failed("web/more", "quota", since=mark, transaction="t2")
        self.assertEqual(len(watch.statuses("web/more")), 2)

    def test_bad_topic(self):
        self.ask_twice("web/no name", "bad-topic", {"name": "Bad", "type": "_http._tcp", "port": 80}, "web/none either")


class Acl(AdvertCase):
    """An ACL that lets the bridge publish all but statuses, and is mended while nobody asks for anything."""

    def write_acl(self, text):
        (TMP / "acl").write_text(text)
        (TMP / "acl").chmod(0o644)

    def boot_refused(self, config=None):
        self.write_acl(OTHERS)
        watch, view = self.boot_lan(broker=broker() + "acl_file /tmp/acl\n", config=config)
        watch.strict = False  # what is refused leaves a hole
        return watch, view

    def mend(self):
        self.write_acl(OTHERS + STATUSES)
        self.lab.broker.send(signal.SIGHUP)

    def test_established(self):
        watch, view = self.boot_refused()
        self.container("web").wish("app", "Web app")
        view.sees("Web app")
        watch.owned("web/app", "Web app")
        self.marker(watch, self.b)
        self.assertEqual(watch.statuses("web/app"), [])
        self.mend()
        watch.established("web/app", name="Web app", timeout=25)
        wait_until(lambda: list(self.statuses_at_broker()) == ["web/app"], "it is retained")
        self.assertEqual({m.state for m in watch.statuses("web/app")}, {"established"}, "and nothing that was before")

    def test_answer(self):
        """To a request that there is no room for."""
        watch, _ = self.boot_refused({"advertise": {"port-check": "off", "max-per-client": 1}})
        web = self.container("web")
        web.wish("app", "Web app")
        watch.owned("web/app", "Web app")
        web.wish("more", "More")
        watch.message(lambda m: m.topic == "mdns/advertise/web/more" and not m.payload, "the request is cleared")
        self.marker(watch, self.b)
        self.mend()
        watch.failed("web/more", "quota", timeout=25)


if __name__ == "__main__":
    world.main()
