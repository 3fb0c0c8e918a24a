"""A file being written: `with store.open(path, "wb") as file: file.write(...)`.

Bytes gather in packets of 4 MiB; a packet goes down the pipeline with its checksums.
The tail of a packet that ended inside a chunk (after a flush) is kept and sent again as
the beginning of the next, so that packets always start at chunk borders.

A block is begun with its first packet. So a small file that nobody flushed is all there when it is
closed, and goes to its nodes as a whole (wholeblocks.py).
"""

import io
import logging
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final

from blockstore import checksum
from blockstore.client.blockoutput import BlockOutput
from blockstore.client.exclusions import Exclusions, excluded
from blockstore.client.namenode import NameNodeClient
from blockstore.client.pipelines import Pipelines
from blockstore.client.settings import ClientSettings
from blockstore.client.wholeblocks import SMALL_BYTES
from blockstore.datastream import WRITE_PACKET_DATA_BYTES
from blockstore.errors import (
    NotReadyException,
    StoreError,
)
from blockstore.model import Block, FileStatus, Receipt
from blockstore.runtime.clock import Clock
from blockstore.runtime.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class Tail:
    """Where a file ends that is written further."""

    # The file's bytes in blocks before the one that is reopened.
    blocks_bytes: int = 0
    # The last block, when it's full.
    last: Block | None = None
    # Else that block, and what its last, unfinished chunk has.
    output: BlockOutput | None = None
    chunk: bytes = b""


log = logging.getLogger(__name__)

_PACKETS_A_WINDOW: Final = 4
# The NameNode holds a Complete open for a while itself: pauses are for a lost race only.
_COMPLETE_BASE_S: Final = 0.005
_COMPLETE_CAP_S: Final = 0.5


class BlockWriter(io.BufferedIOBase):
    """A binary file open for writing. Thread-safe; ends in `close` or `discard`."""

    def __init__(
        self,
        namenode: NameNodeClient,
        pipelines: Pipelines,
        file: FileStatus,
        settings: ClientSettings,
        clock: Clock,
        on_end: Callable[[], None],
        tail: Tail | None = None,
    ) -> None:
        """`on_end` is called once, when the file is closed or given up; `tail` is where a file
        that existed ends.
        """
        super().__init__()
        self.name = file.path
        self.mode = "wb" if tail is None else "ab"
        self._namenode = namenode
        self._pipelines = pipelines
        self._file = file
        self._settings = settings
        self._clock = clock
        self._on_end: Callable[[], None] | None = on_end
        self._lock = threading.RLock()
        self._excluded = Exclusions(clock)
        self._output: BlockOutput | None = None
        # The last block that was ended, and what its nodes gave for it.
        self._last: Block | None = None
        self._receipts: tuple[Receipt, ...] = ()
        self._blocks_bytes = 0
        self._packet_bytes = _packet_bytes(settings)
        # Grows to a packet with the first bytes that don't fill one: small files stay small.
        self._buffer = bytearray()
        # Where the buffer starts in the block, how much is in it, and how much of that was sent.
        self._at = 0
        self._filled = 0
        self._sent = 0
        # The last block was ended, and no other begun.
        self._untold = False
        self._error: StoreError | None = None
        self._discarded = False
        if tail is not None:
            self._go_on_from(tail)

    def _go_on_from(self, tail: Tail) -> None:
        self._last = tail.last
        self._output = tail.output
        self._blocks_bytes = tail.blocks_bytes
        if tail.output is not None:
            self._filled = self._sent = len(tail.chunk)
            self._buffer[: self._filled] = tail.chunk
            self._at = tail.output.block.length - self._filled

    def __repr__(self) -> str:
        return f"BlockWriter({self.name}, {self.tell()} bytes{', closed' if self.closed else ''})"

    def hold_at_most(self, size: int) -> None:
        """Before anything is written: about how many bytes may be in memory that the nodes haven't
        acknowledged. Less than the settings say makes for smaller packets, and more of them."""
        assert not self.tell(), f"{self.name} is being written"
        window_bytes = min(size, self._settings.window_bytes)
        self._settings = replace(self._settings, window_bytes=window_bytes)
        self._packet_bytes = _packet_bytes(self._settings)

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._blocks_bytes + self._at + self._filled

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        """Takes all of `data`; returns its length in bytes.

        Raises:
            StoreError: a block can't be written any more; the file can only be discarded.
        """
        with self._lock, memoryview(data).cast("B") as view:
            self._must_be_open()
            with self._noting_errors():
                done = 0
                while done < len(view):
                    done += self._take(view[done:])
            return len(view)

    def flush(self) -> None:
        """What `hflush` does; on a closed file, nothing."""
        self.hflush()

    def hflush(self) -> None:
        """What was written so far is in the memory of every node of the pipeline.

        Readers that open the file afterwards see it, and the writer's death can't undo it; the
        death of all those nodes at once can.

        Raises:
            StoreError: a block can't be written any more.
        """
        with self._lock:
            # io's own close flushes: what was discarded or failed must not begin a block then.
            if self._on_end is None:
                return
            if self._error:
                raise self._error
            with self._noting_errors():
                self._emit()
                if self._output is not None:
                    self._output.wait()

    def hsync(self) -> None:
        """What was written so far is on the disks of every node of the pipeline, and the NameNode
        knows the length: it survives the death of everything. Readers see it, as after `hflush`.

        Raises:
            StoreError: a block can't be written any more.
        """
        with self._lock:
            self._must_be_open()
            with self._noting_errors():
                self._emit()
                if self._output is not None:
                    self._output.sync()
                    self._namenode.sync(self._file, self._output.block)
                elif self._last is not None:
                    # A block that was ended is on the disks.
                    self._namenode.sync(self._file, self._last)

    def sync(self) -> None:
        """What `hsync` does, under the name that it has for files elsewhere."""
        self.hsync()

    def close(self) -> None:
        """Closes the file durably: `min(2, replication, live nodes)` replicas are on disks.

        Raises:
            NotReadyException: not within the deadline; the message says what is waited for.
            StoreError: the last block can't be written.
        """
        with self._lock:
            if self.closed:
                return
            try:
                if self._error:
                    raise self._error
                with self._noting_errors():
                    if self._is_small:
                        self._deliver()
                    elif self._output is not None or self._filled:
                        self._end_block()
                    self._complete()
            finally:
                self._end()

    def move_on(self, leaving: Mapping[str, int]) -> None:
        """Ends the block at hand where that holds up a node which is to go: what is written next
        begins another, elsewhere. `leaving`: as `Pipelines.holds_up` has it.
        """
        with self._lock:
            if self.closed or self._error:
                return
            if self._output and self._pipelines.holds_up(self._output.nodes, leaving):
                log.info("%s goes on in another block: a node of its last is to go", self.name)
                with self._noting_errors():
                    self._end_block()
                self._untold = True
            if self._untold:
                # The NameNode hears of the end with the next block, of which nothing is there yet.
                self._pipelines.previous = self._last
                self._pipelines.abandon(self._pipelines.allocate(self._excluded).block)
                self._untold = False

    def discard(self) -> None:
        """Leaves nothing behind: the file is removed. One that was opened to append stays; the
        NameNode closes it at its last acknowledged byte.

        May be called twice, and after a `close` that failed.
        """
        with self._lock:
            if self._discarded or (self.closed and self._error is None):
                return
            self._discarded = True
            self._end()
            self._remove()

    def __enter__(self) -> "BlockWriter":
        self._must_be_open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """An exception inside the block discards: half a file can't be taken for a whole one, and
        one that was appended to is closed with what had arrived."""
        if kind is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        # Not close(), as io's classes do: nobody said that the file is whole.
        if getattr(self, "_on_end", None) is not None:
            warnings.warn(f"{self!r} was neither closed nor discarded", ResourceWarning, 2)
            self._end()

    # --- inside --------------------------------------------------------------------------

    def _must_be_open(self) -> None:
        if self.closed:
            raise ValueError(f"write to closed file {self.name}")
        if self._error:
            raise self._error

    def _noting_errors(self) -> "_NotingErrors":
        return _NotingErrors(self)

    def _take(self, view: memoryview) -> int:
        """Takes what fits into the packet at hand; sends it when it is full."""
        block_left = self._file.block_bytes - self._at - self._filled
        if self._filled == 0 and min(len(view), block_left) >= self._packet_bytes:
            taken = self._packet_bytes
            self._send(view[:taken])
            self._at += taken
        else:
            taken = min(len(view), block_left, self._packet_bytes - self._filled)
            self._buffer[self._filled : self._filled + taken] = view[:taken]
            self._filled += taken
            if self._filled == self._packet_bytes:
                self._emit()
        if taken == block_left:
            self._end_block()
        return taken

    def _begin_block(self) -> None:
        self._pipelines.previous = self._last
        self._output = BlockOutput(self._pipelines, self._settings, self._excluded)
        self._untold = False

    def _end_block(self) -> None:
        self._emit()
        assert self._output is not None
        self._end_with(self._output.finish())

    def _end_with(self, block: Block) -> None:
        self._last = block
        self._blocks_bytes += self._last.length
        self._output = None
        self._at = self._filled = self._sent = 0

    @property
    def _is_small(self) -> bool:
        """All of the file is in the buffer, and it is little."""
        return self._output is None and 0 < self._filled == self.tell() <= SMALL_BYTES

    def _deliver(self) -> None:
        """Sends the file as a whole; what that doesn't bring goes the way of larger ones."""
        data = bytes(self._buffer[: self._filled])
        located = self._pipelines.allocate(self._excluded)
        block = Block(located.block.id, located.block.generation, len(data))
        ack = self._pipelines.deliver(block, located.nodes, data)
        if ack.failed_hop < 0:
            self._end_with(block)
            self._receipts = ack.of_block(0)
            return
        log.warning("%s didn't reach its nodes as a whole: %s", located.block, ack.reason)
        hop = min(ack.failed_hop, len(located.nodes) - 1)
        node, before = located.nodes[hop], located.nodes[hop - 1].node_id if hop else "client"
        self._excluded[node.node_id] = excluded(node, ack.reason, seen_from=before)
        self._pipelines.abandon(located.block)
        self._end_block()

    def _emit(self) -> None:
        """Sends the packet at hand; keeps what belongs to an unfinished chunk."""
        if self._filled == self._sent:
            return
        with memoryview(self._buffer) as whole_buffer, whole_buffer[: self._filled] as view:
            self._send(view)
        kept = self._filled % self._settings.chunk_bytes
        whole = self._filled - kept
        self._buffer[:kept] = self._buffer[whole : self._filled]
        self._at += whole
        self._filled = self._sent = kept

    def _send(self, data: memoryview) -> None:
        if self._output is None:
            self._begin_block()
        assert self._output is not None
        crcs = checksum.checksums(data, self._settings.chunk_bytes)
        self._output.send(self._at, data, crcs)

    def _complete(self) -> None:
        started = self._clock.monotonic()
        policy = RetryPolicy(
            deadline_s=self._settings.close_s, base_s=_COMPLETE_BASE_S, cap_s=_COMPLETE_CAP_S
        )
        while waiting_for := self._namenode.complete(self._file, self._last, self._receipts):
            waited_s = self._clock.monotonic() - started
            if waited_s > policy.deadline_s:
                raise NotReadyException(
                    f"{self.name} is not closed after {waited_s:.0f} s: {waiting_for}"
                )
            self._clock.sleep(min(_COMPLETE_CAP_S, max(_COMPLETE_BASE_S, waited_s / 4)))

    def _end(self) -> None:
        """The local end: stream, lease, and io's own flag."""
        if self._output:
            self._output.cancel()
            self._output = None
        on_end, self._on_end = self._on_end, None
        if on_end:
            on_end()
        self._buffer = bytearray()
        super().close()

    def _remove(self) -> None:
        try:
            self._namenode.release_lease(self._file, discard=self.mode != "ab")
        except StoreError as error:
            log.warning("%s could not be given up, its lease will run out: %s", self.name, error)


class _NotingErrors:
    """A block that failed stays failed: later calls say the same."""

    def __init__(self, writer: BlockWriter) -> None:
        self._writer = writer

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, StoreError):
            self._writer._error = error


def _packet_bytes(settings: ClientSettings) -> int:
    """Whole chunks, and some packets to a window: one is filled while others are on their way."""
    chunk = settings.chunk_bytes
    wanted = min(WRITE_PACKET_DATA_BYTES, settings.window_bytes // _PACKETS_A_WINDOW)
    return max(chunk, wanted // chunk * chunk)
