import random

import pytest

from blockstore.errors import JournalCorruptException, StoreError
from blockstore.namenode import image, journal, recovery
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.core import NameNode
from blockstore.namenode.disk import MemoryDisk
from blockstore.namenode.journal import segment_name


class Server:
    """A core over a journal on a disk that can crash; synchronous, one request at a time."""

    def __init__(self, disk):
        self.disk = disk
        self.state, self.journal = recovery.recover(disk, wall=1.0)
        self.core = NameNode(NameNodeConfig(), random.Random(0), self.state, now=0.0)
        self.do(self.core.start())

    def do(self, ready):
        for entry in ready.entries:
            self.journal.append(entry)
        self.journal.sync()
        return ready.reply

    def mkdirs(self, path):
        self.do(self.core.mkdirs(path, wall=1.0))

    def checkpoint(self):
        through = self.journal.roll()
        recovery.checkpoint(self.disk, through, unique=1)
        recovery.purge(self.disk, self.journal)

    def paths(self):
        names = self.state.names
        return {names.path_of(inode) for inode in names.walk(names.root)}


def test_an_empty_disk_becomes_a_namespace_with_an_id_that_stays():
    disk = MemoryDisk()
    assert not recovery.is_formatted(disk)
    first = Server(disk)
    assert recovery.is_formatted(disk)
    assert first.state.cluster_id.startswith("cluster-")
    assert Server(disk).state.cluster_id == first.state.cluster_id


def test_image_and_journal_give_the_same_as_the_journal_alone(image_of):
    alone, both = Server(MemoryDisk()), Server(MemoryDisk())
    for server in (alone, both):
        server.state.cluster_id = "c"
    for number in range(50):
        for server in (alone, both):
            server.mkdirs(f"/d{number % 7}/e{number}")
        if number % 10 == 9:
            both.checkpoint()
    again = recovery.recover(both.disk, wall=2.0)[0]
    again.cluster_id = "c"
    assert image_of(again) == image_of(alone.state)


def test_the_last_two_images_are_kept_and_the_journal_since_the_older():
    server = Server(MemoryDisk())
    sealed = []
    for number in range(4):
        server.mkdirs(f"/d{number}")
        server.checkpoint()
        sealed.append(server.state.transaction)
    assert image.images(server.disk) == sealed[-2:]
    assert journal.segments(server.disk) == [sealed[-2] + 1, sealed[-1] + 1]


def test_a_damaged_image_is_made_up_for_by_the_one_before_and_the_journal():
    server = Server(MemoryDisk())
    for number in range(3):
        server.mkdirs(f"/d{number}")
        server.checkpoint()
    server.mkdirs("/end")
    server.disk.flip_bit(image.image_name(image.images(server.disk)[-1]), 999)
    assert Server(server.disk).paths() == server.paths()


def test_a_damaged_first_image_is_made_up_for_by_the_whole_journal():
    server = Server(MemoryDisk())
    server.mkdirs("/d")
    server.checkpoint()
    server.disk.flip_bit(image.image_name(image.images(server.disk)[-1]), 999)
    assert Server(server.disk).paths() == server.paths()


def test_without_any_whole_image_it_refuses_to_start():
    server = Server(MemoryDisk())
    for number in range(3):
        server.mkdirs(f"/d{number}")
        server.checkpoint()
    for transaction in image.images(server.disk):
        server.disk.flip_bit(image.image_name(transaction), 999)
    with pytest.raises(JournalCorruptException, match="no checkpoint image can be read"):
        recovery.recover(server.disk, wall=2.0)


def test_a_journal_of_another_history_is_refused_with_the_transaction():
    server, other = Server(MemoryDisk()), Server(MemoryDisk())
    for number in range(9):
        server.mkdirs(f"/a{number}")
    first = server.journal.roll()
    server.mkdirs("/a0/x")
    other.journal.open(first)
    other.do(other.core.mkdirs("/x", wall=1.0))
    name = segment_name(first + 1)
    file = other.disk.create(name)
    file.write(server.disk.read(name))
    with pytest.raises(JournalCorruptException, match=f"transactions are missing|{first + 1}"):
        recovery.recover(other.disk, wall=2.0)


class Crash(BaseException):
    """The power goes."""


@pytest.mark.parametrize("seed", range(300))
def test_after_a_crash_at_any_moment_every_acknowledged_change_is_there(seed):
    """Directories are made, renamed and deleted, with checkpoints; the disk forgets what it may."""
    rng = random.Random(seed)
    disk = MemoryDisk()
    acknowledged, maybe = {"/"}, None
    epochs = [0]
    for _ in range(5):
        steps = rng.randint(1, 60)

        def step():
            nonlocal steps
            steps -= 1
            if steps < 0:
                raise Crash

        disk.before_step = step
        try:
            server = Server(disk)
            assert server.paths() in (acknowledged, maybe)
            acknowledged, maybe = server.paths(), None
            assert server.state.epoch > epochs[-1]
            epochs.append(server.state.epoch)
            while True:
                if rng.random() < 0.1:
                    server.checkpoint()
                ready = random_change(rng, server)
                if ready is not None:
                    maybe = server.paths()
                    server.do(ready)
                    acknowledged, maybe = maybe, None
        except Crash:
            pass
        disk = disk.crash(rng)
    assert Server(disk).paths() in (acknowledged, maybe)


def random_change(rng, server):
    one, two = (f"/{rng.choice('abc')}" + rng.choice(["", "/x", "/y"]) for _ in range(2))
    try:
        match rng.randrange(3):
            case 0:
                # One entry a change, so that half of a change is never acknowledged.
                return server.core.mkdirs(one, parents=False, wall=1.0)
            case 1:
                return server.core.rename(one, two, overwrite=True, wall=1.0)
            case _:
                return server.core.delete(one, recursive=True, wall=1.0)
    except StoreError:
        server.core.take_ready()
        return None
