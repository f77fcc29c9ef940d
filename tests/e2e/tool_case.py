"""The world of the tests of mdns-mqtt advertise: a broker with a listener for each way in, and onlookers."""
import pathlib

import tool
from adverts import AdvertCase

TMP = pathlib.Path("/tmp")
FOLDER = pathlib.Path("/run/mdns-mqtt/web/s")  # as deploy/grant makes it for the user `web`
WAYS = """per_listener_settings true
log_type all
listener 1883 127.0.0.1
allow_anonymous true
listener 1884 127.0.0.1
allow_anonymous false
password_file /tmp/passwd
listener 1885 127.0.0.1
allow_anonymous true
acl_file /tmp/observe.acl
listener 0 /run/mdns-mqtt/web/s/mqtt.sock
allow_anonymous true
acl_file /tmp/web.acl
"""
OBSERVE = "topic read mdns/service/#\ntopic read mdns/bridge/#\n"
ADVERTISE = OBSERVE + """topic write mdns/advertise/web/+
topic read mdns/advertise/web/#
topic readwrite mdns/client/web
"""


class ToolCase(AdvertCase):
    def boot_ways(self, *kinds, config=None):
        """A broker with a listener for each way in, and B looking on."""
        FOLDER.mkdir(parents=True)
        (TMP / "observe.acl").write_text(OBSERVE)
        (TMP / "web.acl").write_text(ADVERTISE)
        (TMP / "passwd").write_text("")
        self.watch, self.view = self.boot_lan(*kinds, config=config, broker=WAYS)

    def advertise(self, *args, name="Web app", port=8080, kind="_http._tcp", client="web", command=(),
                  wrapper=(), **options):
        """Starts it, as CLIENT/app."""
        who = ["--client", client] if client else []
        argv = ["advertise", "--name", name, "--type", kind, "--port", port, "--id", "app", *who, *args]
        if command:
            argv += ["--", *command]
        return tool.Tool(*argv, wrapper=wrapper, env={"MDNS_MQTT_CLIENT": ""}, **options)
