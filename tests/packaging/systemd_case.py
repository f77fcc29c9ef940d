"""One test on a throw-away machine with systemd, next to Debian's avahi-daemon and mosquitto."""
import json
import os

import world
from case import Case
from machine import Machine
from process import wait_until


class SystemdCase(Case):
    limit = 240 * float(os.environ.get("E2E_SLOW", "1"))

    def setUp(self):
        super().setUp()
        self.machine = Machine()
        self.addCleanup(self.machine.end)
        self.addCleanup(self.show_journal)
        self.host = self.machine.join(self.lab)

    def show_journal(self):
        """Among the logs that the runner shows after a failure."""
        (world.LOGS / "99-journal.log").write_text(self.machine.run("journalctl", "--no-pager", "-b", check=False))

    def boot_other_host(self):
        self.b = self.lab.add_host("b")
        self.lab.boot(self.b)

    def install(self):
        self.machine.run("systemctl", "start", "mosquitto")
        return self.machine.run("dpkg", "-i", self.machine.deb)

    def wait_state(self, state, unit="mdns-mqtt-bridge"):
        wait_until(lambda: self.machine.unit("ActiveState", unit) == state, f"{unit} is {state}")

    def retained(self, topic, check, what):
        """The retained record at a topic, once it is as wanted."""
        last = None

        def look():
            nonlocal last
            last = self.machine.run("mosquitto_sub", "-t", topic, "-C", "1", "-W", "2", check=False)
            try:
                record = json.loads(last)
            except ValueError:
                return None
            return record if check(record) else None
        return wait_until(look, lambda: f"{what} at {topic}: {last}", 30)

    def online(self):
        return self.retained("mdns/bridge/state", lambda r: r["state"] == "online" and r["avahi"] == "up", "online")

    def wish(self, client, name, port):
        self.machine.run("mosquitto_pub", "-q", "1", "-r", "-t", f"mdns/advertise/{client}/app", "-m", json.dumps(
            {"name": name, "type": "_http._tcp", "port": port}))

    def warnings(self, client, *codes):
        """Waits until a wish is established with these warnings."""
        return self.retained(f"mdns/advertise/{client}/app/status",
                             lambda r: r["state"] == "established" and
                             [w["code"] for w in r.get("warnings", [])] == list(codes), codes)
