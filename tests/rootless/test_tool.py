"""The tool in containers of rootless Podman: by the example's --volume and no network, and by the device that
deploy/grant made. Those of rootless Docker are in test_docker.py, as its daemon takes its time to start."""
import machine
import tool_story
from runtimes import Podman


class Tool(tool_story.ToolStory):
    def test_podman(self):
        runtimes = [Podman("--network", "none", label="volume"), Podman(example="podman-device", label="device")]
        self.boot_runtime(*runtimes)
        tool_story.put_up()
        self.advice(runtimes[0])
        for runtime in runtimes:
            self.tool_story(runtime)


if __name__ == "__main__":
    machine.main()
