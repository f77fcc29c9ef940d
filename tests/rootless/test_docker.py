"""Rootless Docker itself: its daemon as the user, and containers of it."""
import machine
from runtimes import Docker
from way_in import WayIn


class RootlessDocker(WayIn):
    def test_docker(self):
        self.whole_story(Docker())


if __name__ == "__main__":
    machine.main()
