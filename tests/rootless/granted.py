"""What deploy/grant, deploy/revoke and deploy/broker make of a machine: people with roles at a broker of
the bridge's own, to which the bridge comes by its own socket."""
import json
import os
import pathlib
import shutil
import subprocess

import e2e  # noqa: F401
from lab import listens
from machine import LABA, LABB
from process import slow, wait_until
from rootless import RootlessCase, socket_of
from world import PROJECT

DEPLOY = PROJECT / "deploy"
BROKER_ETC = pathlib.Path("/etc/mdns-mqtt-broker")
USERS = BROKER_ETC / "users"
SECRETS = BROKER_ETC / "secrets"
BRIDGE_SOCKET = pathlib.Path("/run/mdns-mqtt-broker/mqtt.sock")
BROKER_PID = pathlib.Path("/run/mdns-mqtt-broker/mosquitto.pid")
BRIDGE_CONFIG = {"broker": {"url": f"unix://{BRIDGE_SOCKET}"}, "advertise": {"port-check": "off"}}
# Where grant and revoke write.
PLACES = ("/etc/mdns-mqtt-broker", "/etc/tmpfiles.d", "/etc/cdi", "/etc/mosquitto", "/run/mdns-mqtt")
# The test looks on by TCP, and cannot write anything but the end mark of its snapshots.
ONLOOKER = {"conf": """listener 1883 127.0.0.1
allow_anonymous true
acl_file /etc/mdns-mqtt-broker/onlooker.acl
""", "acl": "topic read mdns/#\ntopic readwrite snapshot/#\n"}


def add_onlooker():
    """Lets the test look on, from the next start of the broker."""
    USERS.mkdir(parents=True, exist_ok=True)
    (USERS / "onlooker.conf").write_text(ONLOOKER["conf"])
    (BROKER_ETC / "onlooker.acl").write_text(ONLOOKER["acl"])


def files_of(*roots):
    """All that there is below these: {path: (content, mode, owner, inode)}, to see that nothing changed."""
    found = {}
    for root in roots:
        for path in sorted(pathlib.Path(root).rglob("*")):
            stat = path.lstat()
            text = path.read_bytes() if path.is_file() else None
            found[str(path)] = (text, stat.st_mode, stat.st_uid, stat.st_ino)
    return found


def changed(before, after, parts=4):
    """The paths that are not the same, in the first so many parts of what files_of says of them."""
    return sorted(path for path in before.keys() | after.keys()
                  if before.get(path, ())[:parts] != after.get(path, ())[:parts])


def broker_pid():
    return BROKER_PID.read_text().strip()


def put_in_front(program, script):
    """Has scripts and users that run `program` run this instead, with the real one as $real; returns the
    environment for it."""
    folder = pathlib.Path("/tmp/in-front")
    folder.mkdir(exist_ok=True)
    (folder / program).write_text(f"#!/bin/sh\nreal={shutil.which(program)}\n{script}\n")
    (folder / program).chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


def tool(name, *args, check=True, env=None):
    """Runs deploy/NAME as root; returns the process, with all that it said as stdout."""
    done = subprocess.run([DEPLOY / name, *map(str, args)], stdin=subprocess.DEVNULL, text=True, env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60 * slow())
    assert not check or done.returncode == 0, f"{name} {args} ended with {done.returncode}:\n{done.stdout}"
    return done


def grant(*args, **options):
    return tool("grant", *args, **options).stdout


def revoke(*args, **options):
    return tool("revoke", *args, **options).stdout


def client(user, program, *args, socket=None, timeout=20):
    """mosquitto_pub or mosquitto_sub as a user, at a socket (the user's own)."""
    return user.run(program, "-V", "5", "-q", "1", "--unix", socket or socket_of(user), *args, check=False,
                    timeout=timeout)


def publish(user, topic, payload, *options, **more):
    """Publishes one message; returns whether the broker took it."""
    what = ["-n"] if payload is None else ["-m", payload if isinstance(payload, str) else json.dumps(payload)]
    done = client(user, "mosquitto_pub", "-t", topic, *what, *options, **more)
    return done.returncode == 0 and "failed" not in done.stderr


def request(name, port=8080, **more):
    return {"name": name, "type": "_http._tcp", "port": port, **more}


class GrantedCase(RootlessCase):
    """One test; laba may advertise and labb may observe, unless it says otherwise."""

    limit = 2 * RootlessCase.limit

    def start_broker(self):
        add_onlooker()
        self.lab.broker = self.a.start("broker", DEPLOY / "broker")
        wait_until(lambda: listens(1883) or not self.lab.broker.alive(), "the broker's port")
        wait_until(BRIDGE_SOCKET.exists, "the bridge's socket")

    def boot_granted(self, *grants, config=None):
        """With these grants, or the usual ones, A with all daemons and B on the LAN; sets self.watch."""
        for arguments in grants or (("laba", "advertise"), ("labb", "observe")):
            grant(*arguments)
        self.start_broker()
        self.b = self.lab.add_host("b")
        self.lab.boot(self.a, self.b)
        self.watch, self.view = self.look_on()
        self.start_bridge(config or BRIDGE_CONFIG)
        self.watch.online()
        return self.watch

    def tearDown(self):
        super().tearDown()
        if self.lab.broker and self.lab.broker.alive():
            self.assertEqual(self.lab.broker.stop(), 0, "exit status of deploy/broker")

    def settle(self, user=LABA):
        """What the user sent before this has been dealt with when this returns: by the broker, and by the
        bridge, which answers in order."""
        mark, ident = self.watch.mark(), f"settle-{self.watch.mark()}"
        self.assertTrue(publish(user, f"mdns/advertise/{user.name}/{ident}", "no request"))
        self.watch.failed(f"{user.name}/{ident}", "bad-json", since=mark)
        self.assertTrue(publish(user, f"mdns/advertise/{user.name}/{ident}", None))

    def heard(self, topic, since=0):
        return [m for m in self.watch.since(since) if m.topic == topic]

    def can_open(self, user, socket):
        done = client(user, "mosquitto_sub", "-t", "mdns/bridge/state", "-C", "1", "-W", "10", socket=socket)
        if "denied" in done.stderr:
            return False
        self.assertIn('"state"', done.stdout, done.stderr)
        return True


__all__ = ["BRIDGE_CONFIG", "BRIDGE_SOCKET", "BROKER_ETC", "BROKER_PID", "GrantedCase", "LABA", "LABB", "PLACES",
           "SECRETS", "USERS", "broker_pid", "changed", "client", "files_of", "grant", "publish", "put_in_front",
           "request", "revoke", "tool"]
