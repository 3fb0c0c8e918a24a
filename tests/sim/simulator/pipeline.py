"""One node's part of a write pipeline in the simulated world, by the rules of
blockstore/datanode/pipeline.py: verify, forward, store, acknowledge what all below have.
"""

from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from blockstore import checksum
from blockstore.datanode.store import Writing
from blockstore.datastream import LAST, SYNC, Ack, Packet
from blockstore.errors import StoreError, UnreachableException
from blockstore.model import Block, Node, Receipt
from simulator.network import Stream, StreamBroken

if TYPE_CHECKING:
    from simulator.datanode_host import DataNodeHost

CHUNK_BYTES = 32
PACKET_BYTES = 96


@dataclass(frozen=True, slots=True)
class WriteHeader:
    """The first frame of a write stream, as in protos/blockstore/datanode.proto."""

    block: Block
    # "create", "resume" or "transfer".
    stage: str
    downstream: tuple[Node, ...] = ()
    keep_open: bool = False


@dataclass(frozen=True, slots=True)
class Told(Ack):
    """The last ack of a whole new block, with what its nodes give the writer for it."""

    receipts: tuple[Receipt, ...] = ()


class Receiver:
    """One node's part of a pipeline, as blockstore/datanode/pipeline.py does it."""

    def __init__(self, host: "DataNodeHost", stream: Stream, header: WriteHeader) -> None:
        self._host = host
        self._stream = stream
        self._header = header
        self._below: Stream | None = None
        # Highest packet stored here, acknowledged below, and acknowledged upwards.
        self._stored = self._acknowledged = 0
        self._sent = 0
        self._last = -1
        self._ends: deque[tuple[int, int]] = deque()
        self._over = False
        # Of this node, and of those below.
        self._receipts: tuple[Receipt, ...] = ()
        self._receipts_below: tuple[Receipt, ...] = ()

    async def run(self) -> None:
        try:
            self._host.fence()
            writing = self._open()
        except StoreError as error:
            try_send(self._stream, Ack(0, 0, str(error)))
            self._stream.close()
            return
        try:
            failure = await self._connect()
            if failure is not None:
                writing.discard()
                try_send(self._stream, failure)
                return
            self._stream.send(Ack(0))
            if self._below is not None:
                self._host.world.spawn(self._acks(writing), self._host.life)
            while not self._over:
                await self._take(await self._stream.receive(10.0), writing)
        except StreamBroken:
            pass
        except StoreError as error:
            self._fail(Ack(0, 0, str(error)))
        finally:
            if self._sent != self._last:
                writing.release()
            if self._below is not None and self._sent != self._last:
                self._below.close()

    def _open(self) -> Writing:
        store, block = self._host.store, self._header.block
        if self._header.stage == "create":
            return store.create(block, CHUNK_BYTES)
        if self._header.stage == "transfer":
            return store.copy(block, CHUNK_BYTES, keep_open=self._header.keep_open)
        return store.resume(block)

    async def _connect(self) -> Ack | None:
        if not self._header.downstream:
            return None
        following, *rest = self._header.downstream
        onward = replace(self._header, downstream=tuple(rest))
        try:
            self._below = await self._host.network.open_stream(
                self._host, following.node_id, "write", onward
            )
            ack: Ack = await self._below.receive(4.0 + 2.0 * len(rest))
        except UnreachableException as error:
            return Ack(0, 1, str(error))
        return None if ack.failed_hop < 0 else replace(ack, failed_hop=ack.failed_hop + 1)

    async def _take(self, packet: Packet, writing: Writing) -> None:
        host = self._host
        host.fence()
        checksum.verify(
            packet.data,
            packet.crcs,
            CHUNK_BYTES,
            what=str(self._header.block),
            offset=packet.offset,
        )
        if self._below is not None:
            try:
                self._below.send(packet)
            except StreamBroken as error:
                self._fail(Ack(0, 1, str(error)))
                return
        await host.disk_time(0.3)
        if self._over:
            return
        writing.write(packet.offset, packet.crcs, packet.data)
        if packet.flags & LAST:
            await host.disk_time()
            self._finish(writing)
            host.world.figures["replica finalised"] += 1
        elif packet.flags & SYNC:
            await host.disk_time()
            writing.sync()
        self._stored = packet.seq
        self._ends.append((packet.seq, writing.length))
        if packet.flags & LAST:
            self._last = packet.seq
        self._acknowledge(writing)

    def _finish(self, writing: Writing) -> None:
        """Every other block is told of by its writer, as those in bundles are."""
        if self._header.stage != "create" or self._header.block.id % 2:
            writing.finish()
            return
        reports = writing.finish(later=True)
        self._receipts = tuple(map(self._host.receipt, reports))

    async def _acks(self, writing: Writing) -> None:
        assert self._below is not None
        try:
            while not self._over:
                ack: Ack = await self._below.receive(8.0 + 2.0 * len(self._header.downstream))
                if ack.failed_hop >= 0:
                    self._fail(replace(ack, failed_hop=ack.failed_hop + 1))
                    return
                self._acknowledged = ack.seq
                if isinstance(ack, Told):
                    self._receipts_below = ack.receipts
                self._acknowledge(writing)
        except StreamBroken as error:
            self._fail(Ack(0, 1, str(error)))

    def _acknowledge(self, writing: Writing) -> None:
        ready = self._stored if self._below is None else min(self._stored, self._acknowledged)
        while self._ends and self._ends[0][0] <= ready:
            self._sent, end = self._ends.popleft()
            writing.acknowledged(end)
            ack = Ack(self._sent)
            if self._sent == self._last:
                ack = Told(self._sent, receipts=self._receipts + self._receipts_below)
            try_send(self._stream, ack)
        if self._sent == self._last:
            self._over = True
            if self._below is not None:
                self._below.close()

    def _fail(self, failure: Ack) -> None:
        if not self._over:
            self._over = True
            try_send(self._stream, failure)
            self._stream.close()


async def expect(stream: Stream) -> None:
    """One good ack.

    Raises:
        UnreachableException: none came, or it says that a hop failed.
    """
    ack: Ack = await stream.receive(8.0)
    if ack.failed_hop >= 0:
        raise UnreachableException(f"hop {ack.failed_hop}: {ack.reason}")


def try_send(stream: Stream, frame: Any) -> None:
    with suppress(StreamBroken):
        stream.send(frame)
