"""A disk that fails under the journal: what could not be synced is nowhere said to be durable."""

import errno

import pytest

from blockstore.model import Permission
from blockstore.namenode.disk import MemoryDisk, RealDisk
from blockstore.namenode.entries import DirectoryMade
from blockstore.namenode.journal import Journal


@pytest.fixture(params=["real", "memory"])
def disk(request, tmp_path):
    return RealDisk(str(tmp_path)) if request.param == "real" else MemoryDisk()


def test_a_sync_that_failed_makes_nothing_durable(disk, monkeypatch):
    writing = Journal(disk)
    writing.open(0)
    writing.append(DirectoryMade(1, 1, "one", 1.5, Permission("ana", "lab", 0o755)))
    assert writing.sync() == 1
    writing.append(DirectoryMade(2, 1, "two", 1.5, Permission("ana", "lab", 0o755)))

    def fails():
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(writing._file, "sync", fails)
    with pytest.raises(OSError, match="Input/output error"):
        writing.sync()
    monkeypatch.undo()
    assert writing.sync() == 1
    writing.close()
