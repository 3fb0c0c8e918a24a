"""A pid with its birth names one process; ending is sure and touches nobody else."""

import os
import subprocess
import sys

import pytest
from mapred_cli import processes

# Says that it's ready, then ignores SIGTERM.
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('ready', flush=True); time.sleep(60)"
)


@pytest.fixture
def start():
    """Starts `python -c code` in a session of its own and waits for its first line."""
    started = []

    def run(code):
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
        )
        started.append(process)
        process.stdout.readline()
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_process_is_known_by_its_birth():
    born = processes.birth(os.getpid())

    assert processes.is_alive(os.getpid(), born)
    assert not processes.is_alive(os.getpid(), "another boot/12")


def test_a_zombie_is_dead(start):
    process = start("print()")
    born = processes.birth(process.pid)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert processes.birth(process.pid) is None
    assert not processes.is_alive(process.pid, born or "")


def test_a_polite_process_ends_on_sigterm(start):
    process = start("import time; print(flush=True); time.sleep(60)")

    killed = processes.end([(process.pid, processes.birth(process.pid))], grace_s=20)

    assert killed == []
    assert process.wait() == -15


def test_a_stubborn_process_is_killed(start):
    process = start(STUBBORN)

    killed = processes.end([(process.pid, processes.birth(process.pid))], grace_s=0.1)

    assert killed == [process.pid]
    assert process.wait() == -9


def test_what_a_killed_process_leaves_of_its_session_goes_too(start):
    process = start(
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)"
    )
    members = [
        pid
        for pid in map(int, filter(str.isdecimal, os.listdir("/proc")))
        if pid != process.pid and _session(pid) == process.pid
    ]
    assert len(members) == 1

    processes.end([(process.pid, processes.birth(process.pid))], grace_s=20)

    assert processes._wait_gone([(members[0], processes.birth(members[0]) or "")], 20) == []


def _session(pid):
    try:
        return os.getsid(pid)
    except OSError:
        return None


def test_a_stranger_with_the_same_pid_is_left_alone(start):
    process = start("import time; print(flush=True); time.sleep(60)")

    assert processes.end([(process.pid, "another boot/12")], grace_s=0.1) == []
    assert process.poll() is None
