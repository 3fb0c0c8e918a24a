"""Copies that are broken off and gone on with, and copies that aren't what was read."""

import os
import random
import signal
import time

import pytest
from mapred_cli.copying import UNFINISHED, Tally
from mapred_cli.download import Download
from mapred_cli.upload import Upload

from tests.cluster.users import User

pytestmark = pytest.mark.cluster

DATA = random.Random(1).randbytes(14_000_000)
OTHER = random.Random(2).randbytes(9_000_000)


@pytest.fixture
def store(shared_cluster):
    with shared_cluster.client() as store:
        store.delete("/c", recursive=True, skip_trash=True)
        yield store


@pytest.fixture
def local(tmp_path):
    (tmp_path / "data").write_bytes(DATA)
    return tmp_path / "data"


def stopping_after(size):
    """A tally whose copies all stop when so many bytes have been copied."""
    tally = Tally()
    moved = []

    def advance(more):
        moved.append(more)
        if sum(moved) >= size:
            tally.stopped.set()

    tally.advance = advance
    return tally


def upload(store, source, tally, **options):
    Upload(store, tally, **options).put([str(source)], "/c/data", into_directory=False)


def content(store, path):
    with store.open(path) as file:
        return file.read()


def put(store, path, data):
    with store.open(path, "wb") as file:
        file.write(data)


def test_a_put_goes_on_where_it_stopped(store, local):
    tally = stopping_after(5_000_000)
    upload(store, local, tally)
    beginning = store.stat("/c/data" + UNFINISHED)
    assert (tally.kept, tally.copied) == (1, 0)
    assert 5_000_000 <= beginning.length < len(DATA)
    assert not store.exists("/c/data")

    moved = []
    upload(store, local, Tally(moved.append), resume=True)

    assert content(store, "/c/data") == DATA
    assert store.stat("/c/data").inode_id == beginning.inode_id
    assert moved[0] == beginning.length
    assert sum(moved) == len(DATA)
    assert not store.exists("/c/data" + UNFINISHED)


def test_a_beginning_of_other_bytes_is_not_gone_on_with(store, local):
    put(store, "/c/data" + UNFINISHED, OTHER)

    upload(store, local, Tally(), resume=True)

    assert content(store, "/c/data") == DATA


def test_a_resumed_put_leaves_what_is_there_with_the_same_bytes(store, local):
    upload(store, local, Tally())
    tally = Tally()
    upload(store, local, tally, resume=True)
    assert (tally.found, tally.copied, tally.complaints.count) == (1, 0, 0)

    put(store, "/c/data", OTHER + bytes(len(DATA) - len(OTHER)))
    tally = Tally()
    upload(store, local, tally, resume=True)
    assert (tally.found, tally.copied, tally.complaints.count) == (0, 0, 1)


def test_a_get_goes_on_where_it_stopped(store, tmp_path):
    put(store, "/c/data", DATA)
    target, part = tmp_path / "got", tmp_path / ("got" + UNFINISHED)
    tally = stopping_after(5_000_000)
    Download(store, tally).get([store.stat("/c/data")], str(target))
    beginning = part.stat()
    assert tally.kept == 1
    assert not target.exists()

    moved = []
    Download(store, Tally(moved.append), resume=True).get([store.stat("/c/data")], str(target))

    assert target.read_bytes() == DATA
    assert target.stat().st_ino == beginning.st_ino
    assert (moved[0], sum(moved)) == (beginning.st_size, len(DATA))


def test_a_beginning_of_what_was_there_before_is_not_gone_on_with(store, tmp_path):
    put(store, "/c/data", DATA)
    (tmp_path / ("got" + UNFINISHED)).write_bytes(OTHER)

    Download(store, Tally(), resume=True).get([store.stat("/c/data")], str(tmp_path / "got"))

    assert (tmp_path / "got").read_bytes() == DATA
    assert [path.name for path in tmp_path.iterdir()] == ["got"]


def test_what_may_not_replace_a_file_leaves_nothing_beside_it(store, shared_cluster, tmp_path):
    (tmp_path / "c").mkdir()
    for name, size in (("a", 10), ("b", 20), ("large", 400_000)):
        (tmp_path / "c" / name).write_bytes(DATA[:size])
        put(store, f"/c/{name}", b"the superuser's")
    store.chmod("/c", 0o1777)
    with shared_cluster.client("ben") as bens:
        tally = Tally()
        files = [str(tmp_path / "c" / name) for name in ("a", "b", "large")]
        Upload(bens, tally, force=True).put(files, "/c", into_directory=True)
    assert (tally.copied, tally.complaints.count) == (0, 3)
    assert [entry.name for entry in store.list("/c")] == ["a", "b", "large"]
    assert content(store, "/c/large") == b"the superuser's"


def test_a_name_that_is_no_text_is_told_and_the_rest_is_put(store, tmp_path):
    (tmp_path / "top").mkdir()
    for name in (b"a", b"b\xff", b"c"):
        (tmp_path / "top" / os.fsdecode(name)).write_bytes(b"x")
    tally = Tally()
    Upload(store, tally).put([str(tmp_path / "top")], "/c", into_directory=True)
    assert [entry.name for entry in store.list("/c/top")] == ["a", "c"]
    assert (tally.copied, tally.complaints.count) == (2, 1)


def test_a_directory_goes_on_in_the_one_that_the_broken_off_copy_has_made(store, tmp_path):
    for name in "ab":
        (tmp_path / "top" / name).mkdir(parents=True)
        (tmp_path / "top" / name / "data").write_bytes(DATA)
    options = {"into_directory": False}
    Upload(store, stopping_after(5_000_000), threads=1).put(
        [str(tmp_path / "top")], "/c", **options
    )
    Upload(store, Tally(), resume=True).put([str(tmp_path / "top")], "/c", **options)
    assert sorted(entry.path for entry in store.list("/c")) == ["/c/a", "/c/b"]
    assert content(store, "/c/a/data") == content(store, "/c/b/data") == DATA

    target = str(tmp_path / "back")
    Download(store, stopping_after(5_000_000), threads=1).get([store.stat("/c")], target)
    Download(store, Tally(), resume=True).get([store.stat("/c")], target)
    found = {str(p.relative_to(target)) for p in (tmp_path / "back").rglob("*") if p.is_file()}
    assert found == {"a/data", "b/data"}
    assert (tmp_path / "back" / "b" / "data").read_bytes() == DATA

    # A directory with other things in it is one to copy into, as ever.
    put(store, "/c/other", b"")
    Upload(store, Tally(), resume=True).put([str(tmp_path / "top")], "/c", **options)
    assert content(store, "/c/top/a/data") == DATA


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda n: n.name)
def test_a_put_that_was_ended_shows_nothing_and_can_be_gone_on_with(
    store, shared_cluster, tmp_path, number
):
    with (tmp_path / "big").open("wb") as file:
        for _ in range(20):
            file.write(DATA)
    user = User(tmp_path, MAPRED_NAMENODE=shared_cluster.address)
    process, err = _ended(user, store, number)
    if number is signal.SIGINT:
        assert process.returncode == 130
        assert b"Go on:  mapred fs put --resume -f --replication 1 big /c/big" in err

    beginning = store.stat("/c/big" + UNFINISHED)
    user.mapred("fs", "put", "--resume", "--replication", "1", "big", "/c/big")

    assert store.stat("/c/big").inode_id == beginning.inode_id
    user.mapred("fs", "get", "/c/big", "back")
    assert (tmp_path / "back").read_bytes() == DATA * 20


def _ended(user, store, number):
    """A put that a signal has met in the middle; on a busy machine that may take some tries."""
    for _ in range(5):
        process = user.start("fs", "put", "-f", "--replication", "1", "big", "/c/big")
        try:
            until = time.monotonic() + 60
            while process.poll() is None and _length(store, "/c/big" + UNFINISHED) < 8_000_000:
                assert time.monotonic() < until
                time.sleep(0.005)
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()
        if not store.exists("/c/big"):
            return process, err
        store.delete("/c/big")
    raise AssertionError("each put was over before it could be ended")


def _length(store, path):
    return sum(block.block.length for block in store.locate(path)) if store.exists(path) else 0


def test_many_small_files_are_put_with_what_each_alone_can_count_on(
    store, shared_cluster, tmp_path
):
    rng = random.Random(3)
    there = {f"f{number}": rng.randbytes(rng.randrange(3000)) for number in range(300)}
    there |= {"empty": b"", "larger": rng.randbytes(300_000)}
    (tmp_path / "many").mkdir()
    for name, data in there.items():
        (tmp_path / "many" / name).write_bytes(data)
    os.utime(tmp_path / "many" / "f7", (1_600_000_000, 1_500_000_000))
    (tmp_path / "many" / "f7").chmod(0o640)
    put(store, "/c/many/f8", b"was there")
    user = User(tmp_path, MAPRED_NAMENODE=shared_cluster.address)

    _, err = user.mapred("fs", "put", "-p", "many", "/c", code=1)

    assert "mapred fs: 'many/f8': /c/many/f8 exists: give -f" in err
    wanted = there | {"f8": b"was there"}
    assert {entry.name for entry in store.list("/c/many")} == set(wanted)
    assert {name: content(store, f"/c/many/{name}") for name in wanted} == wanted
    kept = store.stat("/c/many/f7")
    assert (kept.permission.mode, kept.modified_at_s) == (0o640, 1_500_000_000)

    # One is missing, and of one a put that was killed has left a beginning that is still open.
    store.delete("/c/many/f9", skip_trash=True)
    store.delete("/c/many/f10", skip_trash=True)
    left = store.open("/c/many/f10" + UNFINISHED, "wb")
    left.write(there["f10"][:10])
    left.hflush()
    tally = Tally()
    Upload(store, tally, resume=True).put([str(tmp_path / "many")], "/c", into_directory=False)

    assert (tally.found, tally.copied, tally.complaints.count) == (299, 2, 1)
    assert {name: content(store, f"/c/many/{name}") for name in wanted} == wanted
    assert not any(entry.name.endswith(UNFINISHED) for entry in store.list("/c/many"))
    left.discard()


def test_a_bundle_whose_node_is_gone_costs_no_file(cluster, tmp_path):
    cluster.start(2)
    store = cluster.client()
    (tmp_path / "many").mkdir()
    for number in range(5):
        (tmp_path / "many" / f"f{number}").write_bytes(b"%d" % number)
    cluster.datanodes[1].kill()
    tally = Tally()

    Upload(store, tally, replication=2).put([str(tmp_path / "many")], "/many", into_directory=False)

    assert (tally.copied, tally.complaints.count) == (5, 0)
    assert [content(store, entry.path) for entry in store.list("/many")] == [
        b"%d" % number for number in range(5)
    ]
