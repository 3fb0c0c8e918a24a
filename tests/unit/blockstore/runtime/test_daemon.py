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


def test_a_daemon_that_does_not_end_is_cut_off() -> None:
    code = (
        "import signal, threading\n"
        "from blockstore.runtime import daemon\n"
        "daemon.CUT_OFF_S = 0.1\n"
        "stop = daemon.stop_event_for_threads()\n"
        "signal.raise_signal(signal.SIGTERM)\n"
        "assert stop.is_set()\n"
        "threading.Event().wait()\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)

    assert done.returncode == daemon.CUT_OFF_CODE
    assert "cut off" in done.stderr
