"""Detached processes: started in a session of their own, known by pid and birth.

A pid alone names nobody: the kernel gives it to the next process. The birth of a process
(the boot it lives in, and its start in clock ticks since that boot) makes it certain, and
unlike a time of day it doesn't move when the clock is set.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_PAUSE_S: Final = 0.02


def birth(pid: int) -> str | None:
    """The birth of the process with this pid; None when there is none, or only its zombie."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command's name, in parentheses, may hold anything; fields are counted behind it.
    fields = stat.rpartition(")")[2].split()
    state, start_ticks = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}/{start_ticks}"


def is_alive(pid: int, born: str) -> bool:
    return birth(pid) == born


def start(arguments: Sequence[str], *, log: Path, directory: Path) -> "subprocess.Popen[bytes]":
    """Starts `mapred ARGUMENTS`, detached; stdout and stderr are appended to `log`."""
    with open(log, "ab") as output:
        return subprocess.Popen(
            # -P: no file of the working directory gets in the way of an import.
            [sys.executable, "-P", "-m", "mapred_cli.main", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            start_new_session=True,
        )


def end(processes: Sequence[tuple[int, str]], *, grace_s: float) -> list[int]:
    """SIGTERM to all, SIGKILL to those that are still there after `grace_s`; the latter's pids.

    What a killed daemon leaves of its session (task processes) is killed too.
    """
    # Who died before today left nothing that could be told from a stranger's.
    living = [(pid, born) for pid, born in processes if is_alive(pid, born)]
    for pid, born in living:
        _send(pid, born, signal.SIGTERM)
    stubborn = _wait_gone(living, grace_s)
    for pid, born in stubborn:
        _send(pid, born, signal.SIGKILL)
    for pid, _ in living:
        _kill_session(pid)
    _wait_gone(stubborn, grace_s)
    return [pid for pid, _ in stubborn]


def _send(pid: int, born: str, number: int) -> None:
    if is_alive(pid, born):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _kill_session(leader: int) -> None:
    # The leader is gone; its id stays taken while any member of its group lives.
    if birth(leader) is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)


def _wait_gone(processes: Sequence[tuple[int, str]], wait_s: float) -> list[tuple[int, str]]:
    """Those that are still there after `wait_s`."""
    deadline = time.monotonic() + wait_s
    while True:
        left = [(pid, born) for pid, born in processes if is_alive(pid, born)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(_PAUSE_S)
