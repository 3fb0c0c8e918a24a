"""Directories below the system's temporary one that are a program's own, and gone with it.

    mapred-<8 letters>/lock                   of an engine (tasktracker/workdirs.py)
    mapred-<kind>-<8 letters>/.mapred-lock    of others: KINDS

The program holds the lock for as long as it uses the directory. One that is killed outright leaves
its directories behind, with all that its tasks spilt or its fits decoded. The next programs of the
same user remove them, some each: nobody holds their locks any more. What has no lock file is left
alone, since nobody can tell whose it is.
"""

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["archives", "fit", "job", "loop", "streaming"]
KINDS: Final[tuple[Kind, ...]] = ("archives", "fit", "job", "loop", "streaming")

ENGINE_LOCK: Final = "lock"
# A job's own files are beside it.
_LOCK: Final = ".mapred-lock"
_PREFIX: Final = "mapred-"
# As `tempfile` makes names.
_ENGINES: Final = re.compile(f"{_PREFIX}[a-z0-9_]{{8}}")
_OTHERS: Final = re.compile(f"{_PREFIX}(?:{'|'.join(KINDS)})-[a-z0-9_]{{8}}")
# A directory that has just been made isn't locked yet.
_FRESH_S: Final = 60.0
# By one program: it has other things to do.
REMOVED_MAX: Final = 20

_sweeping: Final = threading.Lock()
# Where this program has swept; guarded by the lock.
_swept: Final[set[str]] = set()


class OwnDirectory:
    """One of a kind, from its construction until `remove`; or for as long as a block lasts."""

    def __init__(self, kind: Kind) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{kind}-"))
        self._lock: int | None = _locked(self.path / _LOCK)
        _sweep_once(self.path.parent)

    def remove(self) -> None:
        """With all that is in it. Safe to call twice."""
        with contextlib.suppress(OSError):
            _empty(str(self.path), _LOCK)
        shutil.rmtree(self.path, ignore_errors=True)
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"OwnDirectory({self.path})"


def engine_directory() -> str:
    """A new one; who asks holds its lock, and removes it."""
    made = tempfile.mkdtemp(prefix=_PREFIX)
    _sweep_once(Path(made).parent)
    return made


def _locked(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        # A file system without locks. Nobody is to take it for one that isn't in use.
        os.close(descriptor)
        path.unlink()
        return None
    return descriptor


def _sweep_once(place: Path) -> None:
    with _sweeping:
        if str(place) in _swept:
            return
        _swept.add(str(place))
    threading.Thread(target=sweep, args=(str(place),), name="sweeper", daemon=True).start()


def sweep(place: str) -> None:
    """Removes directories below `place` that killed programs of this user left."""
    removed = 0
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            lock = _lock_of(entry.name)
            if lock and entry.is_dir(follow_symlinks=False):
                # One that can't be removed doesn't spare the others.
                with contextlib.suppress(OSError):
                    removed += _remove_left(entry.path, lock, entry.stat(follow_symlinks=False))
            if removed == REMOVED_MAX:
                return


def _lock_of(name: str) -> str:
    if _OTHERS.fullmatch(name):
        return _LOCK
    return ENGINE_LOCK if _ENGINES.fullmatch(name) else ""


def _remove_left(folder: str, lock: str, found: os.stat_result) -> bool:
    if found.st_uid != os.getuid() or time.time() - found.st_mtime < _FRESH_S:
        return False
    descriptor = os.open(f"{folder}/{lock}", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _empty(folder, lock)
        os.unlink(f"{folder}/{lock}")
        os.rmdir(folder)
    finally:
        os.close(descriptor)
    return True


def _empty(folder: str, lock: str) -> None:
    """The lock stays: what is cut short here is ended by another program's sweep."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        elif entry.name != lock:
            os.unlink(entry.path)
