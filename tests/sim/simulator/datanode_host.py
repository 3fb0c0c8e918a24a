"""A DataNode's shell in the simulated world: the real store and its files, over a disk
that forgets, behind simulated heartbeats and streams.

It keeps the shell's promises: what the NameNode hears is durable, a report is repeated
until it was taken, orders are numbered, an ack says that every hop has the packet.
"""

import random
from collections import deque
from contextlib import suppress
from typing import Any

from blockstore import checksum, checksumfile
from blockstore.datanode import identity, layout
from blockstore.datanode.blockfiles import BlockFiles
from blockstore.datanode.reports import LATER_S
from blockstore.datanode.store import ReplicaStore
from blockstore.datastream import LAST, Packet
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
    Receipt,
    RecoverBlock,
    Replica,
    ReplicaState,
    Replicate,
    SendReport,
)
from blockstore.runtime.mailbox import Inbox
from simulator.disk import SimDisk
from simulator.network import Host, Network, Stream, StreamBroken
from simulator.pipeline import CHUNK_BYTES, PACKET_BYTES, Receiver, WriteHeader, expect, try_send
from simulator.recovery import recover_block
from simulator.world import Future, Lock, World

# Silence of the NameNode after which a node takes no writes, less than its time to be dead.
FENCE_S = 6.0
DIRECTORY = "/disk"
SCAN_S = 25.0


class DataNodeHost(Host):
    """One DataNode."""

    disk_type = SimDisk

    def __init__(self, world: World, network: Network, name: str, rack: str) -> None:
        super().__init__(world, network, name)
        self.node = Node(name, name, 1, rack)
        self.disk = self.disk_type(name, self._power_gone)
        self._rng = world.rng(name)
        # How many replicas a piece of a full report has; 0: all of them.
        self._piece_replicas = 1 + world.seed // 5 % 4 if world.seed % 5 < 2 else 0
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
        self.store = ReplicaStore(self.files, self._report, self._report_later)
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

    def _report_later(self, replica: Replica) -> int:
        """A writer tells of it, too; see blockstore/datanode/reports.py."""
        self._reports.append(replica)
        self.world.later(self._rng.uniform(0.0, 2 * LATER_S), self._ring)
        return self._reports_sent + 1

    def receipt(self, report: int) -> Receipt:
        return Receipt(self.name, self._identity.incarnation, report)

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
            replicas, number = tuple(self.store.report()), self._next_report()
            size = self._piece_replicas or max(1, len(replicas))
            for piece, start in enumerate(range(0, max(1, len(replicas)), size)):
                end = start + size
                await self._ask(
                    "full_report",
                    self.name,
                    self._identity.incarnation,
                    epoch,
                    replicas[start:end],
                    number,
                    piece,
                    end < len(replicas),
                    within_s=6.0,
                )
                self.world.figures["piece of a full report"] += piece > 0
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
                    await self.disk_time()
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
                await self.disk_time()
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
            await expect(stream)
            length, seq = stored.block.length, 0
            for offset in range(0, length, PACKET_BYTES):
                wanted = min(PACKET_BYTES, length - offset)
                crcs, data = stored.run(offset, wanted)
                checksum.verify(data, crcs, CHUNK_BYTES, what=str(block), offset=offset)
                seq += 1
                stream.send(Packet(offset, seq, 0, crcs, data))
                await self.disk_time(0.2)
            stream.send(Packet(length, seq + 1, LAST, b"", b""))
            for _ in range(seq + 1):
                await expect(stream)
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
        await self.disk_time(2.0)
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
                await self.disk_time(0.1)
            stream.send(Packet(at, 0, LAST, b"", b""))
        except StreamBroken:
            pass
        except StoreError as error:
            if isinstance(error, ChecksumException):
                self.store.rotten(block, str(error))
            try_send(stream, error)

    async def serve_write(self, stream: Stream, header: WriteHeader) -> None:
        await Receiver(self, stream, header).run()

    # --- inside

    def fence(self) -> None:
        if self.world.now - self._heard_at > FENCE_S:
            self.world.figures["write fenced off"] += 1
            raise StaleEpochException(f"{self.name} has not reached its NameNode")

    async def disk_time(self, factor: float = 1.0) -> None:
        slow = 20.0 if self._rng.random() < 0.01 else 1.0
        await self.world.sleep(self._rng.uniform(0.0005, 0.01) * factor * slow)
