"""Processes with a log, and waiting for conditions."""
import itertools
import os
import signal
import subprocess
import time

from world import LOGS

_numbers = itertools.count(1)


def slow():
    """How much longer than usual things may take (sanitizers, busy machines)."""
    return float(os.environ.get("E2E_SLOW", "1"))


def wait_until(condition, what, timeout=15.0):
    """Waits for something that nothing can notify us of. Returns what the condition returned."""
    end = time.monotonic() + timeout * slow()
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout:g} s: {what() if callable(what) else what}")
        time.sleep(0.02)


class Process:
    """A child whose stderr (and stdout, unless it is wanted as a pipe) goes to a file of its own."""

    def __init__(self, name, argv, env=None, stdin=subprocess.DEVNULL, stdout=None, **popen):
        self.name = name
        self.log = LOGS / f"{next(_numbers):02}-{name}.log"
        self.log.touch()
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen([str(a) for a in argv], stdin=stdin, stdout=stdout or log,
                                          stderr=log, env={**os.environ, **(env or {})}, **popen)

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def text(self):
        return self.log.read_text(errors="replace")

    def wait_log(self, text, timeout=15.0):
        """Waits until the log holds the text, and fails early if the process ends without it."""
        def seen():
            over = not self.alive()
            if text in self.text():
                return True
            assert not over, f"{self.name} ended with {self.popen.returncode}:\n{self.text()}"
            return False
        wait_until(seen, f"{text!r} in the log of {self.name}", timeout)

    def send(self, number):
        self.popen.send_signal(number)

    def wait_end(self, timeout=15.0):
        """Waits for the end and returns the exit status."""
        try:
            return self.popen.wait(timeout * slow())
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {timeout:g} s") from None

    def stop(self):
        """SIGTERM; returns the exit status."""
        if self.alive():
            self.send(signal.SIGTERM)
        return self.wait_end()

    def kill(self):
        """SIGKILL: no goodbye of any kind."""
        self.popen.kill()
        self.popen.wait()
