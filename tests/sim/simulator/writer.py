"""A simulated writer: blocks through pipelines, acks, pipeline recovery, close.

The client's side of the contract, as blockstore/client/writer.py keeps it: bytes count as
acknowledged when an ack said so, a rebuilt pipeline goes on from there with a new stamp,
and a file is the user's to rely on when Complete has said `done`.
"""

from collections import deque
from dataclasses import dataclass, field

from blockstore import checksum
from blockstore.datastream import LAST, SYNC, Ack, Packet
from blockstore.errors import PlacementException, StoreError, UnreachableException
from blockstore.model import Block, Excluded, FileStatus, LocatedBlock, Node, Receipt
from simulator.client import GaveUp, StoreSession
from simulator.network import Stream, StreamBroken
from simulator.pipeline import CHUNK_BYTES, PACKET_BYTES, Told, WriteHeader

# Unacknowledged packets of one stream.
WINDOW = 4
REBUILDS_MAX = 12


class WriteFailed(Exception):
    """The writer can't go on; the file is not closed by it."""


@dataclass(slots=True)
class Written:
    """What a writer knows of its file, and what it may rely on."""

    path: str
    inode_id: int
    content: bytes
    replication: int
    # Of its opening.
    writer: str = ""
    # Where the last block starts.
    block_start: int = 0
    blocks: list[Block] = field(default_factory=list)
    # Bytes that every node of the pipeline had taken.
    acknowledged: int = 0
    # Bytes that a Sync made durable and visible.
    synced: int = 0
    # Nodes that ever were in a pipeline of the last block.
    pipeline: set[str] = field(default_factory=set)
    # What the last block's nodes gave for it.
    receipts: tuple[Receipt, ...] = ()


class FileWriter:
    """Writes one file."""

    def __init__(self, client: StoreSession, file: Written, block_bytes: int, sync_share: float):
        self._client = client
        self._file = file
        self._block_bytes = block_bytes
        self._sync_share = sync_share
        self._world = client.world

    async def write(self) -> None:
        """All the content, without the close.

        Raises:
            WriteFailed, GaveUp, StoreError: it isn't written.
        """
        file = self._file
        while (start := sum(block.length for block in file.blocks)) < len(file.content):
            data = file.content[start : start + self._block_bytes]
            self._took(await _BlockWriter(self, data, start).write(), start)

    async def append(self) -> None:
        """Opens the file again and writes what its content has beyond its blocks.

        Raises:
            WriteFailed, GaveUp, StoreError: it isn't written.
        """
        client, file = self._client, self._file
        file.writer = client.new_writer()
        appended = await client.ask(
            "append", file.path, client_id=file.writer, request_id=client.request_id()
        )
        last: LocatedBlock | None = appended.last
        if last is not None and last.under_construction:
            file.blocks.pop()
            file.block_start = last.offset
            file.pipeline = {node.node_id for node in last.nodes}
            data = file.content[last.offset : last.offset + self._block_bytes]
            self._world.count("block reopened", last.block)
            block = await _BlockWriter(self, data, last.offset).write(reopened=last)
            self._took(block, last.offset)
        await self.write()

    def _took(self, block: Block, start: int) -> None:
        self._file.blocks.append(block)
        self._file.acknowledged = start + block.length

    async def close(self) -> None:
        """Raises GaveUp when Complete was never answered with `done`."""
        client, file = self._client, self._file
        last = file.blocks[-1] if file.blocks else None
        until = self._world.now + client.patience_s
        while True:
            reply = await client.ask(
                "complete",
                file.inode_id,
                client_id=file.writer,
                last=last,
                receipts=file.receipts,
            )
            if reply.done:
                return
            self._world.figures["complete had to wait"] += 1
            if self._world.now > until:
                raise GaveUp(f"complete: {reply.waiting_for}")
            await self._world.sleep(0.3)

    async def add_block(self, excluded: list[Excluded]) -> LocatedBlock:
        client, file = self._client, self._file
        request_id = client.request_id()
        previous = file.blocks[-1] if file.blocks else None
        until = self._world.now + client.patience_s
        while True:
            try:
                located: LocatedBlock = await client.ask(
                    "add_block",
                    file.inode_id,
                    client_id=file.writer,
                    previous=previous,
                    excluded=tuple(excluded),
                    client_host=client.near,
                    request_id=request_id,
                )
            except PlacementException as error:
                if self._world.now > until:
                    raise GaveUp(str(error)) from error
                # Nobody is left: those that failed before may be back.
                excluded.clear()
                await self._world.sleep(0.5)
            else:
                return located


class _BlockWriter:
    """Writes one block, through as many pipelines as it takes."""

    def __init__(self, owner: FileWriter, data: bytes, start: int) -> None:
        self._owner = owner
        self._client = owner._client
        self._world = owner._world
        self._file = owner._file
        self._data = data
        self._start = start
        self._acknowledged = 0
        self._excluded: list[Excluded] = []
        self._nodes: list[Node] = []
        self._receipts: tuple[Receipt, ...] = ()

    async def write(self, reopened: LocatedBlock | None = None) -> Block:
        stream: Stream | None
        self._file.receipts = ()
        if reopened is None:
            self._block, stream = await self._first_pipeline()
        else:
            self._block, self._nodes = reopened.block, list(reopened.nodes)
            self._acknowledged = reopened.block.length
            stream = await self._rebuild()
        for _ in range(REBUILDS_MAX):
            if stream is not None:
                failed = await self._stream_rest(stream)
                stream.close()
                if failed is None:
                    self._file.receipts = self._receipts
                    return Block(self._block.id, self._block.generation, len(self._data))
                self._drop(failed)
            stream = await self._rebuild()
        raise WriteFailed(f"{self._block}: rebuilt too often")

    # --- the first pipeline

    async def _first_pipeline(self) -> tuple[Block, Stream]:
        for _ in range(REBUILDS_MAX):
            located = await self._owner.add_block(self._excluded)
            self._nodes = list(located.nodes)
            if self._file.block_start != self._start:
                self._file.block_start = self._start
                self._file.pipeline.clear()
            self._file.pipeline.update(node.node_id for node in self._nodes)
            found = await self._open("create", located.block)
            if isinstance(found, Stream):
                return located.block, found
            self._world.count("pipeline never stood", located.block, found)
            self._excluded.append(Excluded(self._nodes[found], "did not answer"))
            await self._client.ask(
                "abandon_block",
                self._file.inode_id,
                client_id=self._file.writer,
                block=located.block,
            )
        raise WriteFailed("no pipeline could be built")

    async def _open(self, stage: str, block: Block) -> Stream | int:
        """The stream, or the index of the node that can't."""
        first, *rest = self._nodes
        header = WriteHeader(block, stage, tuple(rest))
        try:
            stream = await self._client.network.open_stream(
                self._client.host, first.node_id, "write", header
            )
        except UnreachableException:
            return 0
        try:
            ack: Ack = await stream.receive(6.0 + 2.0 * len(rest))
        except StreamBroken:
            stream.close()
            return 0
        if ack.failed_hop >= 0:
            stream.close()
            return min(ack.failed_hop, len(rest))
        return stream

    # --- bytes

    async def _stream_rest(self, stream: Stream) -> int | None:
        """Streams what isn't acknowledged yet; returns the node that failed, or None."""
        at = self._acknowledged - self._acknowledged % CHUNK_BYTES
        waiting: deque[tuple[int, int, bool]] = deque()
        seq, ended = 0, False
        synced_to = -1
        try:
            while waiting or not ended:
                while not ended and len(waiting) < WINDOW:
                    data = self._data[at : at + PACKET_BYTES]
                    end = at + len(data)
                    flags = 0
                    if end == len(self._data):
                        flags, ended = LAST, True
                    elif self._client.rng.random() < self._owner._sync_share:
                        flags = SYNC
                    seq += 1
                    crcs = checksum.checksums(data, CHUNK_BYTES)
                    stream.send(Packet(at, seq, flags, crcs, data))
                    waiting.append((seq, end, flags == SYNC))
                    at = end
                ack: Ack = await stream.receive(12.0)
                if ack.failed_hop >= 0:
                    return min(ack.failed_hop, len(self._nodes) - 1)
                if isinstance(ack, Told):
                    self._receipts = ack.receipts
                while waiting and waiting[0][0] <= ack.seq:
                    _, end, was_sync = waiting.popleft()
                    self._acknowledged = max(self._acknowledged, end)
                    self._file.acknowledged = self._start + self._acknowledged
                    synced_to = end if was_sync else synced_to
                if synced_to > 0:
                    await self._sync(synced_to)
                    synced_to = -1
        except StreamBroken:
            return 0
        return None

    async def _sync(self, length: int) -> None:
        block = Block(self._block.id, self._block.generation, length)
        await self._client.ask(
            "sync", self._file.inode_id, client_id=self._file.writer, block=block
        )
        self._file.synced = max(self._file.synced, self._start + length)
        self._world.count("synced in mid-block")

    # --- a node has failed

    def _drop(self, index: int) -> None:
        failed = self._nodes.pop(index)
        self._excluded.append(Excluded(failed, "failed in the pipeline"))
        self._world.count("pipeline broken", self._block, failed.node_id)

    async def _rebuild(self) -> Stream | None:
        """A pipeline of the survivors with a new stamp; None when that failed too."""
        old = self._block
        if not self._nodes:
            raise WriteFailed(f"no node of {old}'s pipeline is left")
        grant = await self._client.ask(
            "recover_pipeline",
            self._file.inode_id,
            client_id=self._file.writer,
            block=old,
            survivors=tuple(node.node_id for node in self._nodes),
            excluded=tuple(self._excluded),
        )
        new = Block(old.id, grant.new_generation, self._acknowledged)
        replacement = grant.replacement
        if not await self._update_survivors(old, new, replacement):
            return None
        await self._client.ask(
            "update_pipeline",
            self._file.inode_id,
            client_id=self._file.writer,
            old=old,
            new=new,
            node_ids=tuple(node.node_id for node in self._nodes),
        )
        self._block = Block(new.id, new.generation)
        found = await self._open("resume", new)
        if isinstance(found, Stream):
            self._world.count("pipeline rebuilt", new)
            return found
        self._drop(found)
        return None

    async def _update_survivors(self, old: Block, new: Block, replacement: Node | None) -> bool:
        """Cuts and stamps every survivor; the first one fills the replacement."""
        survivors = []
        for node in list(self._nodes):
            copy_to = (replacement,) if replacement is not None and not survivors else ()
            try:
                await self._client.network.call(
                    self._client.host,
                    node.node_id,
                    "update",
                    old,
                    new,
                    False,
                    copy_to,
                    within_s=8.0,
                )
            except StoreError as error:
                self._world.note("survivor lost", node.node_id, error)
                if copy_to:
                    # It may be the copy that failed: without it then.
                    replacement = None
                    try:
                        await self._client.network.call(
                            self._client.host, node.node_id, "update", old, new, False
                        )
                    except StoreError:
                        continue
                    survivors.append(node)
                continue
            survivors.append(node)
            if copy_to:
                self._world.count("pipeline got a new node", new)
        lost = [node for node in self._nodes if node not in survivors]
        self._excluded += [Excluded(node, "failed in the update") for node in lost]
        self._nodes = survivors
        if not survivors:
            raise WriteFailed(f"no node of {old}'s pipeline is left")
        if replacement is not None:
            self._nodes.append(replacement)
            self._file.pipeline.add(replacement.node_id)
        return True


def at_creation(status: FileStatus, content: bytes, writer: str) -> Written:
    return Written(status.path, status.inode_id, content, status.replication, writer)
