"""Killed programs leave directories behind; the next one removes them, and no others."""

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from mapred.embedded import EmbeddedEngine
from mapred.owndirs import KINDS, REMOVED_MAX, OwnDirectory, sweep
from mapred.tasktracker.workdirs import WorkDirs

_HOUR_S = 3600.0
_ENGINE = """
import sys
from mapred.embedded import EmbeddedEngine
from mapred.owndirs import KINDS, OwnDirectory
if __name__ == "__main__":
    own = [OwnDirectory(kind) for kind in KINDS]
    engine = EmbeddedEngine(1)
    print(flush=True)
    sys.stdin.read()
"""


def _left(place: Path, name: str, *, age_s: float = _HOUR_S, lock: str = "lock") -> Path:
    folder = place / name
    work = folder / "job_20260101000000_0001" / "attempt"
    work.mkdir(parents=True)
    (work / "spill-0").write_bytes(b"0" * 1000)
    if lock:
        (folder / lock).touch()
    _age(folder, age_s)
    return folder


def _age(folder: Path, age_s: float = _HOUR_S) -> None:
    long_ago = time.time() - age_s
    os.utime(folder, (long_ago, long_ago))


def test_what_nobody_holds_is_removed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    own = OwnDirectory("fit")
    # It sweeps beside us, once.
    for thread in threading.enumerate():
        if thread.name == "sweeper":
            thread.join(60)
    (own.path / "rows.npy").touch()
    _age(own.path)
    _left(tmp_path, "mapred-abcd_123")
    for kind in KINDS:
        _left(tmp_path, f"mapred-{kind}-abcd_123", lock=".mapred-lock")
    kept = {
        _left(tmp_path, "mapred-notlockd", lock=""),
        _left(tmp_path, "mapred-justmade", age_s=0),
        # As versions before left them.
        _left(tmp_path, "mapred-loop-abcd_124", lock=""),
        _left(tmp_path, "mapred-loop-abcd_125", lock="lock"),
        _left(tmp_path, "mapred-loop-abcd_126", lock=".mapred-lock", age_s=0),
        _left(tmp_path, "mapred-other-abcd_123", lock=".mapred-lock"),
        _left(tmp_path, "precious"),
    }
    used = _left(tmp_path, "mapred-is_used_")
    workdirs = WorkDirs(str(used))
    workdirs.lock()
    _age(used)

    sweep(str(tmp_path))

    assert set(tmp_path.iterdir()) == {*kept, used, own.path}
    assert (used / "job_20260101000000_0001").exists()
    assert (own.path / "rows.npy").exists()
    workdirs.close()
    for _ in range(2):
        own.remove()
    assert not own.path.exists()


def test_the_lock_is_what_is_removed_last(monkeypatch: pytest.MonkeyPatch) -> None:
    own = OwnDirectory("fit")
    for number in range(50):
        (own.path / f"rows-{number}.npy").touch()
    removed: list[str] = []
    unlink = os.unlink

    def noted(path: str, **options: int) -> None:
        removed.append(os.path.basename(path))
        unlink(path, **options)

    monkeypatch.setattr(os, "unlink", noted)
    own.remove()
    monkeypatch.undo()
    assert len(removed) == 51
    assert removed[-1] == ".mapred-lock"


def test_a_program_removes_no_more_than_a_few(tmp_path: Path) -> None:
    for number in range(REMOVED_MAX + 3):
        _left(tmp_path, f"mapred-loop-{number:08d}", lock=".mapred-lock")
    sweep(str(tmp_path))
    assert len(list(tmp_path.iterdir())) == 3
    sweep(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


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
    left = set(place.glob("mapred-*"))
    assert len(left) == 1 + len(KINDS)
    (engine,) = place.glob("mapred-????????")
    with open(engine / "lock", "rb") as lock:
        # Its task processes are ended, too, when it can be had.
        fcntl.flock(lock, fcntl.LOCK_EX)
    for folder in left:
        _age(folder)

    monkeypatch.setattr(tempfile, "tempdir", str(place))
    with EmbeddedEngine(1):
        until = time.monotonic() + 60
        while left & set(place.iterdir()) and time.monotonic() < until:
            time.sleep(0.02)
    assert not left & set(place.iterdir())
