"""mdns-mqtt, the tool, by its own name or by that of the program that it stands for."""
import json
import os
import pathlib
import subprocess

from lab import TMP
from process import Process, slow

# The state record of a bridge that is not there: what anybody may say of one.
OFFLINE = json.dumps({"v": 1, "state": "offline", "epoch": 1, "version": "1", "hostname": "x", "avahi": "up",
                      "record_size": 4096, "services": 0, "advertised": 0, "seq": 1, "time": 1})


def program(name="mdns-mqtt"):
    """The path of the tool, which lies beside the bridge, under a name."""
    binary = pathlib.Path(os.environ["BRIDGE"]).with_name("mdns-mqtt")
    if name == binary.name:
        return binary
    link = TMP / name
    if not link.is_symlink():
        link.symlink_to(binary)
    return link


def run(*args, name="mdns-mqtt", check=0, env=None, **options):
    """Runs the tool to its end, which has to be the exit code `check` (None: any).

    Returns the finished process: returncode, stdout and stderr as text, any bytes kept.
    """
    done = subprocess.run([program(name), *map(str, args)], stdin=options.pop("stdin", subprocess.DEVNULL),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                          errors="surrogateescape", timeout=30 * slow(),
                          env={**os.environ, **(env or {})}, **options)
    if check is not None and done.returncode != check:
        raise AssertionError(f"{name} {' '.join(map(str, args))}: exit code {done.returncode}, not {check}\n"
                             f"{done.stderr}{done.stdout}")
    return done


class Tool(Process):
    """The tool, running; stdout and stderr in one log."""

    def __init__(self, *args, name="mdns-mqtt", wrapper=(), **options):
        super().__init__(name, [*wrapper, program(name), *args], **options)


def lines(text):
    """The objects in the tool's JSON output."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def refuses_subscriptions():
    """The configuration of a broker that does, and says so; None: Mosquitto cannot here."""
    plugins = sorted(pathlib.Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"))
    rights = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}
    file = TMP / "security.json"
    file.write_text(json.dumps({"defaultACLAccess": rights}))
    return plugins and (f"listener 1883 127.0.0.1\nallow_anonymous true\nplugin {plugins[0]}\n"
                        f"plugin_opt_config_file {file}\n")
