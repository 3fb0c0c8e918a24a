"""One stream's hold on a replica that it writes.

The hold ends with `finish`, `release` or `discard`, or when somebody else takes the replica
over (`lose`): a recovery, an update, a newer stream. From then on the stream's writes are
refused.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from blockstore.datanode.core import Event
from blockstore.datanode.openfiles import OpenFiles
from blockstore.errors import InvalidRequestException, StoreError
from blockstore.model import Block

# What became of a replica that somebody else writes now.
TAKEN: Final = "was taken from this stream by a recovery or another stream"


class BlockLock:
    """A reentrant lock that a WeakValueDictionary can hold."""

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class Keeper(Protocol):
    """What a Writing needs of the store; each is called with the block's lock held."""

    def lock(self, block_id: int) -> BlockLock:
        """The lock that keeps operations on one block apart."""
        ...

    def grew(self, block: Block) -> None:
        """An open replica has got longer."""
        ...

    def show(self, block_id: int, length: int) -> None:
        """Readers may see so many bytes."""
        ...

    def finish(self, writing: "Writing", later: bool = False) -> list[int]:
        """Makes the replica durable and named; `later`: with the number of its report."""
        ...

    def distrust(self, writing: "Writing") -> None:
        """A sync failed: the replica is thrown away."""
        ...

    def let_go(self, writing: "Writing") -> None:
        """The stream is over, the replica stays as it is."""
        ...

    def remove(self, block: Block) -> None:
        """Removes the replica."""
        ...


class Writing:
    """One stream's hold on an open replica, until `finish`, `release` or `discard`."""

    def __init__(self, store: Keeper, files: OpenFiles, event: Event) -> None:
        self.files = files
        self.event = event
        self._store = store
        # Taken while bytes are written: who ends the hold waits for that.
        self._lock = store.lock(files.block.id)
        self._ended = False
        self._lost = False
        self._tell_loss: Callable[[], None] = lambda: None

    @property
    def length(self) -> int:
        return self.files.length

    @property
    def chunk_bytes(self) -> int:
        return self.files.chunk_bytes

    def write(self, offset: int, crcs: memoryview | bytes, data: memoryview | bytes) -> None:
        """Takes over bytes that were checked against their checksums.

        Raises:
            InvalidRequestException: they don't go on from here, or the hold was lost.
            StoreError: the disk refused.
        """
        with self._lock:
            self._must_hold()
            if len(data):
                self.files.write(offset, crcs, data)
                if self.event is Event.FINALIZE:
                    self._store.grew(self.files.block)

    def sync(self) -> None:
        with self._lock:
            self._must_hold()
            with self._trusting():
                self.files.sync()

    def finish(self, later: bool = False) -> list[int]:
        """Durable and named.

        `later`: its writer tells of it, too. Returns the number of the first report that can tell
        of it; none where replicas are reported at once.
        """
        with self._lock:
            self._must_hold()
            with self._trusting():
                numbers = self._store.finish(self, later)
            self._ended = True
        return numbers

    def acknowledged(self, length: int) -> None:
        """The pipeline acknowledged so many bytes: readers may see them."""
        block_id = self.files.block.id
        with self._lock:
            if not self._ended and self.event is Event.FINALIZE:
                self._store.show(block_id, length)

    def release(self) -> None:
        """The stream broke: an open replica stays as it is, half a copy goes."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
            self._store.let_go(self)
            if self.event is Event.FINALIZE:
                self.files.close()
            else:
                self.files.discard()

    def discard(self) -> None:
        """The pipeline never stood: nobody has written to it, so it goes."""
        with self._lock:
            if self._ended:
                return
            if self.event is Event.FINALIZE and self.length == 0:
                self._store.remove(self.files.block)
            else:
                self.release()

    def lose(self) -> None:
        """Somebody else takes the replica over."""
        with self._lock:
            if not self._ended:
                self._ended = self._lost = True
                self.files.close()
                self._tell_loss()

    def when_lost(self, tell: Callable[[], None]) -> None:
        """Called with the block's lock held, by whoever takes the replica over; at once, if it was
        taken over already."""
        with self._lock:
            self._tell_loss = tell
            if self._lost:
                tell()

    @contextmanager
    def _trusting(self) -> Iterator[None]:
        try:
            yield
        except StoreError:
            ill = self.files.volume.failure is not None
            if self.files.untrusted and self.event is Event.FINALIZE and not ill:
                self._store.distrust(self)
            raise

    def _must_hold(self) -> None:
        if self._ended:
            raise InvalidRequestException(f"{self.files.block} {TAKEN}")
