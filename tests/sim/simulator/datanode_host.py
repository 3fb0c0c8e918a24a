"""A DataNode's shell in the simulated world: the real store and its files, over a disk
that forgets, behind simulated heartbeats and streams.

It keeps the shell's promises: what the NameNode hears is durable, a report is repeated
until it was taken, orders are numbered, an ack says that every hop has the packet.
"""

import random
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from blockstore import checksum, checksumfile
from blockstore.datanode import identity, layout
from blockstore.datanode.blockfiles import BlockFiles
from blockstore.datanode.store import ReplicaStore, Writing
from blockstore.datastream import LAST, SYNC, Ack, Packet
from blockstore.errors import (
    ChecksumException,
    StaleEpochException,
    StoreError,
    UnreachableException,
)
from blockstore.model import (
    Block,
    DeleteReplicas,
    Node,
    Order,
    RecoverBlock,
    Replica,
    ReplicaState,
    Replicate,
    SendReport,
)
from blockstore.runtime.mailbox import Inbox
from simulator.disk import SimDisk
from simulator.network import Host, Network, Stream, StreamBroken
from simulator.recovery import recover_block
from simulator.world import Future, Lock, World

CHUNK_BYTES = 32
PACKET_BYTES = 96
# Silence of the NameNode after which a node takes no writes, less than its time to be dead.
FENCE_S = 6.0
DIRECTORY = "/disk"
SCAN_S = 25.0


@dataclass(frozen=True, slots=True)
class WriteHeader:
    """The first frame of a write stream, as in protos/blockstore/datanode.proto."""

    block: Block
    # "create", "resume" or "transfer".
    stage: str
    downstream: tuple[Node, ...] = ()
    keep_open: bool = False


class DataNodeHost(Host):
    """One DataNode."""

    disk_type = SimDisk

    def __init__(self, world: World, network: Network, name: str, rack: str) -> None:
        super().__init__(world, network, name)
        self.node = Node(name, name, 1, rack)
        self.disk = self.disk_type(name, self._power_gone)
        self._rng = world.rng(name)
        volume_owner = BlockFiles([DIRECTORY], self.disk)
        identity.keep(volume_owner.volumes, identity.Identity(1, name, "", 0))
        volume_owner.close()
        self.begin_life()
        self._start()

    # --- lives

    def _start(self) -> None:
        self.files = BlockFiles([DIRECTORY], self.disk)
        self._identity = identity.begin(self.files.volumes)
        self._reports: deque[Replica] = deque()
        self._bell: Future[None] = Future()
        self._sending = Lock()
        # 0: changes wait for a full report.
        self._linked_epoch = 0
        self.store = ReplicaStore(self.files, self._report)
        self._reports_sent = 0
        self._heard_at = self.world.now
        self._epoch = 0
        self._orders: Inbox[Order] = Inbox()
        self._orders_epoch = 0
        self.world.spawn(self._heartbeats(), self.life)
        self.world.spawn(self._incremental_reports(), self.life)
        self.world.spawn(self._scan(), self.life)

    def start(self) -> None:
        self.begin_life()
        try:
            self._start()
        except StoreError as error:  # pragma: no cover
            raise AssertionError(f"{self.name} doesn't start: {error}") from error

    def crash(self, *, power_loss: bool, rng: random.Random) -> None:
        self.disk.freeze()
        self.end_life()
        self.disk.restart(rng if rng.random() < 0.8 else None, power_loss=power_loss)

    def arm(self, operations: int) -> None:
        """The power goes at the disk's operation after so many."""
        self.disk.arm(operations)

    def disarm(self) -> None:
        self.disk.disarm()

    def _power_gone(self) -> None:
        """Called by the disk, in the middle of an operation."""
        self.world.count("power lost in a disk operation", self.name)
        self.life.alive = False
        self.world.soon(lambda: self.crash(power_loss=True, rng=self._rng))

    # --- what the checker sees

    def intact(self, block: Block, content: bytes) -> bool:
        """Whether a durable, finalised replica with these bytes is on the disk."""
        data = self.disk.durable(f"{DIRECTORY}/current/{layout.data_name(block.id)}")
        sums = self.disk.durable(f"{DIRECTORY}/current/{layout.crc_name(block.id)}")
        if data != content or sums is None:
            return False
        try:
            header = checksumfile.unpack_header(sums, "")
        except ChecksumException:
            return False
        return header.generation == block.generation and header.length == block.length

    def finalised(self) -> dict[int, tuple[int, int]]:
        """Block id → generation and length of everything in current/."""
        found = {}
        for name in self.disk.files(f"{DIRECTORY}/current"):
            block_id = layout.block_id_of(name)
            sums = self.disk.durable(f"{DIRECTORY}/current/{name}{layout.CRC_SUFFIX}")
            if block_id is not None and sums is not None:
                with suppress(ChecksumException):
                    header = checksumfile.unpack_header(sums, name)
                    found[block_id] = (header.generation, header.length)
        return found

    # --- the master

    def _report(self, replica: Replica) -> None:
        self._reports.append(replica)
        self._ring()

    def _ring(self) -> None:
        self._bell.set(None)

    async def _ask(self, method: str, *arguments: Any, within_s: float = 3.0) -> Any:
        return await self.network.call(self, "namenode", method, *arguments, within_s=within_s)

    async def _heartbeats(self) -> None:
        while True:
            try:
                if not self._epoch:
                    await self._register()
                await self._heartbeat()
            except StaleEpochException:
                self._epoch = 0
            except StoreError:
                pass
            await self.world.sleep(self._rng.uniform(0.0, 0.2))

    async def _register(self) -> None:
        reply = await self._ask(
            "register", self.node, self._identity.incarnation, self._identity.cluster_id
        )
        self._identity = identity.join(self.files.volumes, self._identity, reply.cluster_id)
        if reply.epoch != self._orders_epoch:
            # Numbered per epoch of the NameNode and incarnation of this node.
            self._orders, self._orders_epoch = Inbox(), reply.epoch
        await self._full_report(reply.epoch)
        self._epoch = reply.epoch
        self._heard_at = self.world.now

    async def _full_report(self, epoch: int) -> None:
        """Sent while no change is being sent, as blockstore/datanode/reports.py does it."""
        await self._sending.acquire()
        try:
            self._linked_epoch = 0
            self._reports.clear()
            await self._ask(
                "full_report",
                self.name,
                self._identity.incarnation,
                epoch,
                tuple(self.store.report()),
                self._next_report(),
                within_s=6.0,
            )
            self._reports.extendleft(reversed(self.store.damaged()))
            self._linked_epoch = epoch
            self._ring()
        finally:
            self._sending.release()

    async def _heartbeat(self) -> None:
        load = self.files.load_of_disks(0)
        epoch = self._epoch
        reply = await self._ask(
            "heartbeat", self.name, self._identity.incarnation, epoch, self._orders.seen, load
        )
        if epoch != self._epoch:
            return
        if reply.register_again or reply.epoch != epoch:
            self._epoch = 0
            return
        self._heard_at = self.world.now
        for order in self._orders.take(reply.orders):
            self.world.spawn(self._perform(order), self.life)

    async def _incremental_reports(self) -> None:
        while True:
            while not (self._reports and self._linked_epoch):
                self._bell = Future()
                await self._bell
            await self._sending.acquire()
            try:
                await self._send_reports()
            except StaleEpochException:
                self._linked_epoch = self._epoch = 0
            except StoreError:
                self._sending.release()
                await self.world.sleep(0.5)
                continue
            self._sending.release()

    async def _send_reports(self) -> None:
        batch, epoch = tuple(self._reports), self._linked_epoch
        if not batch or not epoch:
            return
        await self._ask(
            "incremental_report",
            self.name,
            self._identity.incarnation,
            epoch,
            batch,
            self._next_report(),
        )
        for _ in batch:
            self._reports.popleft()

    def _next_report(self) -> int:
        self._reports_sent += 1
        return self._reports_sent

    async def report_recovery(
        self, old: Block, new: Block | None, node_ids: tuple[str, ...]
    ) -> None:
        for _ in range(5):
            try:
                await self._ask("commit_recovery", self.name, self._epoch, old, new, node_ids)
                return
            except UnreachableException:
                await self.world.sleep(0.3)
            except StoreError as error:
                self.world.note("recovery refused", self.name, error)
                return

    async def _scan(self) -> None:
        """Reads everything once in a while, as blockstore/datanode/scanner.py does."""
        while True:
            await self.world.sleep(self._rng.uniform(0.5, 1.5) * SCAN_S)
            for replica in self.store.report():
                if replica.state is ReplicaState.FINALIZED:
                    await self._disk_time()
                    self._verify(replica.block)

    def _verify(self, block: Block) -> None:
        try:
            stored = self.store.read(block)
            for at in range(0, stored.block.length, PACKET_BYTES):
                crcs, data = stored.run(at, PACKET_BYTES)
                checksum.verify(data, crcs, CHUNK_BYTES, what=str(block), offset=at)
        except ChecksumException as error:
            self.world.count("rot found by the scanner", self.name, block)
            self.store.rotten(block, str(error))
        except StoreError:
            pass

    # --- orders

    async def _perform(self, order: Order) -> None:
        self.world.note("order", self.name, type(order).__name__)
        match order:
            case Replicate():
                for target in order.targets:
                    await self._replicate(order.block, target)
            case DeleteReplicas():
                await self._disk_time()
                self.store.delete(order.blocks)
                self.world.figures["replicas ordered to go"] += len(order.blocks)
            case RecoverBlock():
                await recover_block(self, order)
            case SendReport():
                try:
                    await self._full_report(self._epoch)
                except StoreError:
                    self._epoch = 0

    async def _replicate(self, block: Block, target: Node) -> None:
        try:
            await self.copy_to(block, target, keep_open=False)
            self.world.count("block copied by order", block.id, target.node_id)
        except ChecksumException as error:
            self.store.rotten(block, str(error))
        except StoreError as error:
            self.world.note("copy failed", block, error)

    async def copy_to(self, block: Block, target: Node, *, keep_open: bool) -> None:
        """Raises StoreError when it doesn't arrive whole."""
        stored = self.store.read(block)
        header = WriteHeader(stored.block, "transfer", keep_open=keep_open)
        stream = await self.network.open_stream(self, target.node_id, "write", header)
        try:
            await _expect(stream)
            length, seq = stored.block.length, 0
            for offset in range(0, length, PACKET_BYTES):
                wanted = min(PACKET_BYTES, length - offset)
                crcs, data = stored.run(offset, wanted)
                checksum.verify(data, crcs, CHUNK_BYTES, what=str(block), offset=offset)
                seq += 1
                stream.send(Packet(offset, seq, 0, crcs, data))
                await self._disk_time(0.2)
            stream.send(Packet(length, seq + 1, LAST, b"", b""))
            for _ in range(seq + 1):
                await _expect(stream)
        finally:
            stream.close()

    # --- what peers and clients ask

    async def serve_info(self, block_id: int) -> Replica:
        return self.store.info(block_id)

    async def serve_begin_recovery(self, block: Block, generation: int) -> Replica:
        return self.store.begin_recovery(block, generation)

    async def serve_update(
        self, old: Block, new: Block, finalize: bool, copy_to: tuple[Node, ...] = ()
    ) -> Replica:
        await self._disk_time(2.0)
        replica = self.store.update(old, new, finalize=finalize)
        for target in copy_to:
            await self.copy_to(new, target, keep_open=True)
        return replica

    async def serve_read(self, stream: Stream, block: Block, offset: int, length: int) -> None:
        """Whole chunks around the range; an exception travels as a frame."""
        try:
            stored = self.store.read(block)
            end = min(stored.block.length, offset + length)
            at = offset - offset % CHUNK_BYTES
            while at < end:
                crcs, data = stored.run(at, PACKET_BYTES)
                stream.send(Packet(at, 0, 0, crcs, data))
                at += len(data)
                await self._disk_time(0.1)
            stream.send(Packet(at, 0, LAST, b"", b""))
        except StreamBroken:
            pass
        except StoreError as error:
            if isinstance(error, ChecksumException):
                self.store.rotten(block, str(error))
            _try_send(stream, error)

    async def serve_write(self, stream: Stream, header: WriteHeader) -> None:
        await _Receiver(self, stream, header).run()

    # --- inside

    def _fence(self) -> None:
        if self.world.now - self._heard_at > FENCE_S:
            self.world.figures["write fenced off"] += 1
            raise StaleEpochException(f"{self.name} has not reached its NameNode")

    async def _disk_time(self, factor: float = 1.0) -> None:
        slow = 20.0 if self._rng.random() < 0.01 else 1.0
        await self.world.sleep(self._rng.uniform(0.0005, 0.01) * factor * slow)


class _Receiver:
    """One node's part of a pipeline, as blockstore/datanode/pipeline.py does it."""

    def __init__(self, host: DataNodeHost, stream: Stream, header: WriteHeader) -> None:
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

    async def run(self) -> None:
        try:
            self._host._fence()
            writing = self._open()
        except StoreError as error:
            _try_send(self._stream, Ack(0, 0, str(error)))
            self._stream.close()
            return
        try:
            failure = await self._connect()
            if failure is not None:
                writing.discard()
                _try_send(self._stream, failure)
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
        host._fence()
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
        await host._disk_time(0.3)
        if self._over:
            return
        writing.write(packet.offset, packet.crcs, packet.data)
        if packet.flags & LAST:
            await host._disk_time()
            writing.finish()
            host.world.figures["replica finalised"] += 1
        elif packet.flags & SYNC:
            await host._disk_time()
            writing.sync()
        self._stored = packet.seq
        self._ends.append((packet.seq, writing.length))
        if packet.flags & LAST:
            self._last = packet.seq
        self._acknowledge(writing)

    async def _acks(self, writing: Writing) -> None:
        assert self._below is not None
        try:
            while not self._over:
                ack: Ack = await self._below.receive(8.0 + 2.0 * len(self._header.downstream))
                if ack.failed_hop >= 0:
                    self._fail(replace(ack, failed_hop=ack.failed_hop + 1))
                    return
                self._acknowledged = ack.seq
                self._acknowledge(writing)
        except StreamBroken as error:
            self._fail(Ack(0, 1, str(error)))

    def _acknowledge(self, writing: Writing) -> None:
        ready = self._stored if self._below is None else min(self._stored, self._acknowledged)
        while self._ends and self._ends[0][0] <= ready:
            self._sent, end = self._ends.popleft()
            writing.acknowledged(end)
            _try_send(self._stream, Ack(self._sent))
        if self._sent == self._last:
            self._over = True
            if self._below is not None:
                self._below.close()

    def _fail(self, failure: Ack) -> None:
        if not self._over:
            self._over = True
            _try_send(self._stream, failure)
            self._stream.close()


async def _expect(stream: Stream) -> None:
    """One good ack.

    Raises:
        UnreachableException: none came, or it says that a hop failed.
    """
    ack: Ack = await stream.receive(8.0)
    if ack.failed_hop >= 0:
        raise UnreachableException(f"hop {ack.failed_hop}: {ack.reason}")


def _try_send(stream: Stream, frame: Any) -> None:
    with suppress(StreamBroken):
        stream.send(frame)
