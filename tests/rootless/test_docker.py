"""Rootless Docker itself: its daemon as the user, and containers of it, also by Compose. One test of many
steps, as the daemon takes its time to start."""
import pathlib

import image
import machine
import runtimes
from machine import EXAMPLES, LABA
from rootless import socket_of
from runtimes import Docker
from tool_story import ToolStory, put_up


class RootlessDocker(ToolStory):
    def test_docker(self):
        docker = Docker()
        self.boot_runtime(docker)
        watchers = self.start_by_compose()
        self.late_folder()
        self.published()
        self.browse_and_advertise(docker)
        self.broker_restart(*watchers, *self.start_watchers(docker))
        put_up()
        self.advice(docker)
        self.tool_story(docker)

    def test_compose_is_there(self):
        """So that it is counted where it is missing."""
        if runtimes.missing("docker-compose"):
            self.skipTest(runtimes.missing("docker-compose"))

    def start_by_compose(self):
        """The Compose file as it stands, as the user that it has by itself and as root."""
        if runtimes.missing("docker-compose"):
            return []
        containers = []
        for project, user in (("default", {}), ("root", {"CONTAINER_USER": "0"})):
            command = ["docker-compose", "-f", EXAMPLES / "compose.yaml", "-p", project, "up", "--no-color"]
            env = {**Docker.env, **user, "IMAGE": image.NAME}
            containers.append(LABA.start(f"compose-{project}", *command, env=env))
        for container in containers:
            container.wait_log("Printer on B", 60)
        return containers

    def late_folder(self):
        """A folder made in /run after Docker started does not exist for it: --mount says so, and --volume
        makes another one."""
        late = pathlib.Path("/run/made-later")
        late.mkdir()
        (late / "file").touch()
        run = ["docker", "run", "--rm"]
        done = LABA.run(*run, "--mount", f"type=bind,source={late},target=/late,readonly", image.NAME, "id",
                        env=Docker.env, check=False)
        self.assertIn("bind source path does not exist", done.stderr)
        self.assertEqual(LABA.run(*run, "--volume", f"{late}:/late:ro", image.NAME, "ls", "/late",
                                  env=Docker.env).stdout, "")

    def published(self):
        """A port that Docker publishes has no warning."""
        publisher = Docker("--publish", "8081:80", "--detach")
        publisher.run(1000, "sleep", "60")
        LABA.run("mosquitto_pub", "-V", "5", "-q", "1", "-r", "--unix", socket_of(LABA), "-t",
                 "mdns/advertise/laba/app", "-m", '{"name":"By Docker","type":"_http._tcp","port":8081}')
        self.watch.established("laba/app")
        self.marker(self.watch, self.b)
        self.assertFalse([str(m) for m in self.watch.statuses("laba/app") if m.record.get("warnings")])


if __name__ == "__main__":
    machine.main()
