"""What every message of the bridge has to be, whatever a test is about.

Written from the specification, with nothing taken from the bridge: a second opinion on each record.
"""
import base64
import json
import unicodedata

SERVICE_KEYS = ["v", "state", "name", "name_b64", "type", "domain", "interface", "protocols", "host",
                "port", "addresses", "txt", "txt_raw", "txt_omitted", "local", "owner", "epoch", "seq",
                "time"]
SERVICE_OPTIONAL = {"name_b64", "txt_raw", "txt_omitted", "owner"}
STATE_KEYS = ["v", "state", "epoch", "version", "hostname", "avahi", "record_size", "services",
              "advertised", "seq", "time"]
STATUS_KEYS = ["v", "state", "client", "id", "transaction", "name", "type", "port", "lease", "expires",
               "warnings", "error", "reason", "kept", "epoch", "seq", "time"]
STATUS_REQUIRED = {"v", "state", "epoch", "seq", "time"}
STATUS_WISH = ["name", "type", "port"]  # in each status of a wish that was understood
ERROR_CODES = {"bad-json", "too-large", "bad-key", "missing-key", "bad-name", "bad-type", "bad-port",
               "bad-txt", "bad-topic", "denied", "quota", "conflict", "avahi"}
WARNING_CODES = {"port-unpublished", "port-loopback-only", "port-foreign-owner"}
REASONS = {"requested", "lease-expired", "client-offline", "replaced-by-policy"}
STAMP = ("epoch", "seq", "time")


def needs_encoding(char):
    """Is this a character that a topic level must not hold as it is?"""
    point = ord(char)
    nonchar = point & 0xFFFE == 0xFFFE or 0xFDD0 <= point <= 0xFDEF
    return char in "%/+#" or unicodedata.category(char) == "Cc" or nonchar


def encode_level(data):
    """One topic level from bytes: the only right way to write it."""
    out = []
    for char in data.decode("utf-8", "surrogateescape"):
        raw = char.encode("utf-8", "surrogateescape")
        bad = 0xDC80 <= ord(char) <= 0xDCFF or needs_encoding(char)
        out.append("".join(f"%{byte:02X}" for byte in raw) if bad else char)
    return "".join(out)


def decode_level(level):
    """The bytes that a topic level stands for."""
    parts = level.encode().split(b"%")
    return parts[0] + b"".join(bytes([int(p[:2], 16)]) + p[2:] for p in parts[1:])


def unpad(payload, size):
    """The JSON text of a record; ValueError if it is not exactly one padded record."""
    if len(payload) != size:
        raise ValueError(f"{len(payload)} bytes instead of {size}")
    text = payload.decode("utf-8").rstrip(" ")
    if not text.startswith("{") or not text.endswith("}"):
        raise ValueError("does not start with { and end with } and spaces")
    return text


def no_twins(pairs):
    keys = [k for k, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError(f"a key twice in {keys}")
    return dict(pairs)


def parse(payload, size):
    """The object of a record."""
    record = json.loads(unpad(payload, size), object_pairs_hook=no_twins, parse_float=_no_float,
                        parse_constant=_no_float)
    if record.get("v") != 1:
        raise ValueError(f"v is {record.get('v')!r}")
    for key in STAMP:
        if type(record.get(key)) is not int:
            raise ValueError(f"{key} is {record.get(key)!r}")
    return record


def _no_float(text):
    raise ValueError(f"not an integer: {text}")


def check_keys(record, order, optional=()):
    keys = list(record)
    expected = [k for k in order if k in keys or k not in optional]
    if keys != expected:
        raise ValueError(f"keys are {keys}, not {expected}")


def service_identity(topic, prefix):
    """(domain, type, name, interface) as bytes, from a topic that must be in its only right form."""
    levels = topic.removeprefix(prefix + "/service/").split("/")
    if len(levels) != 4:
        raise ValueError(f"{len(levels)} levels")
    identity = tuple(decode_level(level) for level in levels)
    for level, data in zip(levels, identity):
        if encode_level(data) != level:
            raise ValueError(f"level {level!r} should be {encode_level(data)!r}")
    return identity


def check_service(record, topic, prefix):
    """ValueError if a service record is not right in itself and at its topic."""
    check_keys(record, SERVICE_KEYS, SERVICE_OPTIONAL)
    domain, kind, name, interface = service_identity(topic, prefix)
    named = base64.b64decode(record["name_b64"]) if "name_b64" in record else record["name"].encode()
    if (domain, kind, name, interface) != (record["domain"].encode(), record["type"].encode(), named,
                                           record["interface"].encode()):
        raise ValueError("the topic names another service than the record")
    if record["state"] not in ("up", "gone"):
        raise ValueError(f"state {record['state']!r}")
    if not set(record["protocols"]) <= {"IPv4", "IPv6"}:
        raise ValueError(f"protocols {record['protocols']}")
    if not all(base64.b64decode(entry, validate=True) for entry in record.get("txt_raw", ["AA=="])):
        raise ValueError(f"txt_raw {record['txt_raw']}")
    for value in record["txt"].values():
        if not (value is True or isinstance(value, str) or
                (isinstance(value, dict) and list(value) == ["b64"]
                 and base64.b64decode(value["b64"], validate=True) is not None)):
            raise ValueError(f"TXT value {value!r}")
    for string in record.get("txt_raw", []):
        if not base64.b64decode(string, validate=True):
            raise ValueError(f"TXT string {string!r}")
    if record.get("txt_raw") == []:
        raise ValueError("an empty txt_raw")


def check_state(record):
    check_keys(record, STATE_KEYS)
    if record["state"] not in ("starting", "online", "offline"):
        raise ValueError(f"state {record['state']!r}")
    if record["avahi"] not in ("up", "down"):
        raise ValueError(f"avahi {record['avahi']!r}")


def is_request(topic, prefix):
    """Is this a topic where clients publish?"""
    levels = topic.removeprefix(prefix + "/").split("/")
    return levels[0] == "client" or levels[0] == "advertise" and not is_status(topic, prefix)


def is_status(topic, prefix):
    levels = topic.removeprefix(prefix + "/").split("/")
    return len(levels) == 4 and levels[0] == "advertise" and levels[3] == "status"


def check_status(record, place):
    check_keys(record, STATUS_KEYS, set(STATUS_KEYS) - STATUS_REQUIRED)
    _, client, name, _ = place.split("/")
    state = record["state"]
    if state == "failed" and record["error"]["code"] == "bad-topic":
        if "client" in record or "id" in record:
            raise ValueError("a topic that is no client's names one")
    elif (record["client"], record["id"]) != (client, name):
        raise ValueError("the topic names another request than the record")
    if state not in ("pending", "established", "failed", "withdrawn"):
        raise ValueError(f"state {state!r}")
    if state in ("pending", "established") and not all(k in record for k in STATUS_WISH):
        raise ValueError(f"{state} of what?")
    for key, wanted in (("error", "failed"), ("reason", "withdrawn")):
        if (key in record) != (state == wanted):
            raise ValueError(f"{key} is {record.get(key)!r} and state is {state}")
    if state == "failed":
        check_error(record["error"])
    if state == "withdrawn" and record["reason"] not in REASONS:
        raise ValueError(f"reason {record['reason']!r}")
    if "kept" in record and (state != "failed" or record["kept"] is not True):
        raise ValueError("kept is true, in failed, or it is not there")
    if "port" in record and not 1 <= record["port"] <= 65535:
        raise ValueError(f"port {record['port']!r}")
    if "lease" in record and not 30 <= record["lease"] <= 97200:
        raise ValueError(f"lease {record['lease']!r}")
    if state in ("pending", "established") and ("lease" in record) != ("expires" in record):
        raise ValueError("lease and expires go together")
    check_warnings(record)


def check_error(error):
    check_keys(error, ["code", "key", "message"], {"key"})
    if error["code"] not in ERROR_CODES or not error["message"]:
        raise ValueError(f"error {error}")


def check_warnings(record):
    if "warnings" not in record:
        return
    if not record["warnings"]:
        raise ValueError("an empty list of warnings")
    for warning in record["warnings"]:
        if list(warning) != ["code", "message"] or warning["code"] not in WARNING_CODES \
                or not warning["message"]:
            raise ValueError(f"warning {warning}")


def check_stats(record):
    if list(record)[0] != "v" or tuple(record)[-3:] != STAMP:
        raise ValueError(f"keys are {list(record)}")


def check(topic, payload, prefix, size):
    """Parses a record and checks all that can be checked of it alone. ValueError says what is wrong."""
    record = parse(payload, size)
    place = topic.removeprefix(prefix + "/")
    if place == "bridge/state":
        check_state(record)
    elif place == "bridge/stats":
        check_stats(record)
    elif place.startswith("service/"):
        check_service(record, topic, prefix)
    elif is_status(topic, prefix):
        check_status(record, place)
    else:
        raise ValueError("nothing is to be published at this topic")
    return record


def content(record):
    """What a record says, without its stamp."""
    return {k: v for k, v in record.items() if k not in STAMP}


class Sequence:
    """What must hold from message to message, for one who is subscribed to all of the prefix."""

    def __init__(self):
        self.reset()

    def reset(self):
        """A new connection to the broker: what was missed cannot be judged."""
        self.epoch = self.seq = None
        self.last = {}  # topic -> last record there

    def check(self, topic, record, retained):
        """Yields what is wrong with the next message."""
        before, service = self.last.get(topic), "/service/" in topic
        status = topic.endswith("/status")
        self.last[topic] = record
        if retained:
            return
        if record is None:
            if service and (before is None or before["state"] != "gone"):
                yield "cleared without a gone record right before"
            if status and before and before["state"] in ("pending", "established"):
                yield f"a status that said {before['state']} is cleared"
            return
        if service and before and before["state"] == "gone" and record["state"] == "gone":
            yield "gone twice"
        will = topic.endswith("/bridge/state") and record["state"] == "offline" \
            and record["epoch"] == self.epoch and self.seq is not None and record["seq"] <= self.seq
        if will:
            self.epoch = self.seq = None  # a connection is over, and with it what was on its way
            return
        if topic.endswith("/bridge/state") and record["state"] == "starting":
            self.last.clear()  # a new connection may say everything again
        elif (service or status) and before and content(before) == content(record) \
                and record["state"] != "failed":  # two bad requests get two answers
            yield "published again, though nothing changed"
        if self.seq is not None and self.epoch == record["epoch"] and record["seq"] != self.seq + 1:
            yield f"seq {record['seq']} follows {self.seq}"
        self.epoch, self.seq = record["epoch"], record["seq"]
