"""A large file of a loop's state on this machine: one task process fetches it, and all map it.

    FOLDER/state-<sha256>    whole and checked: it was put there by a rename

The folder is the loop's own on a tracker's disk. It is locked by who fetches, so that the bytes
come once; who has waited in vain fetches for itself. The system keeps the pages once, however many
processes have them mapped. Whoever goes on to the next state takes the name of the old one away:
it is gone when nobody has it mapped any more.

From where it comes, see storage: of a file in the block store every node that has a replica hands
it on in chunks, and another one goes on where one dies.
"""

import fcntl
import hashlib
import mmap
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from mapred.storage.port import Storage

# A smaller one is read by each process.
BYTES_MIN: Final = 1024 * 1024
_CHUNK_BYTES: Final = 4 * 1024 * 1024
# For another process that fetches it; a task that stands still for longer is ended.
_WAIT_S: Final = 30.0
_LOOK_AGAIN_S: Final = 0.01


class NotWholeError(OSError):
    """What was fetched has another hash."""


def copy_in(folder: Path, sha256: str) -> Path:
    return folder / f"state-{sha256}"


def node_copy(uri: str, sha256: str, copy: Path, storage: Storage) -> memoryview | None:
    """The file's bytes, which can't be changed; None: it's too small to be copied.

    Raises:
        NotWholeError: it has other bytes.
        OSError: it can't be fetched, or there is no room for it.
    """
    with suppress(FileNotFoundError):
        return _mapped(copy)
    if storage.stat(uri).length < BYTES_MIN:
        return None
    with _alone(copy.parent):
        with suppress(FileNotFoundError):
            return _mapped(copy)
        _fetch(uri, sha256, copy, storage)
        return _mapped(copy)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        deadline = time.monotonic() + _WAIT_S
        while not _locked(descriptor) and time.monotonic() < deadline:
            time.sleep(_LOOK_AGAIN_S)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _mapped(path: Path) -> memoryview:
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _fetch(uri: str, sha256: str, copy: Path, storage: Storage) -> None:
    descriptor, name = tempfile.mkstemp(prefix="fetched-", dir=copy.parent)
    try:
        digest, length = hashlib.sha256(), 0
        with os.fdopen(descriptor, "wb") as target, storage.open_read(uri) as source:
            while data := source.read(_CHUNK_BYTES):
                digest.update(data)
                length += len(data)
                target.write(data)
        if digest.hexdigest() != sha256:
            raise NotWholeError(f"{uri} has {length} bytes of another hash: {digest.hexdigest()}")
        os.rename(name, copy)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise
