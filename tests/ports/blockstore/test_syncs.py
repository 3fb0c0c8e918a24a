"""What the ports call synced, the real disks have asked the system to sync.

The twins in memory forget what was not synced, and all that is proved with them rests on this.
"""

import os

import pytest

from blockstore import checksum
from blockstore.datanode.blockfiles import BlockFiles
from blockstore.datanode.disk import SystemDisk
from blockstore.model import Block
from blockstore.namenode.disk import RealDisk


@pytest.fixture
def synced(monkeypatch):
    """Inode and size of all that the system was asked to sync, in order."""
    found = []

    def listen_to(name):
        call = getattr(os, name)

        def heard(descriptor):
            call(descriptor)
            status = os.fstat(descriptor)
            found.append((status.st_ino, status.st_size))

        monkeypatch.setattr(os, name, heard)

    listen_to("fsync")
    listen_to("fdatasync")
    return found


def identity(path):
    status = os.stat(path)
    return status.st_ino, status.st_size


def test_the_journals_disk_syncs_files_cuts_and_names(tmp_path, synced):
    disk = RealDisk(str(tmp_path))
    file = disk.create("a")
    file.write(b"abcdef")
    assert synced == []
    file.sync()
    assert synced.pop() == identity(tmp_path / "a")
    file.close()
    disk.truncate("a", 2)
    assert synced.pop() == (identity(tmp_path / "a")[0], 2)
    disk.replace("a", "b")
    disk.sync_names()
    assert synced == [identity(tmp_path)]


def test_a_datanodes_disk_syncs_files_and_directories(tmp_path, synced):
    disk = SystemDisk()
    file = disk.open(f"{tmp_path}/a", create=True)
    file.pwrite(b"abcdef", 0)
    assert synced == []
    file.sync()
    assert synced.pop() == identity(tmp_path / "a")
    file.close()
    disk.sync_directory(str(tmp_path))
    assert synced == [identity(tmp_path)]


def test_a_finalised_replica_is_synced_with_its_checksums_and_its_names(tmp_path, synced):
    files = BlockFiles([str(tmp_path)])
    files.load()
    opened = files.create(Block(7, 1001), 512, copy=False)
    data = b"x" * 1300
    opened.write(0, checksum.checksums(data, 512), data)
    synced.clear()
    opened.finalize()
    current = tmp_path / "current"
    for path in (current / "blk_7", current / "blk_7.crc"):
        assert identity(path) in synced
    # The names come last: they're of no use without the bytes.
    assert synced[-1][0] == identity(current)[0]
    files.close()
