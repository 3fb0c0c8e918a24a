"""The directory of an engine within a program: made for it, and gone with it.

A program that is killed outright leaves its directory behind, with all that its tasks spilt. The
next engine of the same user removes that: nobody holds the directory's lock any more.
"""

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
import threading
import time
from typing import Final

from mapred.tasktracker.workdirs import LOCK

_PREFIX: Final = "mapred-"
# As `tempfile` makes names.
_OURS: Final = re.compile(re.escape(_PREFIX) + "[a-z0-9_]{8}")
# A directory that has just been made isn't locked yet.
_FRESH_S: Final = 60.0


def own_directory() -> str:
    """A new one; what others left is removed meanwhile."""
    made = tempfile.mkdtemp(prefix=_PREFIX)
    threading.Thread(
        target=sweep, args=(os.path.dirname(made),), name="sweeper", daemon=True
    ).start()
    return made


def sweep(place: str) -> None:
    """Removes the directories below `place` that killed programs of this user left."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(place):
            if _OURS.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                # One that can't be removed doesn't spare the others.
                with contextlib.suppress(OSError):
                    _remove_left(entry.path, entry.stat(follow_symlinks=False))


def _remove_left(folder: str, found: os.stat_result) -> None:
    if found.st_uid != os.getuid() or time.time() - found.st_mtime < _FRESH_S:
        return
    descriptor = os.open(f"{folder}/{LOCK}", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The lock goes last: a sweep that is cut short is ended by the next one.
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            elif entry.name != LOCK:
                os.unlink(entry.path)
        os.unlink(f"{folder}/{LOCK}")
        os.rmdir(folder)
    finally:
        os.close(descriptor)
