"""Leases: what is not renewed in time ends. The shortest one is 30 s, so this takes its time."""
import json
import time

import world
from adverts import AdvertCase
from process import slow

LEASE = 30


class Lease(AdvertCase):
    limit = 2 * AdvertCase.limit

    def test_expiry(self):
        """Own key, message expiry, the shorter one of both; renewed, and not renewed; retained, and not."""
        watch, view = self.boot_lan()
        web = self.container("web", presence=False)
        start, mark = time.time(), watch.mark()
        web.wish("key", "By key", lease=LEASE)
        web.wish("short", "Too short", lease=1)
        web.wish("expiry", "By expiry", expiry=LEASE)
        web.wish("both", "By both", lease=3600, expiry=LEASE)
        web.wish("other", "By both again", lease=LEASE, expiry=3600)
        web.wish("live", "Not retained", lease=LEASE, retain=False)
        web.wish("renewed", "Renewed", lease=LEASE)
        web.wish("longer", "Made longer", lease=LEASE)
        web.wish("endless", "Made endless", lease=LEASE)
        web.wish("none", "Without", rename=False)
        ends = ["key", "short", "expiry", "both", "other", "live"]
        stays = {"renewed": "Renewed", "longer": "Made longer", "endless": "Made endless", "none": "Without"}
        for ident in ends:
            status = watch.established(f"web/{ident}", lease=LEASE)
            self.assertAlmostEqual(status["expires"], status["time"] + LEASE * 1000, delta=5_000)
        self.assertNotIn("lease", watch.established("web/none"))
        for ident in stays:
            watch.established(f"web/{ident}")
        watch.wait(lambda: len(watch.services()) == len(ends) + len(stays), "all of them")

        web.wish("longer", "Made longer", lease=3600)
        watch.established("web/longer", since=mark, lease=3600)
        web.wish("endless", "Made endless")
        watch.established("web/endless", since=mark, check=lambda r: "lease" not in r)
        renewals = 0
        while not self.becomes_true(watch, lambda: len(watch.settled_statuses()) == len(stays), 10):
            renewals += 1
            self.assertLess(renewals, 12, watch.settled_statuses())
            web.wish("renewed", "Renewed", lease=LEASE, transaction=f"t{renewals}")
            watch.established("web/renewed", since=mark, transaction=f"t{renewals}")
        self.assertGreaterEqual(renewals, 2)
        for ident in ends:
            watch.ended(f"web/{ident}", "lease-expired", since=mark, retained=ident != "live")
            ended = [m for m in watch.statuses(f"web/{ident}") if m.state == "withdrawn"][0].record["time"]
            self.assertGreater(ended, (start + LEASE - 1) * 1000)
            self.assertLess(ended, (start + LEASE + 10 * slow()) * 1000)
        view.sees_only(*stays.values())
        self.assertEqual(set(self.requests_at_broker()), {f"web/{i}" for i in stays})
        for ident in stays:
            self.assertNotIn("withdrawn", [m.state for m in watch.statuses(f"web/{ident}")])

    @staticmethod
    def becomes_true(watch, condition, seconds):
        """Waits until it is true, or for so long, on whatever machine."""
        try:
            return watch.wait(condition, "", seconds / slow())
        except AssertionError:
            return False

    def test_replayed(self):
        """A retained request that is found at the start has one lease time to be renewed."""
        watch, view = self.boot_lan(bridge=False)
        web = self.container("web", presence=False)
        for ident, name in (("one", "Renewed"), ("two", "Abandoned")):
            web.wish(ident, name, lease=LEASE)
        self.start_bridge()
        mark, start = watch.mark(), time.time()
        for ident in ("one", "two"):
            watch.established(f"web/{ident}", lease=LEASE)
        view.sees_only("Renewed", "Abandoned")
        web.wish("one", "Renewed", lease=120)
        watch.established("web/one", since=mark, lease=120)
        watch.ended("web/two", "lease-expired", since=mark, timeout=LEASE + 15)
        ended = [m for m in watch.statuses("web/two") if m.state == "withdrawn"][0].record["time"]
        self.assertGreater(ended, (start + LEASE - 1) * 1000)
        view.sees_only("Renewed")
        self.assertEqual({o: json.loads(p)["lease"] for o, p in self.requests_at_broker().items()},
                         {"web/one": 120})


class Bounds(AdvertCase):
    def test_clamped(self):
        watch, _ = self.boot_lan()
        web = self.container("web")
        for ident, (lease, expiry, is_now) in enumerate([
                (1, None, 30), (0, None, 30), (-5, None, 30), (31, None, 31), (97200, None, 97200),
                (97201, None, 97200), (10**15, None, 97200), (None, 5, 30), (None, 1000, 1000),
                (None, 4294967295, 97200), (50, 40, 40), (40, 50, 40)]):
            more = {} if lease is None else {"lease": lease}
            web.wish(f"n{ident}", f"Lease {ident}", expiry=expiry, **more)
            status = watch.established(f"web/n{ident}")
            # The broker takes off what it has waited itself, and that may be told as a second.
            at_least = max(LEASE, is_now - 1) if expiry else is_now
            self.assertIn(status["lease"], (is_now, at_least), (lease, expiry))
            self.assertAlmostEqual(status["expires"], status["time"] + is_now * 1000, delta=10_000 * slow())


if __name__ == "__main__":
    world.main()
