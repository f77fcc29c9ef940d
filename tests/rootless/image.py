"""What runs in the containers: the image of deploy/examples/image."""
import pathlib
import subprocess

from machine import EXAMPLES

NAME = "mqtt-client"
TAR = pathlib.Path("/tmp/image.tar")
ROOT = pathlib.Path("/tmp/image")


def build_tar():
    """As a file that `podman import` and `docker import` take."""
    with TAR.open("wb") as tar:
        subprocess.run([EXAMPLES / "image"], stdout=tar, check=True)


def build():
    """As a folder."""
    build_tar()
    ROOT.mkdir()
    subprocess.run(["tar", "-C", ROOT, "-xf", TAR], check=True)
