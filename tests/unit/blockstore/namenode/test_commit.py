import asyncio
import threading

import pytest

from blockstore.model import Permission
from blockstore.namenode.commit import GroupCommit
from blockstore.namenode.disk import MemoryDisk
from blockstore.namenode.entries import DirectoryMade
from blockstore.namenode.journal import Journal

ANAS = Permission("ana", "lab", 0o755)


class SlowDisk(MemoryDisk):
    """Counts syncs of files; its steps can be held up or fail."""

    def __init__(self):
        super().__init__()
        self.steps = 0
        self.error = None
        self.before_step = self.step

    def step(self):
        self.steps += 1
        if self.error:
            raise self.error


def entries(count):
    return [DirectoryMade(number, 1, f"d{number}", 1.0, ANAS) for number in range(count)]


def begin(disk, failures=None):
    journal = Journal(disk)
    journal.open(0)
    disk.steps = 0
    return GroupCommit(journal, (failures if failures is not None else []).append)


def test_all_who_wait_share_one_fsync():
    async def run():
        disk = SlowDisk()
        commit = begin(disk)
        order = []
        commit.append(entries(1))
        commit.then(lambda: order.append("a"))
        for name in "bcd":
            commit.append(entries(5))
            commit.then(lambda name=name: order.append(name))
        await commit.durable()
        # A write and a sync for the first, a write and a sync for all that gathered meanwhile.
        assert disk.steps <= 4
        assert order == ["a", "b", "c", "d"]
        await commit.close()

    asyncio.run(run())


def test_nothing_pending_costs_no_fsync_and_no_wait():
    async def run():
        disk = SlowDisk()
        commit = begin(disk)
        done = []
        commit.then(lambda: done.append(1))
        assert done == [1]
        await commit.durable()
        assert disk.steps == 0
        await commit.close()

    asyncio.run(run())


def test_a_read_of_what_is_not_durable_yet_waits_for_it():
    async def run():
        commit = begin(SlowDisk())
        commit.append(entries(1))
        done = []
        commit.then(lambda: done.append(1))
        assert done == []
        await commit.durable()
        assert done == [1]
        await commit.close()

    asyncio.run(run())


def test_a_failed_journal_never_acknowledges_anything_again():
    async def run():
        disk, failures = SlowDisk(), []
        commit = begin(disk, failures)
        disk.error = OSError(28, "No space left on device")
        acknowledged = []
        for _ in range(3):
            commit.append(entries(1))
            commit.then(lambda: acknowledged.append(1))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(commit.durable(), 0.05)
        disk.error = None
        commit.append(entries(1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(commit.durable(), 0.05)
        assert acknowledged == []
        assert [error.errno for error in failures] == [28]
        await commit.close()

    asyncio.run(run())


def test_close_makes_the_rest_durable():
    async def run():
        disk = SlowDisk()
        commit = begin(disk)
        commit.append(entries(3))
        await commit.close()
        assert disk.steps == 2

    asyncio.run(run())


def test_a_slow_disk_does_not_hold_up_the_loop(monkeypatch):
    async def run():
        monkeypatch.setattr("blockstore.namenode.commit.QUICK_S", -1.0)
        disk, may_go_on = SlowDisk(), threading.Event()
        commit = begin(disk)
        disk.before_step = lambda: may_go_on.wait(10)
        commit.append(entries(1))
        done = []
        commit.then(lambda: done.append(1))
        await asyncio.sleep(0)
        # Still here, while the disk holds the sync.
        assert done == []
        may_go_on.set()
        await commit.durable()
        assert done == [1]
        await commit.close()

    asyncio.run(run())


def test_a_quick_disk_is_synced_once_for_all_that_the_loop_has_at_hand():
    async def run():
        disk = SlowDisk()
        commit = begin(disk)

        async def request():
            commit.append(entries(1))
            await commit.durable()

        await asyncio.gather(*(request() for _ in range(8)))
        # One write and one sync, on this thread.
        assert disk.steps == 2
        await commit.close()

    asyncio.run(run())


def test_no_sync_overtakes_work_on_the_thread():
    async def run():
        disk, may_go_on, order = SlowDisk(), threading.Event(), []
        commit = begin(disk)

        def work():
            may_go_on.wait(10)
            order.append("work")

        rolling = asyncio.ensure_future(commit.on_thread(work))
        await asyncio.sleep(0)
        commit.append(entries(1))
        commit.then(lambda: order.append("sync"))
        await asyncio.sleep(0)
        may_go_on.set()
        await commit.durable()
        await rolling
        assert order == ["work", "sync"]
        await commit.close()

    asyncio.run(run())
