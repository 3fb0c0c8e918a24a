"""Verified bytes of a file, from whichever replica gives them.

Rules
- Replicas are tried nearest first; nodes that didn't answer lately are tried last.
- A replica that fails in mid-stream is left, and reading goes on with another at the very
  byte; one with a wrong checksum is reported to the NameNode and never asked again.
- Bytes come from a node's byte port, and over gRPC where it has none, or none that can be reached.
- A replica whose first bytes are slow is raced against the next, over gRPC.
- When all have failed the NameNode is asked again, until the block had no readable replica
  for `missing_after_s`; a NameNode in safe mode is still hearing where the replicas are.
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Final, Protocol

from blockstore.client.administration import Administration
from blockstore.client.byteports import BytePorts
from blockstore.client.bytesource import ByteSource
from blockstore.client.exclusions import excluded as exclusion
from blockstore.client.namenode import NameNodeClient
from blockstore.client.openreplicas import OpenReplicas
from blockstore.client.patience import SILENT_S
from blockstore.client.replicastream import ReplicaStream
from blockstore.client.room import Room
from blockstore.client.settings import ClientSettings
from blockstore.client.shortcircuit import LocalReplica
from blockstore.client.smallrange import FETCH_BYTES_MAX, SmallRange, SmallRanges
from blockstore.errors import (
    BlockMissingException,
    ChecksumException,
    StoreError,
    UnreachableException,
)
from blockstore.model import Block, Excluded, LocatedBlock, Node
from blockstore.peers import Peers
from blockstore.runtime.clock import Clock

log = logging.getLogger(__name__)

# A node that didn't answer is asked last for so long.
SUSPECT_S: Final = 30.0
# How long a NameNode may be in safe mode before a block counts as missing.
SAFE_MODE_S: Final = 60.0
# Between rounds of asking the NameNode for replicas.
_ROUND_BASE_S: Final = 0.1
_ROUND_CAP_S: Final = 2.0


class _Source(Protocol):
    def take(self, timeout_s: float) -> memoryview: ...

    def cancel(self) -> None: ...


class BlocksOfFile(Protocol):
    """Where the bytes are: a FileMap, or an AppendedBlock."""

    path: str
    # Bytes that may be read.
    length: int

    def find(self, offset: int) -> LocatedBlock: ...

    def refresh(self) -> None: ...


class _LocalSource:
    """A local replica as a source. Who has taken a piece and waits holds no file."""

    def __init__(self, find: Callable[[], LocalReplica], offset: int, end: int) -> None:
        """`find` raises OSError when the replica isn't there any more."""
        self._find = find
        self._offset = offset
        self._end = end

    def take(self, timeout_s: float) -> memoryview:
        piece = self._find().run(self._offset, self._end)
        self._offset += len(piece)
        return piece

    def cancel(self) -> None:
        """Nothing goes on."""


class Fetcher:
    """Reads one file for one open reader. Thread-safe."""

    def __init__(
        self,
        file: BlocksOfFile,
        namenode: NameNodeClient,
        peers: Peers,
        ranges: SmallRanges,
        local: OpenReplicas | None,
        settings: ClientSettings,
        clock: Clock,
        ports: BytePorts | None = None,
    ) -> None:
        """Without `ports` nothing comes from byte ports."""
        self.file = file
        self._namenode = namenode
        self._peers = peers
        self._ranges = ranges
        self._local = local
        self._settings = settings
        self._clock = clock
        self._ports = ports
        # Replicas with wrong bytes, by block id and node id: never asked again.
        self._rotten: dict[tuple[int, str], Excluded] = {}
        self._suspects: dict[str, float] = {}
        # Blocks whose local files can't be used.
        self._wire_only: set[int] = set()
        self._closed = False

    def pieces(self, offset: int, end: int, room: Room | None = None) -> Iterator[memoryview]:
        """The bytes from `offset` to `end`, in order; a piece may lie in what `room` offers.

        Raises:
            BlockMissingException: no replica of a block can be read.
            EOFException: the file was cut meanwhile, to less than `end`.
            FileNotFoundException: the file was deleted meanwhile.
        """
        while offset < end:
            for piece in self._of_block(offset, end, room or Room()):
                offset += len(piece)
                yield piece

    def read_into(self, offset: int, target: memoryview) -> int:
        """Bytes at `offset`, up to the end of a block, without a copy: from a local replica
        straight into `target`. 0 when `pieces` has to be asked; `target` may be overwritten
        beyond what is returned.
        """
        if self._local is None or offset >= self.file.length:
            return 0
        located = self.file.find(offset)
        if not self._may_be_local(located):
            return 0
        block, start = located.block, offset - located.offset
        stop = min(block.length, start + len(target), self.file.length - located.offset)
        found = self._find_local(block, self._candidates(located, {}))
        if found is None or found[1].length < stop:
            return 0
        try:
            return found[1].run_into(target, start, stop)
        except OSError as error:
            self._leave_local(located, error)
            return 0

    def _of_block(self, offset: int, end: int, room: Room) -> Iterator[memoryview]:
        """Bytes of the block at `offset`: at least one piece, in spite of failures."""
        trouble = _Trouble(self, offset)
        while True:
            located = self.file.find(offset)
            end = min(end, located.offset + located.block.length)
            candidates = self._candidates(located, trouble.reasons)
            if not candidates:
                trouble.next_round(located)
                continue
            node, source = self._open(located, candidates, offset, end, room)
            try:
                while offset < end:
                    asked_at = self._clock.monotonic()
                    piece = source.take(self._settings.read_stall_s)
                    offset += len(piece)
                    trouble.over()
                    yield piece
                return
            except OSError as error:
                if isinstance(source, _LocalSource):
                    self._leave_local(located, error)
                else:
                    if self._clock.monotonic() - asked_at >= SILENT_S:
                        log.warning("%s is read on elsewhere: %s", located.block, error)
                    trouble.failed(located, node, error)
            finally:
                source.cancel()

    def close(self) -> None:
        """Lets the local files go, as soon as nobody reads in them."""
        self._closed = True
        if self._local is not None:
            self._local.let_go(self)

    def _candidates(self, located: LocatedBlock, failed: Mapping[str, Excluded]) -> list[Node]:
        now = self._clock.monotonic()
        usable = [
            node
            for node in located.nodes
            if node.node_id not in failed and (located.block.id, node.node_id) not in self._rotten
        ]
        return sorted(usable, key=lambda node: self._suspects.get(node.node_id, 0.0) > now)

    def _open(
        self, located: LocatedBlock, candidates: list[Node], offset: int, end: int, room: Room
    ) -> tuple[Node, _Source]:
        block, start, stop = located.block, offset - located.offset, end - located.offset
        first = candidates[0]
        if self._may_be_local(located):
            found = self._find_local(block, candidates)
            if found is not None and found[1].length >= stop:
                again = partial(self._find_again, block, candidates)
                return found[0], _LocalSource(again, start, stop)
        hedge_after_s = self._settings.hedge_after_s
        try:
            if source := self._from_port(first, block, start, stop, room):
                return first, source
        except UnreachableException:
            # It was slow enough.
            self._suspect(first)
            hedge_after_s = 0.0
        else:
            if small := self._fetched(block, first, start, stop):
                return first, small
        changed = threading.Condition()
        stream = ReplicaStream(self._peers.dial(first), block, first, start, stop, changed)
        if len(candidates) == 1 or self._has_come(changed, [stream], hedge_after_s):
            return first, stream
        second = candidates[1]
        log.info("%s is slow with %s: %s is asked as well", first, block, second)
        rival = ReplicaStream(self._peers.dial(second), block, second, start, stop, changed)
        self._has_come(changed, [stream, rival], self._settings.read_stall_s)
        with changed:
            winner = rival if rival.has_pieces and not stream.has_pieces else stream
        (stream if winner is rival else rival).cancel()
        return winner.node, winner

    def _from_port(
        self, node: Node, block: Block, start: int, stop: int, room: Room
    ) -> ByteSource | None:
        """None where the node has no port that can be reached.

        Raises:
            UnreachableException: it answers nothing in time.
        """
        if self._ports is None or not node.byte_port:
            return None
        source = ByteSource(self._ports, node, block, start, stop, room)
        return source if source.begin() else None

    def _fetched(self, block: Block, node: Node, start: int, stop: int) -> SmallRange | None:
        """None when a stream has to say what is wrong, or another node is to be raced."""
        if stop - start > FETCH_BYTES_MAX:
            return None
        try:
            return self._ranges.fetch(block, node, start, stop)
        except StoreError as error:
            log.info("%s of %s is streamed: %s", node, block, error)
            return None

    def _may_be_local(self, located: LocatedBlock) -> bool:
        return (
            self._local is not None
            and not located.under_construction
            and located.block.id not in self._wire_only
        )

    def _find_local(self, block: Block, candidates: list[Node]) -> tuple[Node, LocalReplica] | None:
        assert self._local is not None
        found = self._local.find(self, block, candidates)
        if self._closed:
            # While it was looked for.
            self._local.let_go(self)
        if found is None:
            # Asking the local node again at each place of the block would cost more than the wire.
            self._wire_only.add(block.id)
        return found

    def _find_again(self, block: Block, candidates: list[Node]) -> LocalReplica:
        found = self._find_local(block, candidates)
        if found is None:
            raise OSError(f"the local files of {block} can't be opened any more")
        return found[1]

    @staticmethod
    def _has_come(
        changed: threading.Condition, streams: list[ReplicaStream], timeout_s: float
    ) -> bool:
        with changed:
            return changed.wait_for(lambda: any(stream.has_come for stream in streams), timeout_s)

    def _leave_local(self, located: LocatedBlock, error: OSError) -> None:
        """Trouble with local files proves nothing: the same replica is tried over the wire."""
        log.info("%s is read over the wire: %s", located.block, error)
        self._wire_only.add(located.block.id)
        if self._local is not None:
            self._local.forget(located.block)

    def blame(self, located: LocatedBlock, node: Node, error: OSError) -> None:
        """Remembers, and tells the NameNode of wrong bytes."""
        if isinstance(error, UnreachableException):
            self._suspect(node)
        if not isinstance(error, ChecksumException):
            return
        log.warning("%s on %s is damaged: %s", located.block, node, error)
        self._rotten[located.block.id, node.node_id] = Excluded(node, str(error))
        try:
            self._namenode.report_bad_replica(located.block, node.node_id, str(error))
        except StoreError as failure:
            log.info("the NameNode could not be told: %s", failure)

    def _suspect(self, node: Node) -> None:
        self._suspects[node.node_id] = self._clock.monotonic() + SUSPECT_S

    def is_safe_mode(self) -> bool:
        try:
            return Administration(self._namenode, self._peers).safe_mode("get").on
        except StoreError:
            return False

    def rotten(self, located: LocatedBlock) -> list[Excluded]:
        return [why for (block_id, _), why in self._rotten.items() if block_id == located.block.id]

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def missing_after_s(self) -> float:
        return self._settings.missing_after_s


class _Trouble:
    """What went wrong with the block at one place of the file since its last good byte."""

    def __init__(self, fetcher: Fetcher, offset: int) -> None:
        self._fetcher = fetcher
        self._since: float | None = None
        self._pause_s = _ROUND_BASE_S
        # Whether somebody has been told that this wait is one.
        self._said = False
        # This round's failures by node id, and the last reason of every node ever asked.
        self.reasons: dict[str, Excluded] = {}
        self._history: dict[str, Excluded] = {}

    def failed(self, located: LocatedBlock, node: Node, error: OSError) -> None:
        self._start()
        self.reasons[node.node_id] = self._history[node.node_id] = exclusion(node, str(error))
        self._fetcher.blame(located, node, error)

    def over(self) -> None:
        self._since = None
        self._said = False
        self._pause_s = _ROUND_BASE_S

    def next_round(self, located: LocatedBlock) -> None:
        """All replicas have failed: waits and asks the NameNode again, or gives up."""
        self._start()
        assert self._since is not None
        clock = self._fetcher.clock
        silence_s = clock.monotonic() - self._since
        if silence_s > self._fetcher.missing_after_s and not (
            silence_s < SAFE_MODE_S and self._fetcher.is_safe_mode()
        ):
            raise BlockMissingException(self._message(located))
        if silence_s >= SILENT_S and not self._said:
            self._said = True
            log.warning("waiting for a while: %s", self._message(located))
        clock.sleep(self._pause_s)
        self._pause_s = min(_ROUND_CAP_S, 2 * self._pause_s)
        self.reasons.clear()
        self._fetcher.file.refresh()

    def _start(self) -> None:
        if self._since is None:
            self._since = self._fetcher.clock.monotonic()

    def _message(self, located: LocatedBlock) -> str:
        holders = {why.node.node_id: why for why in located.last_holders}
        holders |= self._history
        holders |= {why.node.node_id: why for why in self._fetcher.rotten(located)}
        block, start = located.block, located.offset
        return (
            f"{self._fetcher.file.path}: no replica of {block} (bytes {start} to "
            f"{start + block.length}) can be read. {_hope(holders.values())}"
        )


def _hope(holders: Collection[Excluded]) -> str:
    if not holders:
        return (
            "No DataNode has reported one since the NameNode began: the bytes are there again when "
            "the one that holds them is. Which are absent: mapred admin safemode why"
        )
    words = "; ".join(map(str, holders))
    return f"Last holders: {words}. The bytes are there again when one of these nodes is"
