"""What the journal and the images rely on, on a real directory and on its twin in memory."""

import random

import pytest

from blockstore.namenode.disk import PAGE_BYTES, MemoryDisk, RealDisk


@pytest.fixture(params=["real", "memory"])
def disk(request, tmp_path):
    return RealDisk(str(tmp_path)) if request.param == "real" else MemoryDisk()


def put(disk, name, data):
    file = disk.create(name)
    file.write(data)
    file.sync()
    file.close()


def test_a_file_has_what_was_written_in_order(disk):
    file = disk.create("a")
    for piece in (b"one", b"", b"two"):
        file.write(piece)
    file.sync()
    file.close()
    assert disk.read("a") == b"onetwo"


def test_creating_a_file_again_empties_it(disk):
    put(disk, "a", b"old")
    put(disk, "a", b"")
    assert disk.read("a") == b""


def test_names_are_sorted(disk):
    for name in ("b", "a", "c"):
        put(disk, name, b"")
    disk.remove("b")
    disk.sync_names()
    assert disk.names() == ["a", "c"]


def test_replace_takes_the_targets_name(disk):
    put(disk, "a", b"new")
    put(disk, "b", b"old")
    disk.replace("a", "b")
    assert (disk.names(), disk.read("b")) == (["b"], b"new")


def test_truncate_cuts_the_end(disk):
    put(disk, "a", b"abcdef")
    disk.truncate("a", 2)
    assert disk.read("a") == b"ab"


@pytest.mark.parametrize(
    "call",
    [
        lambda disk: disk.read("x"),
        lambda disk: disk.remove("x"),
        lambda disk: disk.replace("x", "y"),
        lambda disk: disk.truncate("x", 0),
    ],
    ids=["read", "remove", "replace", "truncate"],
)
def test_what_is_not_there_is_an_error(disk, call):
    with pytest.raises(FileNotFoundError):
        call(disk)


# --- the twin's crashes ------------------------------------------------------------------


def outcomes(disk, look):
    return {look(disk.crash(random.Random(seed))) for seed in range(200)}


def test_what_was_synced_survives_a_crash():
    disk = MemoryDisk()
    put(disk, "a", b"x" * 1000)
    disk.sync_names()
    assert outcomes(disk, lambda after: after.read("a")) == {b"x" * 1000}


def test_what_was_not_synced_may_come_in_part_and_with_holes():
    disk = MemoryDisk()
    file = disk.create("a")
    file.sync()
    disk.sync_names()
    file.write(b"x" * 3 * PAGE_BYTES)
    found = outcomes(disk, lambda after: after.read("a"))
    assert b"x" * 3 * PAGE_BYTES in found
    assert len({len(data) for data in found}) > 3
    assert any(b"\0" in data.rstrip(b"\0") for data in found)


def test_a_name_that_was_not_synced_may_be_missing_or_the_old_one():
    disk = MemoryDisk()
    put(disk, "a", b"1")
    disk.sync_names()
    put(disk, "b", b"2")
    disk.replace("b", "a")
    seen = outcomes(disk, lambda after: (tuple(after.names()), after.read("a")))
    assert seen == {(("a",), b"1"), (("a", "b"), b"1"), (("a",), b"2")}
