import subprocess
import sys

import pytest

from blockstore.errors import ConfigException
from blockstore.runtime import daemon
from blockstore.runtime.daemon import check_bind


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.1.2.3"])
def test_loopback_needs_no_secret(host: str) -> None:
    check_bind("namenode", host, secret=None, insecure=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.4", "namenode"])
def test_an_open_door_needs_a_secret_or_the_users_word(host: str) -> None:
    with pytest.raises(ConfigException, match="MAPRED_SECRET"):
        check_bind("namenode", host, secret=None, insecure=False)
    check_bind("namenode", host, secret="sesame", insecure=False)
    check_bind("namenode", host, secret=None, insecure=True)


def run_daemon(*lines: str) -> "subprocess.CompletedProcess[str]":
    """A program that waits for its end, with these lines in between."""
    head = (
        "import signal, threading",
        "from blockstore.runtime import daemon",
        "daemon.CUT_OFF_S = 0.1",
        "stop = daemon.stop_event_for_threads()",
    )
    code = "\n".join((*head, *lines))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_the_waiting(name: str) -> None:
    done = run_daemon(
        "daemon.CUT_OFF_S = 60",
        f"signal.raise_signal(signal.{name})",
        "assert stop.wait(60)",
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_signal_in_the_middle_of_the_waiting_ends_it() -> None:
    # What `stop.wait()` holds for a moment; the handler used to want it, too, and both hung.
    done = run_daemon(
        "daemon.CUT_OFF_S = 60",
        "with stop._cond: signal.raise_signal(signal.SIGTERM)",
        "assert stop.wait(60)",
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_daemon_that_does_not_end_is_cut_off_and_says_where_it_was() -> None:
    done = run_daemon(
        "def hang(): threading.Event().wait()",
        "signal.raise_signal(signal.SIGTERM)",
        "hang()",
    )
    assert done.returncode == daemon.CUT_OFF_CODE
    assert "cut off" in done.stderr
    assert "in hang" in done.stderr


def test_a_daemon_that_can_not_even_say_so_is_cut_off() -> None:
    done = run_daemon(
        "import logging",
        "logging.basicConfig()",
        "signal.raise_signal(signal.SIGTERM)",
        "with logging.getLogger().handlers[0].lock: threading.Event().wait()",
    )
    assert done.returncode == daemon.CUT_OFF_CODE


@pytest.mark.parametrize(("hard", "gets"), [(1024, 512), (400, 400), (256, 256)])
def test_a_daemon_takes_the_descriptors_that_it_may_have(hard: int, gets: int) -> None:
    code = (
        "import resource; from blockstore.runtime import daemon; daemon._DESCRIPTORS = 512;"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (256, {hard}));"
        "daemon.take_descriptors(); print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"({gets}, {hard})\n"
