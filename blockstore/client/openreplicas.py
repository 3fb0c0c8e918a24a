"""Local replicas that stay open between reads, for all readers of one client.

Rules
- Which were read last stay, up to so many descriptors and so many bytes of checksums, however many
  readers there are: nobody but a read that is going on holds another. One is opened again, at the
  price of a question to its DataNode, when it is wanted after it had to go.
- Readers of one file share its replicas. A reader that is closed lets go of what it alone has used.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from blockstore.client.shortcircuit import LocalReplica
from blockstore.model import Block, Node

# Each is a descriptor: a program that may have 256 of them still has the most of them.
OPEN_MAX: Final = 64
# Checksums are held in memory: 8 KiB for a block of 128 MiB, but 1 MiB where a chunk is 512 bytes.
CHECKSUM_BYTES_MAX: Final = 16 * 1024 * 1024


class Opener(Protocol):
    """Asks DataNodes for the files of their replicas (LocalReplicas)."""

    def may_be_local(self, node: Node) -> bool: ...

    def open(self, block: Block, node: Node) -> LocalReplica | None: ...


@dataclass(slots=True)
class _Open:
    node: Node
    replica: LocalReplica
    # Who has read in it and isn't closed yet.
    readers: set[object] = field(default_factory=set)


class OpenReplicas:
    """Of one client. Thread-safe."""

    def __init__(
        self,
        opener: Opener,
        open_max: int = OPEN_MAX,
        checksum_bytes_max: int = CHECKSUM_BYTES_MAX,
    ) -> None:
        self._opener = opener
        self._open_max = open_max
        self._checksum_bytes_max = checksum_bytes_max
        self._guard = threading.Lock()
        # By block id and stamp, the one read last at the end.
        self._open: OrderedDict[tuple[int, int], _Open] = OrderedDict()
        self._checksum_bytes = 0

    def __repr__(self) -> str:
        return f"OpenReplicas({len(self._open)} open, {self._checksum_bytes} bytes of checksums)"

    def find(
        self, reader: object, block: Block, candidates: Sequence[Node]
    ) -> tuple[Node, LocalReplica] | None:
        """A replica on one of the candidates; None when none of them has one to show.

        `reader` holds it until `let_go`, or until others were read more lately.
        """
        key = block.id, block.generation
        with self._guard:
            found = self._open.get(key)
            if found is not None and found.node in candidates:
                self._open.move_to_end(key)
                found.readers.add(reader)
                return found.node, found.replica
        for node in filter(self._opener.may_be_local, candidates):
            replica = self._opener.open(block, node)
            if replica is not None:
                self._keep(key, _Open(node, replica, {reader}))
                return node, replica
        return None

    def forget(self, block: Block) -> None:
        """There was trouble with it."""
        with self._guard:
            self._drop((block.id, block.generation))

    def let_go(self, reader: object) -> None:
        """The reader is closed."""
        with self._guard:
            for key, opened in list(self._open.items()):
                opened.readers.discard(reader)
                if not opened.readers:
                    self._drop(key)

    def close(self) -> None:
        """Lets all go, as soon as nobody reads in them."""
        with self._guard:
            self._open.clear()
            self._checksum_bytes = 0

    def _keep(self, key: tuple[int, int], opened: _Open) -> None:
        with self._guard:
            before = self._drop(key)
            if before is not None:
                opened.readers |= before.readers
            self._open[key] = opened
            self._checksum_bytes += opened.replica.checksum_bytes
            while len(self._open) > 1 and (
                len(self._open) > self._open_max or self._checksum_bytes > self._checksum_bytes_max
            ):
                self._drop(next(iter(self._open)))

    def _drop(self, key: tuple[int, int]) -> _Open | None:
        opened = self._open.pop(key, None)
        if opened is not None:
            self._checksum_bytes -= opened.replica.checksum_bytes
        return opened
