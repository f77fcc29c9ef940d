"""What a bridge is in 30 lines: avahi-browse piped into paho-mqtt. To compare with, in time and memory.

One retained message a line "=" of avahi-browse, at naive/INTERFACE/PROTOCOL/TYPE/NAME.
"""
import json
import subprocess

import paho.mqtt.client as mqtt

KEYS = ("interface", "protocol", "name", "type", "domain", "host", "address", "port", "txt")


def main():
    client = mqtt.Client()
    client.connect("127.0.0.1", 1883)
    client.loop_start()
    known = {}
    browse = subprocess.Popen(["avahi-browse", "-arp"], stdout=subprocess.PIPE)
    for line in browse.stdout:
        event, *fields = line.decode(errors="replace").rstrip("\n").split(";", 9)
        identity = tuple(fields[:5])
        topic = "naive/" + "/".join(fields[i].replace("/", "%2F") for i in (0, 1, 3, 2))
        if event == "=":
            known[identity] = dict(zip(KEYS, fields))
            client.publish(topic, json.dumps(known[identity]).ljust(4096), qos=1, retain=True)
        elif event == "-" and known.pop(identity, None):
            client.publish(topic, b"", qos=1, retain=True)


main()
