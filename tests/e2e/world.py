"""A private world for each test, and the runner of a test file.

A test needs hosts, ports 1883 and 5353, /run and the right to break things. So each one runs in
namespaces of its own: network, mounts and processes. When it ends, in whatever way, the kernel ends all
that it started and takes away all that it made; the machine never sees any of it. No root is needed where
an ordinary user may make user namespaces.

    ./test_basic.py            all tests of a file
    ./test_basic.py changes    those with this in their name

In the environment: BRIDGE, the program under test (build/mdns-mqtt-bridge); E2E_JOBS, tests at a time
(2); E2E_SLOW, how many times longer than usual things may take (1); E2E_VERBOSE, show what passes, too.
"""
import concurrent.futures
import functools
import os
import pathlib
import shutil
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
SKIP = 77  # what ctest takes for "skipped"
LOGS = pathlib.Path("/tmp/logs")
PROGRAMS = ("ip", "nsenter", "unshare", "mount", "dbus-daemon", "dbus-monitor", "avahi-daemon",
            "avahi-publish", "avahi-browse", "mosquitto", "mosquitto_pub", "mosquitto_sub")
NAMESPACES = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
              "--propagation", "private"]
USERS = ("root", "avahi", "messagebus", "mosquitto", "netdev")
SANE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@functools.cache
def unshare_command():
    """The unshare command that works here (with a user namespace for an ordinary user), or None."""
    for extra in ([], ["--user", "--map-root-user"]):
        command = ["unshare", *extra, *NAMESPACES]
        probe = [*command, "sh", "-c", "mount -t tmpfs tmpfs /run && ip link add sw type bridge"]
        if subprocess.run(probe, capture_output=True).returncode == 0:
            return command
    return None


def why_not():
    """Why tests cannot run on this machine, or None."""
    missing = [p for p in PROGRAMS if not shutil.which(p)]
    if missing:
        return "not installed: " + ", ".join(missing)
    try:
        import paho.mqtt.client  # noqa: F401
        import zeroconf  # noqa: F401
    except ImportError as error:
        return f"{sys.executable} cannot import {error.name}"
    if not unshare_command():
        return "no right to make network namespaces with a bridge in them"
    return None


def one_user():
    """avahi-daemon insists on giving /run/avahi-daemon to its user, and a user namespace has one user."""
    for file, rest in (("passwd", "0::/:/bin/sh"), ("group", "")):
        users = pathlib.Path("/tmp", "etc-" + file)
        users.write_text("".join(f"{user}:x:0:{rest}\n" for user in USERS))
        subprocess.run(["mount", "--bind", users, f"/etc/{file}"], check=True)


def main(reason_against=why_not, prepare=one_user):
    """Called by each test file: runs its tests, each in its own world.

    `reason_against`: why that is not possible here, or None; `prepare`: called in each new world, before
    the test. A kind of tests may bring its own.
    """
    os.environ["PATH"] = SANE_PATH + ":" + os.environ.get("PATH", "")
    if sys.argv[1:2] == ["--inside"]:
        sys.exit(run_inside(sys.argv[2], prepare))
    reason = reason_against()
    if reason:
        print("SKIPPED:", reason)
        sys.exit(SKIP)
    binary = pathlib.Path(os.environ.get("BRIDGE", PROJECT / "build/mdns-mqtt-bridge")).resolve()
    if not os.access(binary, os.X_OK):
        sys.exit(f"no bridge to test: {binary} (set BRIDGE)")
    os.environ["BRIDGE"] = str(binary)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ.setdefault("TSAN_OPTIONS", f"suppressions={HERE.parent / 'tsan.supp'}")
    sys.exit(run_all(sys.argv[1:]))


def run_all(wanted):
    """Runs the tests whose name contains one of `wanted`, two at a time: most of a test is waiting."""
    tests = [t for t in all_tests() if not wanted or any(w in t.id() for w in wanted)]
    if not tests:
        return f"no test is called {' or '.join(wanted)}"
    jobs = int(os.environ.get("E2E_JOBS", "2"))
    counts = {"ok": 0, "skip": 0, "FAIL": 0}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run_one, t) for t in tests]):
            verdict, report = done.result()
            counts[verdict] += 1
            print(report, flush=True)
    skipped = f", {counts['skip']} skipped" if counts["skip"] else ""
    print(f"{counts['ok']} of {len(tests)} passed{skipped}")
    if counts["FAIL"]:
        return 1
    return 0 if counts["ok"] else SKIP


def all_tests():
    """The tests of the file that was started."""
    pending, found = [unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])], []
    while pending:
        item = pending.pop()
        if isinstance(item, unittest.TestSuite):
            pending.extend(item)
        else:
            found.append(item)
    return sorted(found, key=lambda t: t.id())


def run_one(test):
    """One test in a new world: (ok, skip or FAIL; what to print)."""
    name = test.id().removeprefix("__main__.")
    command = [*unshare_command(), sys.executable, sys.argv[0], "--inside", name]
    start = time.monotonic()
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=test.limit)
        ok, output = result.returncode == 0, result.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as expired:
        ok, output = False, (expired.output or b"").decode(errors="replace") + "\nNOT DONE IN TIME\n"
    verdict = ("skip" if "SKIPPED:" in output else "ok") if ok else "FAIL"
    note = output if verdict != "ok" or os.environ.get("E2E_VERBOSE") else ""
    return verdict, f"{verdict:4} {name} ({time.monotonic() - start:.1f} s)\n{note}".rstrip()


def mount_private(*places):
    """Empty folders in place of these; what is under test stays, also where it lies below one of them."""
    keep = [path for path in (PROJECT, pathlib.Path(os.environ["BRIDGE"]).parent)
            if any(pathlib.Path(place) in path.parents for place in places)]
    held = [(path, os.open(path, os.O_PATH)) for path in keep]
    for place in places:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place], check=True)
    for path, fd in held:
        path.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "--no-canonicalize", "--bind", f"/proc/self/fd/{fd}", path],
                       check=True, pass_fds=[fd])
        os.close(fd)


def run_inside(name, prepare):
    """In the new world: mount what is private, run the test, show every log if it failed."""
    mount_private("/tmp", "/run", "/etc/avahi/services")
    os.chmod("/tmp", 0o1777)
    LOGS.mkdir()
    prepare()
    for area in ("all", "default"):  # a link-local address may be used at once
        pathlib.Path(f"/proc/sys/net/ipv6/conf/{area}/accept_dad").write_text("0")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    suite = unittest.defaultTestLoader.loadTestsFromName(name, sys.modules["__main__"])
    result = unittest.TextTestRunner(verbosity=0, stream=sys.stdout).run(suite)
    for _, reason in result.skipped:
        print("SKIPPED:", reason)
    if result.wasSuccessful():
        return 0
    for log in sorted(LOGS.iterdir()):
        text = log.read_text(errors="replace")
        if text:
            lines = text.splitlines()
            print(f"---- {log.name}" + (f", last 80 of {len(lines)} lines" if len(lines) > 80 else ""))
            print("\n".join(lines[-80:]))
    return 1
