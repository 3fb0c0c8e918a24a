"""The scanner: its pass, what it finds, where it goes on, what comes first."""

import threading

import pytest

from blockstore import checksum
from blockstore.datanode.blockfiles import MemoryBlockFiles
from blockstore.datanode.memorydisk import MemoryDisk
from blockstore.datanode.scanner import Scanner
from blockstore.datanode.store import ReplicaStore
from blockstore.model import Block, ReplicaState
from blockstore.runtime.clock import FakeClock

WEEK_S = 7 * 24 * 3600.0


class Node:
    """Five replicas of 100 bytes on one volume."""

    def __init__(self, disk=None):
        self.fresh = disk is None
        self.disk = disk or MemoryDisk()
        self.files = MemoryBlockFiles(self.disk, ("/one",))
        self.reports = []
        self.store = ReplicaStore(self.files, self.reports.append)
        for block_id in range(1, 6) if self.fresh else ():
            writing = self.store.create(Block(block_id, 1), 64)
            writing.write(0, checksum.checksums(b"x" * 100, 64), b"x" * 100)
            writing.finish()
        self.reports.clear()
        self.clock = FakeClock()
        self.scanner = Scanner(
            self.store, self.files.volumes, self.files.on_volume, WEEK_S, 10**9, self.clock
        )
        (self.scan,) = self.scanner.scans

    @property
    def volume(self):
        (report,) = self.files.load_of_disks().volumes
        return report

    def rot(self, block_id):
        file = self.disk.open(f"/one/current/blk_{block_id}", write=True)
        file.pwrite(b"y", 50)

    def stop_after(self, blocks):
        """The node is stopped when so many more were scanned."""
        read, left = self.store.read, [blocks]

        def reading(block):
            left[0] -= 1
            if left[0] < 0:
                self.scanner.stop()
            return read(block)

        self.store.read = reading


def test_a_pass_reads_everything_and_tells_when_it_was_done():
    node = Node()
    assert (node.volume.scanned_bytes, node.volume.last_pass_at_s) == (0, 0.0)
    node.scan.go_on()
    assert node.volume.last_pass_at_s == node.clock.wall()
    assert node.reports == []


def test_rot_is_found_counted_and_reported():
    node = Node()
    node.rot(3)
    node.scan.go_on()
    ((block, state),) = [(r.block.id, r.state) for r in node.reports]
    assert (block, state) == (3, ReplicaState.CORRUPT)
    assert node.volume.scan_errors == 1


def test_a_restart_goes_on_where_the_scanner_was():
    node = Node()
    node.stop_after(3)
    node.scan.go_on()
    node.files.close()
    again = Node(node.disk)
    assert again.volume.scanned_bytes >= 300
    assert again.volume.last_pass_at_s == 0.0
    seen = []
    read = again.store.read
    again.store.read = lambda block: (seen.append(block.id), read(block))[1]
    again.scan.go_on()
    assert seen == [4, 5]
    assert again.volume.last_pass_at_s > 0


@pytest.mark.parametrize("content", [b"", b"{", b'{"cursor": "x"}'])
def test_a_damaged_cursor_costs_no_more_than_a_pass_from_the_beginning(content):
    node = Node()
    node.files.close()
    node.disk.open("/one/scan", create=True).pwrite(content, 0)
    again = Node(node.disk)
    again.rot(1)
    again.scan.go_on()
    assert again.volume.scan_errors == 1


def test_what_could_not_be_read_comes_first():
    node = Node()
    node.files.volumes[0].suspects.append(5)
    seen = []
    read = node.store.read
    node.store.read = lambda block: (seen.append(block.id), read(block))[1]
    node.scan.go_on()
    assert seen == [5, 1, 2, 3, 4, 5]


def test_a_scanner_that_is_off_has_no_threads():
    node = Node()
    off = Scanner(node.store, node.files.volumes, node.files.on_volume, 0, 1, node.clock)
    before = threading.active_count()
    off.start()
    assert threading.active_count() == before


class Waits:
    """Whoever waits lets a lot of time pass at once."""

    def __init__(self, clock):
        self.clock = clock

    def is_set(self):
        return False

    def wait(self, seconds):
        self.clock.advance(1000 * seconds)


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0], ids=["forth", "back"])
def test_a_jump_of_the_wall_clock_moves_the_next_pass_by_no_more_than_the_jump(jump_s):
    node = Node()
    node.scan.go_on()
    node.clock.jump_wall(jump_s)
    began = node.clock.monotonic()
    node.scan._stop = Waits(node.clock)
    node.scan._rest()
    assert abs(node.clock.monotonic() - began - WEEK_S) <= 3600.0 + 1000.0
