"""`mapred web` as a process: without any cluster, and where it may listen."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

COMMAND = [sys.executable, "-m", "mapred_cli.main", "web", "--port", "0"]
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("MAPRED_")}


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address that is taken by nobody who answers."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{silent.getsockname()[1]}"


@pytest.fixture
def site(nowhere) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The process and the URL of its pages."""
    process = subprocess.Popen(
        [*COMMAND, "--namenode", nowhere, "--jobtracker", nowhere],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    assert process.stdout is not None
    try:
        ready = process.stdout.readline()
        assert ready.startswith("web ready on 127.0.0.1:"), ready
        yield process, f"http://{ready.split()[-1]}"
    finally:
        process.kill()
        process.communicate()


def page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())


def test_it_works_while_both_masters_are_down(site, nowhere):
    _, url = site
    text = page(f"{url}/")
    assert f"NameNode {nowhere}" in text
    assert "No answer from the NameNode" in text
    assert "No answer from the JobTracker" in text
    # A page that was waited for once isn't waited for again.
    started = time.monotonic()
    page(f"{url}/jobs/job_1_1")
    page(f"{url}/")
    assert time.monotonic() - started < 10
    assert "blockstore_up 0.0" in page(f"{url}/metrics")
    assert page(f"{url}/healthz") == "ok\n"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        page(f"{url}/nothing")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_seconds_though_masters_hang(site, number):
    process, url = site
    page(f"{url}/")
    process.send_signal(number)
    assert process.wait(timeout=10) == 0


def test_it_does_not_listen_to_anybody_without_being_told(nowhere):
    refused = subprocess.run(
        [*COMMAND, "--host", "0.0.0.0", "--namenode", nowhere, "--jobtracker", nowhere],
        capture_output=True,
        text=True,
        timeout=60,
        # The secret is the cluster's: browsers don't have it.
        env=ENVIRONMENT | {"MAPRED_SECRET": "s3cret"},
        check=False,
    )
    assert refused.returncode == 2
    assert "--insecure" in refused.stderr
    assert refused.stdout == ""


def test_a_taken_port_is_told(site, nowhere):
    _, url = site
    port = url.rpartition(":")[2]
    refused = subprocess.run(
        [*COMMAND[:-1], port, "--namenode", nowhere, "--jobtracker", nowhere],
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT,
        check=False,
    )
    assert refused.returncode == 2
    assert f"can't listen on 127.0.0.1:{port}" in refused.stderr
