"""deploy/grant and deploy/revoke: exactly the pieces of a role, no more often than needed, and back."""
import json
import pathlib

import machine
from granted import (BRIDGE_CONFIG, BROKER_ETC, LABA, LABB, SECRETS, USERS, GrantedCase, client, files_of,
                     grant, publish, request, revoke, tool)
from process import wait_until
from rootless import socket_of

ETC = "/etc"


class Grant(GrantedCase):
    def test_first(self):
        """From nothing to a socket that is open to the user alone."""
        self.boot_granted()
        self.assertTrue(self.can_open(LABA, socket_of(LABA)))
        self.assertFalse(self.can_open(LABB, socket_of(LABA)))
        self.assertNotEqual(LABB.run("ls", socket_of(LABA).parent, check=False).returncode, 0)
        self.assertEqual(grant("--list"), "laba advertise laba\nlabb observe labb\n")
        self.assertTrue(publish(LABA, "mdns/advertise/laba/app", request("Web of laba")))
        self.watch.established("laba/app")


if __name__ == "__main__":
    machine.main()
