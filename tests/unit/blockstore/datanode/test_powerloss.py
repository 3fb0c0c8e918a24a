"""A power loss at any moment: what was synced or finalised is there, and no byte is wrong.

The disk counts its operations and fails at one of them; then a random part of what was
not synced is lost.
"""

import contextlib
import random
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blockstore import checksum
from blockstore.datanode import blockfiles
from blockstore.datanode.blockfiles import MemoryBlockFiles
from blockstore.datanode.core import Event
from blockstore.datanode.memorydisk import MemoryDisk
from blockstore.datanode.packs import Packs, WholeReplica
from blockstore.datanode.store import ReplicaStore
from blockstore.errors import ChecksumException
from blockstore.model import Block, ReplicaState

CHUNK = 512
CRASHES = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
}
DATA = random.Random(0).randbytes(20_000)


class PowerLossError(BaseException):
    """The machine went off."""


class DyingDisk(MemoryDisk):
    """Works for so many operations."""

    operations_left = 10**9

    def crash(self, rng: random.Random | None = None) -> "DyingDisk":
        found = super().crash(rng)
        assert isinstance(found, DyingDisk)
        return found

    def check(self, path: str, *, write: bool = False) -> None:
        self.operations_left -= 1
        if self.operations_left < 0:
            raise PowerLossError
        super().check(path, write=write)


class Life:
    """A DataNode's life, and what it has promised."""

    def __init__(self, disk: DyingDisk, rng: random.Random) -> None:
        self.disk = disk
        self.rng = rng
        self.reported: list[tuple[int, ReplicaState]] = []
        # By block id: bytes that must survive, and the stamp they must have at least.
        self.promised: dict[int, Block] = {}
        self.deleted: set[int] = set()

    def run(self, steps: int) -> None:
        files = MemoryBlockFiles(self.disk)
        store = ReplicaStore(files, lambda replica: None)
        for block_id in range(1, steps + 1):
            self._write_one(store, Block(block_id, 10))

    def _write_one(self, store: ReplicaStore, block: Block) -> None:
        rng = self.rng
        if rng.random() < 0.5:
            self._pack_some(store, block.id)
            return
        copy = rng.random() < 0.2
        writing = (
            store.copy(block, CHUNK, keep_open=rng.random() < 0.5)
            if copy
            else store.create(block, CHUNK)
        )
        for _ in range(rng.randrange(1, 5)):
            start = writing.length // CHUNK * CHUNK
            data = DATA[start : writing.length + rng.randrange(1, 1500)]
            writing.write(start, checksum.checksums(data, CHUNK), data)
            if rng.random() < 0.4 and not copy:
                writing.sync()
                self.promised[block.id] = Block(block.id, 10, writing.length)
        fate = rng.choice(["finish", "recover", "release", "delete", "update"])
        if copy or fate == "finish":
            length = writing.length
            writing.finish()
            self.promised[block.id] = Block(block.id, 10, length)
            if not (copy and writing.event is Event.JOIN):
                self._change(store, Block(block.id, 10, length))
        elif fate == "recover":
            held = store.begin_recovery(block, 11)
            new = Block(block.id, 11, held.block.length)
            store.update(held.block, new, finalize=True)
            self.promised[block.id] = new
        elif fate == "update":
            least = self.promised.get(block.id, block).length
            new = Block(block.id, 12, rng.randint(least, writing.length))
            store.update(block, new, finalize=False)
        elif fate == "release":
            writing.release()
        else:
            self.promised.pop(block.id, None)
            self.deleted.add(block.id)
            store.delete([Block(block.id, 99)])

    def _pack_some(self, store: ReplicaStore, number: int) -> None:
        """Small ones that come together; some are changed, some go, and packs get smaller."""
        rng = self.rng
        blocks = [
            Block(100 * number + at, 10, rng.randrange(1, 1500)) for at in range(rng.randint(1, 6))
        ]
        store.add_whole([packed(block) for block in blocks])
        for block in blocks:
            self.promised[block.id] = block
        for block in blocks:
            if rng.random() < 0.4:
                self._change(store, block)
        for block in list(self.promised.values()):
            if block.id >= 100 and rng.random() < 0.5:
                self.promised.pop(block.id)
                self.deleted.add(block.id)
                store.delete([Block(block.id, 99)])

    def _change(self, store: ReplicaStore, block: Block) -> None:
        """A finalised replica is reopened and written further, or cut, or stays."""
        rng = self.rng
        if rng.random() < 0.3:
            cut = Block(block.id, 20, rng.randint(1, block.length))
            self.promised[block.id] = Block(block.id, 10, cut.length)
            store.update(block, cut, finalize=True)
            self.promised[block.id] = block = cut
        if rng.random() < 0.5:
            reopened = Block(block.id, 30, block.length)
            store.update(block, reopened, finalize=False)
            self.promised[block.id] = reopened
            writing = store.resume(reopened)
            start = writing.length // CHUNK * CHUNK
            data = DATA[start : writing.length + rng.randrange(1, 1500)]
            writing.write(start, checksum.checksums(data, CHUNK), data)
            if rng.random() < 0.5:
                writing.sync()
                self.promised[block.id] = Block(block.id, 30, writing.length)
            if rng.random() < 0.5:
                writing.finish()
                self.promised[block.id] = Block(block.id, 30, writing.length)


def packed(block: Block) -> WholeReplica:
    data = DATA[: block.length]
    return WholeReplica(block, CHUNK, checksum.checksums(data, CHUNK), data)


@pytest.fixture(autouse=True)
def small_packs(monkeypatch):
    monkeypatch.setattr(blockfiles, "Packs", partial(Packs, pack_bytes=4096))


@given(seed=st.integers(0, 2**32), after=st.integers(20, 400))
@settings(**CRASHES, max_examples=300)
def test_a_power_loss_at_any_operation(seed, after):
    rng = random.Random(seed)
    disk = DyingDisk()
    life = Life(disk, rng)
    disk.operations_left = after
    with contextlib.suppress(PowerLossError):
        life.run(steps=8)
    # And once more, while what the first left is put in order.
    second = disk.crash(rng)
    second.operations_left = rng.randrange(200)
    with contextlib.suppress(PowerLossError):
        MemoryBlockFiles(second).load()
    check(life, MemoryBlockFiles(second.crash(rng)))


@given(seed=st.integers(0, 2**32), after=st.integers(20, 400))
@settings(**CRASHES, max_examples=150)
def test_a_killed_process_loses_nothing_it_has_written(seed, after):
    rng = random.Random(seed)
    disk = DyingDisk()
    life = Life(disk, rng)
    disk.operations_left = after
    with contextlib.suppress(PowerLossError):
        life.run(steps=8)
    disk.operations_left = 10**9
    disk._locked.clear()
    check(life, MemoryBlockFiles(disk))


def check(life: Life, files: MemoryBlockFiles) -> None:
    found = {replica.block.id: replica for replica in files.load()}
    for block_id, promised in life.promised.items():
        assert block_id in found, f"{promised} is gone"
        block = found[block_id].block
        assert block.length >= promised.length, f"{block} has lost bytes: {block.length}"
        assert block.generation >= promised.generation
    for replica in found.values():
        assert replica.state in (ReplicaState.FINALIZED, ReplicaState.RWR)
        assert content(files, replica.block) == DATA[: replica.block.length]


def content(files: MemoryBlockFiles, block: Block) -> bytes:
    stored = files.read(block)
    crcs, data = stored.run(0, block.length)
    checksum.verify(data, crcs, CHUNK, what=str(block), offset=0)
    return data


def test_the_check_sees_a_wrong_byte():
    disk = MemoryDisk()
    store = ReplicaStore(MemoryBlockFiles(disk), lambda replica: None)
    writing = store.create(Block(1, 10), CHUNK)
    writing.write(0, checksum.checksums(DATA[:100], CHUNK), DATA[:100])
    writing.finish()
    disk._entries["/memory/current"]["blk_1"].data[5] ^= 1
    disk._locked.clear()
    files = MemoryBlockFiles(disk)
    files.load()
    with pytest.raises(ChecksumException):
        content(files, Block(1, 10, 100))
