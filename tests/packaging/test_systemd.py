"""The installed service, under systemd, next to Debian's avahi-daemon and mosquitto."""
import machine
from devices import AvahiPublish
from process import wait_until
from systemd_case import SystemdCase


class Service(SystemdCase):
    def test_install_and_serve(self):
        """Out of the package it runs, enabled, unprivileged, and does what it is for."""
        run = self.machine.run
        settings = "find /etc/mosquitto /etc/avahi /etc/dbus-1 -type f -exec sha256sum {} + | sort"
        before = run("sh", "-c", settings)
        self.boot_other_host()
        publisher = AvahiPublish(self.b, "From b", "_http._tcp", 80, "a=1").established()
        self.install()
        self.wait_state("active")
        self.assertEqual(self.machine.unit("UnitFileState"), "enabled")
        self.assertEqual(run("sh", "-c", settings), before, "configuration of others")
        self.assertEqual(run("stat", "-c", "%a %U %G", "/run/mdns-mqtt").strip(), "751 root mosquitto")
        self.assertRegex(run("getent", "passwd", "mdns-mqtt"), r"^mdns-mqtt:x:\d+:\d+:.*:/nonexistent:/usr/sbin/nologin")

        pid = self.machine.unit("MainPID")
        status = dict(line.split(":\t", 1) for line in self.machine.read(f"/proc/{pid}/status").splitlines()
                      if ":\t" in line)
        uid = run("id", "-u", "mdns-mqtt").strip()
        self.assertEqual(status["Uid"].split(), [uid] * 4)
        self.assertEqual((status["CapEff"], status["CapBnd"], status["NoNewPrivs"], status["Seccomp"]),
                         ("0" * 16, "0" * 16, "1", "2"))

        self.online()
        record = self.retained("mdns/service/local/_http._tcp/From b/lan0", lambda r: r["state"] == "up", "up")
        self.assertEqual((record["txt"], record["local"]), ({"a": "1"}, False))
        wait_until(lambda: ", broker connected, avahi up, " in self.machine.unit("StatusText"), "a status text")
        seen = self.b.start("browse", "avahi-browse", "-pk", "_http._tcp")
        self.wish("web", "From the machine", 80)
        seen.wait_log("From\\032the\\032machine", 30)
        publisher.stop()

    def test_owners_of_ports(self):
        """Inside the sandbox the port check sees sockets, their owners, users and subordinate ids."""
        m = self.machine
        m.run("useradd", "-u", 1234, "web")
        m.run("sh", "-c", "echo web:400000:65536 >/etc/subuid")
        for port, uid in ((8080, 0), (8081, 1234), (8082, 400999)):
            m.run("systemd-run", "-q", f"--unit=listen-{port}", "setpriv", f"--reuid={uid}", "--clear-groups",
                  "python3", "-m", "http.server", "--directory", "/usr/share/doc", port)
            wait_until(lambda: m.does("sh", "-c", f"ss -Hltn 'sport = {port}' | grep -q ."), "the listener")
        self.install()
        self.online()
        self.wish("web", "Of root", 8080)
        record = self.warnings("web", "port-foreign-owner")
        self.assertIn("uid 0", record["warnings"][0]["message"])
        for port in (8081, 8082):
            self.wish("web", f"At {port}", port)
            self.warnings("web")
        self.wish("web", "Of nobody", 8083)
        self.warnings("web", "port-unpublished")

    def test_credential(self):
        """The password comes as a credential, and is needed only where there is one."""
        m = self.machine
        m.write("/etc/mosquitto/conf.d/test.conf", "listener 1883 127.0.0.1\nallow_anonymous false\n"
                "password_file /etc/mosquitto/test.passwords\n")
        m.run("sh", "-c", "touch /etc/mosquitto/test.passwords && "
              "mosquitto_passwd -b /etc/mosquitto/test.passwords bridge 'correct horse' && "
              "mosquitto_passwd -b /etc/mosquitto/test.passwords reader x && "
              "chmod 644 /etc/mosquitto/test.passwords")
        self.install()
        self.wait_state("active")  # without a password: it waits
        m.write("/etc/mdns-mqtt-bridge/bridge.conf", "[broker]\nusername = bridge\n")
        m.write("/etc/credstore/mdns-mqtt-bridge.password", "correct horse\n")
        m.run("chmod", "600", "/etc/credstore/mdns-mqtt-bridge.password")
        self.assertNotIn("broker connected", m.unit("StatusText"))
        m.run("systemctl", "restart", "mdns-mqtt-bridge")
        wait_until(lambda: "broker connected" in m.unit("StatusText"), "a connection with the password")
        m.run("mosquitto_sub", "-u", "reader", "-P", "x", "-t", "mdns/bridge/state", "-C", 1, "-W", 10)

    def test_reload_watchdog_and_errors(self):
        """SIGHUP is a reload, a hang ends in a restart, and an error in the configuration does not."""
        m = self.machine
        self.install()
        self.online()
        self.wish("web", "Web app", 80)
        self.warnings("web", "port-unpublished")
        pid = m.unit("MainPID")
        m.write("/etc/mdns-mqtt-bridge/bridge.conf", "[advertise]\nport-check = off\n")
        m.run("systemctl", "reload", "mdns-mqtt-bridge")
        self.warnings("web")
        self.assertEqual((m.unit("MainPID"), m.unit("WatchdogUSec")), (pid, "30s"))

        m.write("/run/systemd/system/mdns-mqtt-bridge.service.d/test.conf",
                "[Service]\nWatchdogSec=1\nRestartSec=0\n")
        m.run("systemctl", "daemon-reload")
        m.run("systemctl", "restart", "mdns-mqtt-bridge")
        pid = m.unit("MainPID")
        m.run("systemctl", "kill", "-s", "STOP", "mdns-mqtt-bridge")
        wait_until(lambda: m.unit("NRestarts") == "1", "a restart by the watchdog", 30)
        self.wait_state("active")
        self.assertNotEqual(m.unit("MainPID"), pid)

        m.write("/etc/mdns-mqtt-bridge/bridge.conf", "[nonsense]\n")
        m.run("systemctl", "restart", "mdns-mqtt-bridge", check=False)
        self.wait_state("failed")
        self.assertEqual((m.unit("ExecMainStatus"), m.unit("NRestarts")), ("78", "0"))

    def test_life_of_the_package(self):
        """Upgrade, removal and purge, with the service running."""
        m = self.machine
        self.install()
        self.online()
        pid = m.unit("MainPID")
        m.run("dpkg", "-i", m.newer())
        self.wait_state("active")
        self.assertNotEqual(m.unit("MainPID"), pid, "it runs the new version")
        self.online()
        m.run("systemctl", "disable", "mdns-mqtt-bridge")
        m.run("dpkg", "-i", "--force-downgrade", m.deb)
        self.assertEqual(m.unit("UnitFileState"), "disabled", "the administrator's choice")
        pid = m.unit("MainPID")
        m.run("dpkg", "-r", "mdns-mqtt-bridge")
        self.assertFalse(m.does("test", "-e", f"/proc/{pid}"))
        self.assertEqual(m.unit("LoadState"), "not-found")
        m.run("dpkg", "-P", "mdns-mqtt-bridge")
        self.assertEqual(m.unit("ActiveState", "mosquitto"), "active")
        self.assertEqual(m.unit("ActiveState", "avahi-daemon"), "active")
        self.assertEqual(m.run("systemctl", "--failed", "--plain", "--no-legend").strip(), "")


if __name__ == "__main__":
    machine.main()
