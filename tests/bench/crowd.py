"""The services of a benchmark: who offers them, and how many there are."""
import io
import pathlib
import tarfile
import time
from xml.sax.saxutils import escape

import devices
from process import wait_until

TYPES = 20
# What a typical device says of itself: 7 strings, 120 bytes.
TXT = ["txtvers=1", "path=/index.html", "model=Example Box 3000", "vendor=Example Ltd", "firmware=4.18.2-rc1",
       "id=00:11:22:33:44:55"]


def txt(number):
    return [f"number={number}", *TXT]


def name_of(number):
    return f"Service {number:04}"


def type_of(number):
    return f"_kind{number % TYPES:02}._tcp"


def raw_services(numbers, generation=0):
    """For devices.Raw. Their TTL is so long that nothing has to be asked again while we measure."""
    return [devices.service(name_of(i), type_of(i), 1000 + i, [f"generation={generation}", *txt(i)],
                            host=f"host{i % 50}", ttl=4500) for i in numbers]


def _service_file(number):
    records = "".join(f"<txt-record>{escape(t)}</txt-record>" for t in txt(number))
    return (f"<service-group><name>{name_of(number)}</name><service><type>{type_of(number)}</type>"
            f"<port>{1000 + number}</port>{records}</service></service-group>").encode()


def put_service_files(host, count):
    """Has the host's avahi-daemon, to be started after this, announce so many services."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for i in range(count):
            data, info = _service_file(i), tarfile.TarInfo(f"{i:04}.service")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    host.run("tar", "-x", "-C", "/etc/avahi/services", input=archive.getvalue())


def packets_received(interface):
    for line in pathlib.Path("/proc/net/dev").read_text().splitlines():
        if line.strip().startswith(interface + ":"):
            return int(line.split(":")[1].split()[1])
    raise AssertionError(f"no interface {interface}")


def wait_quiet(seconds, interface="lan0"):
    """Waits until so long no multicast has come in: avahi-daemon repeats its announcements after 1, 2
    and 4 s, and is busy with that."""
    last, since = None, 0

    def quiet():
        nonlocal last, since
        count, now = packets_received(interface), time.monotonic()
        if count != last:
            last, since = count, now
        return now - since >= seconds
    wait_until(quiet, "a quiet network", 60 + seconds)
