"""The whole story in each kind of rootless container but Docker's, which has a file of its own."""
import machine
from runtimes import Bubblewrap, Podman, PodmanPasta, Rootlesskit, Runc
from way_in import WayIn


class Runtimes(WayIn):
    def test_podman(self):
        """With the network that Podman gives a rootless container by itself, with none, and by the device
        that deploy/grant made."""
        self.whole_story(Podman(), Podman("--network", "none", label="no-network"),
                         Podman(example="podman-device", label="device"))

    def test_podman_pasta(self):
        self.a.run("ip", "route", "add", "default", "via", "10.77.0.254")  # pasta copies the way out
        self.whole_story(PodmanPasta())

    def test_rootlesskit(self):
        self.whole_story(Rootlesskit())

    def test_runc(self):
        self.whole_story(Runc())

    def test_bubblewrap(self):
        self.whole_story(Bubblewrap())


if __name__ == "__main__":
    machine.main()
