"""What is no broker's URL is none for either program."""
import os
import subprocess
import unittest

import e2e  # noqa: F401
import tool
import world

WRONG = ("mqtt://a..b", "mqtts://a..b", "mqtt://.a", "mqtt://256.1.1.1", "mqtt://1.2.3", "mqtt://[::1",
         "mqtt://[1::2::3]", "mqtt://a:0", "mqtt://a:65536", "mqtt://a/b", "mqtt://me@a", "mqtt://", "unix://a", "a")
RIGHT = ("mqtt://127.0.0.1", "mqtt://[::1]:1", "unix:///nonexistent")
USAGE = 64


class Url(unittest.TestCase):
    limit = 60 * float(os.environ.get("E2E_SLOW", "1"))

    def codes(self, url):
        """The exit codes of the bridge, which only looks at it, and of the tool, which finds no broker there."""
        check = [os.environ["BRIDGE"], "--config", "/dev/null", "--check-config", "--broker", url]
        return (subprocess.run(check, stderr=subprocess.DEVNULL, check=False).returncode,
                tool.run("status", "--broker", url, "--timeout", "0.2", check=None).returncode)

    def test_wrong(self):
        for url in WRONG:
            with self.subTest(url):
                self.assertEqual(self.codes(url), (USAGE, USAGE))

    def test_right(self):
        for url in RIGHT:
            with self.subTest(url):
                bridge, client = self.codes(url)
                self.assertEqual(bridge, 0)
                self.assertNotEqual(client, USAGE)


if __name__ == "__main__":
    world.main()
