"""Many wishes at once, and a network that is still looked after."""
import time

import world
from adverts import AdvertCase
from devices import Raw, service
from lan import AvahiBrowse
from process import slow

CLIENTS, EACH = 10, 20


class Scale(AdvertCase):
    limit = 2 * AdvertCase.limit

    def test_200_at_once(self):
        b, c = self.lab.add_host("b"), self.lab.add_host("c")
        self.lab.start_broker()
        self.lab.boot(self.a, c)
        device = Raw(b)
        watch = self.observe()
        self.start_bridge({"advertise": {"port-check": "off"}, "log": {"level": "info"}})
        watch.online()
        device.set(service("Foreign 0", "_other._tcp"))  # a new type takes another question
        watch.service("Foreign 0")
        view = AvahiBrowse(c, "_http._tcp")
        clients = [self.container(f"c{i}") for i in range(CLIENTS)]
        owners = {f"c{i}/n{j}": f"Service {i:02} {j:02}" for i in range(CLIENTS) for j in range(EACH)}

        start = time.monotonic()
        for j in range(EACH):
            for i, client in enumerate(clients):
                client.wish(f"n{j}", owners[f"c{i}/n{j}"], port=1000 + i, txt={"number": str(j)})
        slowest, number = 0.0, 0

        def done():
            states = watch.settled_statuses()
            return all(states.get(owner) == "established" for owner in owners)
        while not done():
            self.assertLess(time.monotonic() - start, 60 * slow(), "200 established")
            number += 1
            asked = time.monotonic()
            device.set(service(f"Foreign {number}", "_other._tcp"))
            watch.service(f"Foreign {number}")
            slowest = max(slowest, time.monotonic() - asked)
            watch.service(f"Foreign {number}", protocols=["IPv4", "IPv6"])
        print(f"200 established after {time.monotonic() - start:.1f} s; {number} foreign services meanwhile, "
              f"the slowest a record after {slowest:.2f} s")
        self.assertGreater(number, 0)
        view.sees_only(*owners.values(), timeout=30)
        watch.wait(lambda: {r.get("owner"): r["name"] for r in watch.services().values() if "owner" in r}
                   == owners, "a record of each, with its owner", 30)
        watch.bridge_state(advertised=len(owners))

        # A client goes, and takes with it what is its own.
        mark = watch.mark()
        clients[0].die()
        gone = {o for o in owners if o.startswith("c0/")}
        for owner in gone:
            watch.ended(owner, "client-offline", since=mark)
        view.sees_only(*[name for owner, name in owners.items() if owner not in gone], timeout=30)
        watch.bridge_state(since=mark, advertised=len(owners) - len(gone))

    def test_flood(self):
        """A client that asks for ever more, and withdraws it, disturbs nobody for long."""
        watch, view = self.boot_lan()
        quiet, loud = self.container("quiet"), self.container("loud")
        quiet.wish("app", "Quiet")
        watch.established("quiet/app")
        view.sees("Quiet")
        for n in range(1000):
            ident = f"n{n % 40}"
            if n % 3:
                request = b'{"name":"Loud %d","type":"_http._tcp","port":%d}' % (n, n + 1)
                loud.requests[ident] = (request, True, None)
                loud._send(ident)
            else:
                loud.client.publish(loud.topic(ident), b"", qos=1, retain=True)
        loud.say_presence("offline")
        loud.requests.clear()
        mark = watch.mark()
        quiet.wish("more", "After the flood")
        watch.established("quiet/more", since=mark, timeout=60)
        view.sees_only("Quiet", "After the flood", timeout=60)
        # What is left of the flood is a word on what was too much, at most.
        watch.wait(lambda: {o for o, state in watch.settled_statuses().items() if state != "failed"}
                   == {"quiet/app", "quiet/more"}, "nothing is left", 30)
        self.assertEqual(set(self.requests_at_broker()), {"quiet/app", "quiet/more"})
        self.assertNotIn("Quiet", view.lost())
        self.assertEqual(watch.settled_statuses()["quiet/app"], "established")


if __name__ == "__main__":
    world.main()
