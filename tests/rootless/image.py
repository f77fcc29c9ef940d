"""What runs in the containers: a root file system of busybox, Mosquitto's clients and socat. No registry
is asked; all of it comes from packages of this machine."""
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path("/tmp/image")
TAR = pathlib.Path("/tmp/image.tar")
NAME = "mqtt-client"
BUSYBOX = pathlib.Path("/bin/busybox")
APPLETS = ("sh", "cat", "echo", "grep", "httpd", "id", "ls", "mkdir", "sed", "sleep", "touch", "true")
PROGRAMS = ("mosquitto_pub", "mosquitto_sub", "socat")
FOLDERS = ("bin", "dev", "etc", "proc", "run/mdns-mqtt", "sys", "tmp", "usr/bin", "www")


def libraries(program):
    """The files that the dynamic linker loads for it, and the linker itself."""
    out = subprocess.run(["ldd", program], check=True, stdout=subprocess.PIPE, text=True).stdout
    return re.findall(r"/\S+", out)


def build():
    """Makes the root file system, for all to read."""
    for folder in FOLDERS:
        (ROOT / folder).mkdir(parents=True)
    shutil.copy(BUSYBOX, ROOT / "bin")
    for applet in APPLETS:
        (ROOT / "bin" / applet).symlink_to("busybox")
    for program in PROGRAMS:
        path = shutil.which(program)
        shutil.copy(path, ROOT / "usr/bin")
        for library in libraries(path):
            target = ROOT / library.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, target)
    (ROOT / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\napp:x:1000:1000::/tmp:/bin/sh\n")
    (ROOT / "etc/group").write_text("root:x:0:\napp:x:1000:\n")
    (ROOT / "www/index.html").write_text("hello from a container\n")


def build_tar():
    """The same as a file that `podman import` and `docker import` take."""
    build()
    subprocess.run(["tar", "-C", ROOT, "-cf", TAR, "."], check=True)
