"""A large file of a loop's state on this machine: one task process gathers it, and all map it.

The folder is the loop's own on a tracker's disk (partialcopy.py says what is in it). It is locked
by who gathers, so that the bytes come once; who has waited in vain joins in. The system keeps the
pages once, however many processes have them mapped. Whoever goes on to the next state takes the
names of the old one away: it is gone when nobody has it mapped any more.
"""

import fcntl
import mmap
import os
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mapred.iterative.chunks import Chunks
from mapred.iterative.gather import Alone, Gathering, Peer, Peers, Traffic
from mapred.iterative.partialcopy import PartialCopy, copy_in, remove_others
from mapred.storage.port import Storage

# For another process that gathers; a task that stands still for longer is ended.
_WAIT_S: Final = 30.0
_LOOK_AGAIN_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Node:
    """What a task process knows of its machine, and of the others at its loop."""

    # Shared by the loop's processes.
    folder: Path
    tracker_id: str = ""
    others: Sequence[Peer] = ()
    peers: Peers = field(default_factory=Alone)


def node_copy(
    uri: str, chunks: Chunks, storage: Storage, node: Node, traffic: Traffic
) -> memoryview:
    """The file's bytes, which can't be changed.

    Raises:
        NotWholeError: it has other bytes.
        OSError: it can't be had, or there is no room for it.
    """
    copy = copy_in(node.folder, chunks.sha256)
    with suppress(FileNotFoundError):
        return _mapped(copy)
    node.folder.mkdir(parents=True, exist_ok=True)
    with _alone(node.folder):
        with suppress(FileNotFoundError):
            return _mapped(copy)
        with closing(PartialCopy(node.folder, chunks)) as partial:
            Gathering(
                partial, uri, storage, node.peers, node.tracker_id, node.others, traffic
            ).run()
            return _mapped(partial.publish())


def forget_others(folder: Path, wanted: Collection[str]) -> None:
    """Of all states but these hashes, unless somebody gathers one just now."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if _locked(descriptor):
                remove_others(folder, wanted)
        finally:
            os.close(descriptor)


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
