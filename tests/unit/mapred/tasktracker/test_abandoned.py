"""Killed programs leave directories behind; the next one removes them, and no others."""

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from mapred.embedded import EmbeddedEngine
from mapred.tasktracker.abandoned import sweep
from mapred.tasktracker.workdirs import WorkDirs

_HOUR_S = 3600.0
_ENGINE = """
import sys
from mapred.embedded import EmbeddedEngine
if __name__ == "__main__":
    engine = EmbeddedEngine(1)
    print(flush=True)
    sys.stdin.read()
"""


def _left(place: Path, name: str, *, age_s: float = _HOUR_S, locked: bool = True) -> Path:
    folder = place / name
    work = folder / "job_20260101000000_0001" / "attempt"
    work.mkdir(parents=True)
    (work / "spill-0").write_bytes(b"0" * 1000)
    if locked:
        (folder / "lock").touch()
    _age(folder, age_s)
    return folder


def _age(folder: Path, age_s: float = _HOUR_S) -> None:
    long_ago = time.time() - age_s
    os.utime(folder, (long_ago, long_ago))


def test_what_nobody_holds_is_removed_and_nothing_else(tmp_path: Path) -> None:
    _left(tmp_path, "mapred-abcd_123")
    kept = {
        _left(tmp_path, "mapred-notlockd", locked=False),
        _left(tmp_path, "mapred-justmade", age_s=0),
        _left(tmp_path, "mapred-loop-abcd_123"),
        _left(tmp_path, "precious"),
    }
    used = _left(tmp_path, "mapred-is_used_")
    workdirs = WorkDirs(str(used))
    workdirs.lock()
    _age(used)

    sweep(str(tmp_path))

    assert set(tmp_path.iterdir()) == {*kept, used}
    assert (used / "job_20260101000000_0001").exists()
    workdirs.close()


def test_an_engine_removes_what_a_killed_one_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "engine.py"
    script.write_text(_ENGINE)
    place = tmp_path / "tmp"
    place.mkdir()
    killed = subprocess.Popen(
        [sys.executable, script],
        env={**os.environ, "TMPDIR": str(place)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert killed.stdout
        assert killed.stdout.readline()
    finally:
        os.killpg(killed.pid, signal.SIGKILL)
        killed.communicate(timeout=60)
    (left,) = place.glob("mapred-????????")
    with open(left / "lock", "rb") as lock:
        # Its task processes are ended, too, when it can be had.
        fcntl.flock(lock, fcntl.LOCK_EX)
    _age(left)

    monkeypatch.setattr(tempfile, "tempdir", str(place))
    with EmbeddedEngine(1):
        until = time.monotonic() + 60
        while left.exists() and time.monotonic() < until:
            time.sleep(0.02)
    assert not left.exists()
