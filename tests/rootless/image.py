"""What runs in the containers: the image of deploy/examples/image, as laba makes it."""
import pathlib

from machine import EXAMPLES, LABA

NAME = "mqtt-client"
TAR = pathlib.Path("/tmp/image.tar")
ROOT = pathlib.Path("/tmp/image")


def build_tar():
    """As a file that `podman import` and `docker import` take."""
    LABA.run("sh", "-c", f"{EXAMPLES}/image >{TAR}")


def build_root():
    """As a folder."""
    LABA.run("sh", "-c", f"mkdir {ROOT} && {EXAMPLES}/image | tar -xC {ROOT}")
