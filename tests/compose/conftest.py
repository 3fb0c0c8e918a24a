"""The stack of docker-compose.yml, brought up once for all tests and torn down after them."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# With the pid: two runs on one machine don't touch each other's containers.
PROJECT = f"mapred-test-{os.getpid()}"
IMAGE = "mapred:test"
UP_TIMEOUT_S = 240


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Stack:
    """The containers, through docker-compose."""

    def __init__(self):
        self._containers = {}
        self.ports = {"namenode": _free_port(), "jobtracker": _free_port()}
        self._environment = {
            **os.environ,
            "MAPRED_IMAGE": IMAGE,
            "MAPRED_NAMENODE_PORT": str(self.ports["namenode"]),
            "MAPRED_JOBTRACKER_PORT": str(self.ports["jobtracker"]),
        }
        self._environment.pop("MAPRED_SECRET", None)

    def compose(self, *arguments, **options):
        """Runs `docker-compose ARGUMENTS`; options are those of subprocess.run."""
        options = {"check": True, "capture_output": True, "timeout": UP_TIMEOUT_S, **options}
        return subprocess.run(
            [*_compose_command(), "-p", PROJECT, *arguments],
            cwd=ROOT,
            env=self._environment,
            **options,
        )

    def execute(self, service, *command, typed=None):
        """Runs a command in a container to its end; its stdout."""
        done = subprocess.run(
            ["docker", "exec", "-i", self.container(service), *command],
            input=typed or b"",
            capture_output=True,
            timeout=UP_TIMEOUT_S,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def mapred(self, *arguments, typed=None):
        """Runs `mapred ARGUMENTS` in the JobTracker's container; its stdout."""
        return self.execute("jobtracker", "mapred", *arguments, typed=typed)

    def start_mapred(self, *arguments, stderr):
        """Starts `mapred ARGUMENTS` as README has it, through docker-compose."""
        return subprocess.Popen(
            [*_compose_command(), "-p", PROJECT, "exec", "-T", "jobtracker", "mapred", *arguments],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )

    def on_host(self, *arguments, **options):
        """Runs `mapred ARGUMENTS` on this machine, as a user beside the stack would."""
        secret = self.execute("namenode", "cat", "/run/mapred/secret")
        environment = {
            **os.environ,
            "MAPRED_SECRET": secret.decode().strip(),
            "MAPRED_NAMENODE": f"127.0.0.1:{self.ports['namenode']}",
            "MAPRED_JOBTRACKER": f"127.0.0.1:{self.ports['jobtracker']}",
        }
        return subprocess.run(
            [sys.executable, "-P", "-m", "mapred_cli.main", *arguments],
            env=environment,
            capture_output=True,
            timeout=UP_TIMEOUT_S,
            check=options.pop("check", True),
            **options,
        )

    def kill(self, service):
        subprocess.run(
            ["docker", "kill", self.container(service)], check=True, stdout=subprocess.DEVNULL
        )

    def container(self, service):
        if service not in self._containers:
            found = self.compose("ps", "-q", service).stdout.decode().strip()
            self._containers[service] = found
        return self._containers[service]

    def health(self, service):
        """ "healthy", "starting", "unhealthy", or "" for a container that doesn't run."""
        form = "{{if .State.Running}}{{.State.Health.Status}}{{end}}"
        done = subprocess.run(
            ["docker", "inspect", "-f", form, self.container(service)],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()


def _compose_command():
    return ("docker-compose",) if shutil.which("docker-compose") else ("docker", "compose")


def _why_not():
    """Why there's no engine to run containers with; empty when there is one."""
    if not shutil.which("docker"):
        return "docker is not installed"
    if subprocess.run(["docker", "info"], capture_output=True).returncode:
        return "no docker engine answers"
    version = subprocess.run([*_compose_command(), "version"], capture_output=True)
    return "docker-compose is not installed" if version.returncode else ""


def _remove_leftovers():
    """Ends the stacks of test runs that were killed."""
    label = "com.docker.compose.project"
    listed = subprocess.run(
        [
            "docker",
            "ps",
            "-a",
            "--filter",
            f"label={label}",
            "--format",
            f'{{{{.Label "{label}"}}}}',
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    for project in set(listed.stdout.split()):
        left = re.fullmatch(r"mapred-test-(\d+)", project)
        if left and not Path(f"/proc/{left[1]}").exists():
            subprocess.run(
                [*_compose_command(), "-p", project, "down", "-v", "--remove-orphans", "-t", "1"],
                cwd=ROOT,
                capture_output=True,
                timeout=UP_TIMEOUT_S,
            )


@pytest.fixture(scope="session")
def stack():
    if reason := _why_not():
        pytest.skip(reason)
    subprocess.run(
        ["docker", "build", "-q", "--network", "host", "-t", IMAGE, ROOT],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    _remove_leftovers()
    stack = Stack()
    try:
        stack.compose("up", "-d", "--no-build")
        yield stack
    finally:
        stack.compose("down", "-v", "--remove-orphans", "-t", "5")
