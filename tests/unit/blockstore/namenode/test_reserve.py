"""A full volume under the journal: changes wait, nothing is lost, all resumes by itself."""

import asyncio
import random

import pytest

from blockstore.errors import SafeModeException
from blockstore.namenode import image, journalreader, recovery
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.disk import MemoryDisk, RealDisk
from blockstore.namenode.entries import OPEN_ROOT, DirectoryMade
from blockstore.namenode.journal import Journal, JournalFull, segments
from blockstore.namenode.reserve import NAME, Reserve
from blockstore.namenode.shell import Shell
from blockstore.runtime.clock import FakeClock

KIB = 1024


def entry(number):
    return DirectoryMade(number, 1, f"name-{number}", 1.5, OPEN_ROOT)


def fill(disk, leaving=0):
    file = disk.create("other")
    file.write(bytes(max(0, disk.free_bytes() - leaving)))
    file.sync()


def test_a_full_volume_leaves_no_torn_record_and_the_batch_waits():
    disk = MemoryDisk(capacity_bytes=8 * KIB)
    writing = Journal(disk)
    writing.open(0)
    writing.append(entry(1))
    assert writing.sync() == 1
    fill(disk, leaving=50)
    writing.append(entry(2))
    writing.append(entry(3))
    for _ in range(2):
        with pytest.raises(JournalFull):
            writing.sync()
        assert [n for n, _ in journalreader.read(disk, 0)] == [1]
    writing.append(entry(4))
    disk.remove("other")
    assert writing.sync() == 4
    assert list(journalreader.read(disk, 0)) == [(n, entry(n)) for n in range(1, 5)]


def test_a_segment_that_finds_no_room_is_not_begun_and_the_old_one_goes_on():
    disk = MemoryDisk(capacity_bytes=8 * KIB)
    writing = Journal(disk)
    writing.open(0)
    writing.append(entry(1))
    writing.sync()
    fill(disk, leaving=10)
    with pytest.raises(JournalFull):
        writing.roll()
    assert segments(disk) == [1]
    disk.remove("other")
    writing.append(entry(2))
    assert writing.roll() == 2
    assert segments(disk) == [1, 3]
    assert len(list(journalreader.read(disk, 0))) == 2


def test_an_image_that_finds_no_room_leaves_no_part():
    disk = MemoryDisk(capacity_bytes=8 * KIB)
    writing = recovery.recover(disk, wall=1.0)[1]
    fill(disk, leaving=100)
    before = disk.names()
    with pytest.raises(OSError, match="No space left"):
        recovery.checkpoint(disk, writing.last, unique=1)
    assert disk.names() == before
    assert image.images(disk) == []


@pytest.mark.parametrize("kind", ["real", "memory"])
def test_the_reserve_is_room_that_can_be_given_up_once(kind, tmp_path):
    disk = RealDisk(str(tmp_path)) if kind == "real" else MemoryDisk()
    reserve = Reserve(disk, wanted_bytes=0, reserve_bytes=64 * KIB)
    assert not reserve.give_up()
    assert reserve.look() == ""
    assert len(disk.read(NAME)) == 64 * KIB
    assert reserve.give_up()
    assert NAME not in disk.names()
    assert not reserve.give_up()


class Server:
    """A shell over a disk of 64 KiB; 16 are the reserve, another 16 must stay free."""

    def __init__(self, disk=None):
        self.disk = disk or MemoryDisk(capacity_bytes=64 * KIB)
        reserve = Reserve(self.disk, wanted_bytes=16 * KIB, reserve_bytes=16 * KIB)
        state, journal = recovery.recover(self.disk, wall=1.0)
        self.failures = []
        self.shell = Shell(
            NameNodeConfig(), state, journal, FakeClock(), self.failures.append, reserve
        )

    async def mkdirs(self, path):
        await asyncio.wait_for(
            self.shell.perform(lambda core: core.mkdirs(path, wall=1.0)), timeout=5
        )

    async def stat(self, path):
        await asyncio.wait_for(self.shell.perform(lambda core: core.stat(path)), timeout=5)


def test_changes_are_refused_before_the_volume_is_full_and_resume_when_there_is_room():
    async def run():
        server = Server()
        server.shell.tick()
        await server.mkdirs("/a")
        fill(server.disk, leaving=8 * KIB)
        server.shell.tick()
        with pytest.raises(SafeModeException, match="journal volume full: memory has 0 MiB free"):
            await server.mkdirs("/b")
        await server.stat("/a")
        assert server.shell.core.safe_mode().reply.on
        server.disk.remove("other")
        server.shell.tick()
        await server.mkdirs("/b")

    asyncio.run(run())


def test_a_volume_that_is_filled_between_two_looks_loses_nothing():
    async def run():
        server = Server()
        server.shell.tick()
        fill(server.disk)
        await server.mkdirs("/d0")
        with pytest.raises(SafeModeException, match="journal volume full"):
            await server.mkdirs("/d1")
        assert NAME not in server.disk.names()
        await server.stat("/d0")
        server.shell.tick()
        with pytest.raises(SafeModeException, match="No space left"):
            await server.mkdirs("/x")
        after = Server(server.disk.crash(random.Random(1)))
        await after.stat("/d0")
        server.disk.remove("other")
        server.shell.tick()
        assert NAME in server.disk.names()
        await server.mkdirs("/x")
        assert server.failures == []

    asyncio.run(run())


def test_a_change_that_finds_no_room_at_all_waits_for_it():
    async def run():
        server = Server()
        server.shell.tick()
        server.disk.remove(NAME)
        fill(server.disk)
        waiting = asyncio.create_task(server.mkdirs("/a"))
        for _ in range(10):
            await asyncio.sleep(0)
        for _ in range(5):
            server.shell.tick()
            await asyncio.sleep(0)
        assert not waiting.done()
        server.disk.remove("other")
        server.shell.tick()
        await waiting
        await server.stat("/a")

    asyncio.run(run())


def test_an_administrator_cannot_end_what_only_room_can(cluster):
    cluster.core.admin.hold_changes("journal volume full")
    cluster.core.safe_mode(enter=False)
    with pytest.raises(SafeModeException, match="journal volume full"):
        cluster.mkdirs("/a")
    cluster.core.admin.hold_changes("")
    cluster.mkdirs("/a")


def test_replicas_are_mended_while_only_room_is_missing(cluster):
    cluster.add_nodes("xyz")
    (block,) = cluster.write("/f", 10, replication=2, on="xy")
    cluster.core.admin.hold_changes("journal volume full")
    ready = cluster.core.report_bad_replica(block, "x", "rot", now=cluster.now)
    assert ready.entries == ()
    ((source, order),) = ready.orders
    assert (source, order.block) == ("y", block)
