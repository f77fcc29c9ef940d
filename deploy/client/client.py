# Browses TYPE, and advertises NAME, of this type, at PORT of the host. Needs paho-mqtt 1.6 or 2 (python3-paho-mqtt).
# Run: python3 client.py TYPE CLIENT ID NAME PORT. Broker: MQTT_SOCKET, MQTT_URL (mqtt://HOST:PORT) or the usual places.
import json, os, signal, socket, sys
from urllib.parse import urlsplit
import paho.mqtt.client as mqtt

TYPE, CLIENT, ID, NAME, PORT = sys.argv[1:]
PREFIX, LEASE, USUAL = "mdns", 30, "/run/mdns-mqtt/mqtt.sock"
STATE, REQUEST, PRESENCE = f"{PREFIX}/bridge/state", f"{PREFIX}/advertise/{CLIENT}/{ID}", f"{PREFIX}/client/{CLIENT}"
WISH = json.dumps({"name": NAME, "type": TYPE, "port": int(PORT), "lease": LEASE})
URL = urlsplit(os.environ.get("MQTT_URL", ""))
SOCKET = os.environ.get("MQTT_SOCKET") or (USUAL if not URL.hostname and os.path.exists(USUAL) else None)
KEYS = ("state", "name", "interface", "host", "port", "addresses", "txt", "error", "reason", "warnings")
known, unconfirmed = {}, set()  # services, the bridge's state and the status of our wish, by topic

class UnixClient(mqtt.Client):  # paho before 2.1 has no unix sockets
    def _create_socket_connection(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(SOCKET)
        return connection

def update(topic, record):
    old, new = known.pop(topic, {}), {key: record[key] for key in KEYS if key in record}
    if new:
        known[topic] = new
    if new != old:  # here is the place for what your program wants to do
        event = "change" if old and new else "add" if new else "remove"
        print(topic[len(PREFIX) + 1:].split("/")[0], event, json.dumps(new or old, ensure_ascii=False), flush=True)

def on_connect(client, _userdata, _flags, result, *_):
    print(mqtt.connack_string(result), file=sys.stderr)
    unconfirmed.update(known)  # what does not come again before the bridge is `online` went while we were away
    client.subscribe([(f"{PREFIX}/service/+/{TYPE}/#", 1), (f"{REQUEST}/status", 1), (STATE, 1)])
    client.publish(PRESENCE, "online", 1, True)
    client.publish(REQUEST, WISH, 1, True)

def on_message(_client, _userdata, message):
    try:
        record = dict(json.loads(message.payload))
    except (ValueError, TypeError, RecursionError):
        record = {}  # what is no record is as good as none
    unconfirmed.discard(message.topic)
    update(message.topic, record if record.get("state") != "gone" else {})
    while message.topic == STATE and record.get("state") == "online" and unconfirmed:
        update(unconfirmed.pop(), {})

signal.pthread_sigmask(signal.SIG_BLOCK, ends := {signal.SIGTERM, signal.SIGINT})  # waited for below
version = [mqtt.CallbackAPIVersion.VERSION2] if hasattr(mqtt, "CallbackAPIVersion") else []
client = (UnixClient if SOCKET else mqtt.Client)(*version)
client.on_connect, client.on_message = on_connect, on_message
client.will_set(PRESENCE, "offline", 1, True)
client.reconnect_delay_set(1, 5)  # the bridge waits 15 s for its clients to come back with the broker
client.connect_async(URL.hostname or "127.0.0.1", URL.port or 1883)
client.loop_start()
while not signal.sigtimedwait(ends, LEASE / 3):
    client.publish(REQUEST, WISH, 0, True)  # renews the lease; at QoS 0, so as not to pile up without a broker
client.publish(PRESENCE, "offline", 1, True)  # a clean end voids the will
client.disconnect()
client.loop_stop()
