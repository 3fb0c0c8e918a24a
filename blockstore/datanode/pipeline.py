"""One node's part of a write pipeline: receive, verify, forward, store, acknowledge.

Two threads serve a stream. The receiver takes packets from upstream, verifies them,
hands them to the stream downstream and then stores them, so that the next node stores
at the same time. The acknowledger, which is the thread that serves the call or the
connection, sends ack n as soon as n is stored here and acknowledged by all nodes below.

- Bytes that don't match their checksums are neither stored, forwarded nor acknowledged.
- A failure here is hop 0; one that the next node reports as hop k is hop k + 1; a next
  node that breaks off or keeps silent is hop 1.
- The stream ends with the failure's ack. The replica stays open for a recovery; a
  replica whose pipeline never stood is removed.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from blockstore import checksum
from blockstore.codec import block_from_wire, node_from_wire
from blockstore.datanode.fence import Fence
from blockstore.datanode.store import ReplicaStore
from blockstore.datanode.writing import TAKEN, Writing
from blockstore.datastream import KEEPALIVE, LAST, SYNC, Ack, Packet, pack_ack, unpack
from blockstore.errors import InvalidRequestException, StoreError, UnreachableException
from blockstore.packetstream import PacketStream, PacketStreams
from blockstore.runtime import failpoint
from blockstore.runtime.clock import Clock
from blockstore.wire import datanode_pb2

log = logging.getLogger(__name__)

CHUNK_BYTES_MAX: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PipelineLimits:
    """Times in seconds."""

    # Until the nodes below answer a header.
    setup_s: float = 10.0
    # Until the nodes below acknowledge what was stored here: an fsync may take long.
    ack_s: float = 30.0
    # A writer that neither writes nor says that it lives is gone.
    idle_s: float = 120.0
    # Every further hop gets so much more, so that the node beside the silent one names it first.
    hop_s: float = 5.0


class Pipeline:
    """One Write stream, from its header to its end."""

    def __init__(
        self,
        store: ReplicaStore,
        header: datanode_pb2.WriteHeader,
        frames: Iterator[bytes | memoryview],
        *,
        streams: PacketStreams,
        fence: Fence,
        limits: PipelineLimits,
        clock: Clock,
    ) -> None:
        self._store = store
        self._header = header
        self._frames = frames
        self._streams = streams
        self._fence = fence
        self._limits = limits
        self._clock = clock
        self._below = len(header.downstream)
        self._changed = threading.Condition()
        # Guarded by `_changed`.
        self._stored = 0
        self._acknowledged_below = -1
        self._failure: Ack | None = None
        self._upstream_gone = False
        # The packet that ends the block, once it came.
        self._last_seq: int | None = None
        # When the writer was heard, and since when an ack from below is overdue.
        self._heard_at = self._waiting_since = clock.monotonic()
        # (seq, end in the block) of packets stored and not yet acknowledged.
        self._ends: deque[tuple[int, int]] = deque()

    def __repr__(self) -> str:
        block = block_from_wire(self._header.block)
        return f"Pipeline({block}, {self._below} nodes below)"

    def run(self) -> Iterator[bytes]:
        """The stream of acks."""
        try:
            self._fence.check()
            writing = self._open()
        except StoreError as error:
            yield pack_ack(Ack(0, 0, str(error)))
            return
        downstream: PacketStream | None = None
        receiver: threading.Thread | None = None
        try:
            if self._below:
                downstream = self._connect()
                self._await(lambda: self._acknowledged_below == 0, self._limits.setup_s)
            if self._failure:
                writing.discard()
                yield pack_ack(self._failure)
                return
            failpoint.hit("pipeline.run.before_ack")
            yield pack_ack(Ack(0))
            failpoint.hit("pipeline.run.after_ack")
            receiver = threading.Thread(
                target=self._receive, args=(writing, downstream), name=repr(self), daemon=True
            )
            receiver.start()
            # Its writer may have vanished: nobody else would end the stream for a long while.
            writing.when_lost(lambda: self._fail(Ack(0, 0, f"{writing.files.block} {TAKEN}")))
            yield from self._acknowledge(writing)
        finally:
            if downstream:
                downstream.cancel()
            writing.release()

    # --- setting up ----------------------------------------------------------------------

    def _open(self) -> Writing:
        block, stage = block_from_wire(self._header.block), self._header.stage
        chunk_bytes = self._header.chunk_bytes
        if not 0 < chunk_bytes <= CHUNK_BYTES_MAX:
            raise InvalidRequestException(f"chunks of {chunk_bytes} bytes are out of range")
        if stage == datanode_pb2.WriteHeader.CREATE:
            return self._store.create(block, chunk_bytes)
        if stage == datanode_pb2.WriteHeader.TRANSFER:
            return self._store.copy(block, chunk_bytes, keep_open=self._header.keep_open)
        writing = self._store.resume(block)
        if writing.chunk_bytes != chunk_bytes:
            writing.release()
            raise InvalidRequestException(
                f"{block} has chunks of {writing.chunk_bytes} bytes here, not {chunk_bytes}"
            )
        return writing

    def _connect(self) -> PacketStream:
        onward = datanode_pb2.WriteHeader()
        onward.CopyFrom(self._header)
        del onward.downstream[0]
        following = node_from_wire(self._header.downstream[0])
        return self._streams.open(
            following, onward, on_ack=self._acknowledged, on_end=self._ended_below
        )

    # --- called by other threads -----------------------------------------------------------

    def _acknowledged(self, ack: Ack) -> None:
        """From downstream."""
        if ack.failed_hop >= 0:
            self._fail(Ack(ack.seq, ack.failed_hop + 1, ack.reason))
            return
        with self._changed:
            self._acknowledged_below = ack.seq
            self._waiting_since = self._clock.monotonic()
            self._changed.notify_all()

    def _ended_below(self, reason: str) -> None:
        """The next node's stream is over: as it should be once all of it has finished."""
        if self._last_seq is None or self._acknowledged_below < self._last_seq:
            self._fail(Ack(0, 1, reason))

    def _fail(self, failure: Ack) -> None:
        with self._changed:
            if self._failure is None:
                self._failure = failure
            self._changed.notify_all()

    def _receive(self, writing: Writing, downstream: PacketStream | None) -> None:
        """Until the LAST packet, a failure, or the writer's end."""
        try:
            for frame in self._incoming():
                packet = unpack(frame, writing.chunk_bytes)
                self._take(packet, frame, writing, downstream)
                if packet.flags & LAST:
                    return
        except StoreError as error:
            if self._failure is None:
                log.warning("%r: %s", self, error)
            self._fail(Ack(0, 0, str(error)))
        except Exception as error:
            log.exception("%r", self)
            self._fail(Ack(0, 0, f"{type(error).__name__}: {error}"))
        with self._changed:
            self._upstream_gone = True
            self._changed.notify_all()

    def _incoming(self) -> Iterator[bytes | memoryview]:
        try:
            yield from self._frames
        except Exception as error:
            # gRPC raises a bare Exception into the request iterator of a call that has ended, a
            # connection breaks.
            log.debug("%r: the writer is gone: %s", self, error)

    def _take(
        self,
        packet: Packet,
        frame: bytes | memoryview,
        writing: Writing,
        downstream: PacketStream | None,
    ) -> None:
        self._heard_at = self._clock.monotonic()
        self._fence.check()
        if packet.flags & KEEPALIVE:
            return
        checksum.verify(
            packet.data,
            packet.crcs,
            writing.chunk_bytes,
            what=f"packet {packet.seq} of {block_from_wire(self._header.block)}",
            offset=packet.offset,
        )
        if packet.flags & LAST:
            self._last_seq = packet.seq
        if downstream:
            try:
                downstream.send(frame, self._ack_limit_s())
            except UnreachableException as error:
                self._fail(Ack(0, 1, str(error)))
                raise
        writing.write(packet.offset, packet.crcs, packet.data)
        if packet.flags & LAST:
            writing.finish()
        elif packet.flags & SYNC:
            writing.sync()
        with self._changed:
            if self._stored <= self._acknowledged_below:
                self._waiting_since = self._clock.monotonic()
            self._stored = packet.seq
            self._ends.append((packet.seq, writing.length))
            self._changed.notify_all()

    # --- acknowledging -----------------------------------------------------------------------

    def _acknowledge(self, writing: Writing) -> Iterator[bytes]:
        sent = 0
        while True:
            ready = self._next_ack(sent)
            if ready > sent:
                sent = ready
                self._show(writing, sent)
                failpoint.hit("pipeline.acknowledge.before_ack")
                yield pack_ack(Ack(sent))
                failpoint.hit("pipeline.acknowledge.after_ack")
                if sent == self._last_seq:
                    return
            elif self._failure:
                yield pack_ack(self._failure)
                return
            else:
                return

    def _ready(self) -> int:
        """The highest packet that is stored here and below."""
        return min(self._stored, self._acknowledged_below) if self._below else self._stored

    def _next_ack(self, sent: int) -> int:
        """Waits for an ack to send; the same number again means that there will be none."""
        with self._changed:
            while self._ready() <= sent and not self._failure:
                if self._upstream_gone:
                    return sent
                waiting_below = self._stored > sent
                limit_s = self._ack_limit_s() if waiting_below else self._limits.idle_s
                since = self._waiting_since if waiting_below else self._heard_at
                left_s = since + limit_s - self._clock.monotonic()
                if left_s <= 0:
                    self._failure = self._silence(waiting_below, limit_s)
                    break
                self._changed.wait(left_s)
            return self._ready()

    def _ack_limit_s(self) -> float:
        return self._limits.ack_s + self._below * self._limits.hop_s

    def _silence(self, waiting_below: bool, limit_s: float) -> Ack:
        if waiting_below:
            following = node_from_wire(self._header.downstream[0])
            return Ack(0, 1, f"{following} has acknowledged nothing for {limit_s:.0f} s")
        return Ack(0, 0, f"the writer was silent for {limit_s:.0f} s")

    def _show(self, writing: Writing, seq: int) -> None:
        """Readers may see what was acknowledged."""
        end = None
        with self._changed:
            while self._ends and self._ends[0][0] <= seq:
                end = self._ends.popleft()[1]
        if end is not None:
            writing.acknowledged(end)

    def _await(self, arrived: Callable[[], bool], timeout_s: float) -> None:
        limit_s = timeout_s + self._below * self._limits.hop_s
        with self._changed:
            self._changed.wait_for(lambda: arrived() or self._failure is not None, limit_s)
            if not arrived() and self._failure is None:
                following = node_from_wire(self._header.downstream[0])
                self._failure = Ack(0, 1, f"{following} has not answered for {limit_s:.0f} s")
