"""Files in a healthy block store."""

import io
import os
import random
import threading
import time

import pytest

from blockstore import BlockStore
from blockstore.errors import (
    AlreadyBeingCreatedException,
    FileAlreadyExistsException,
    FileNotFoundException,
    IsADirectoryException,
    LeaseExpiredException,
    PathIsNotEmptyDirectoryException,
    StoreError,
    UnreachableException,
)

pytestmark = pytest.mark.cluster

CHUNK = 64 * 1024
BLOCK = 1024 * 1024


@pytest.fixture(params=["short-circuit", "wire"])
def store(shared_cluster, request):
    with shared_cluster.client(short_circuit=request.param == "short-circuit") as store:
        store.delete("/test", recursive=True, skip_trash=True)
        yield store


def put(store: BlockStore, path: str, data: bytes, **options) -> None:
    with store.open(path, "wb", **options) as file:
        file.write(data)


def get(store: BlockStore, path: str) -> bytes:
    with store.open(path) as file:
        return file.read()


@pytest.mark.parametrize(
    "size",
    [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 777],
)
def test_what_was_written_is_read(store, size):
    data = random.Random(size).randbytes(size)
    put(store, "/test/file", data)
    assert store.stat("/test/file").length == size
    assert get(store, "/test/file") == data


def test_blocks_smaller_than_a_packet_and_no_multiple_of_a_chunk(store):
    data = random.Random(1).randbytes(300_000)
    put(store, "/test/file", data, block_bytes=70_001, replication=2)
    assert get(store, "/test/file") == data
    blocks = store.locate("/test/file")
    assert [block.block.length for block in blocks] == [70_001] * 4 + [19_996]
    assert {len(block.nodes) for block in blocks} == {2}


def test_writes_of_any_size_and_flushes_between_them_give_the_same_file(store):
    rng = random.Random(2)
    expected = io.BytesIO()
    with store.open("/test/file", "wb") as file:
        while expected.tell() < 3 * BLOCK:
            piece = rng.randbytes(rng.choice([1, 100, CHUNK, 300_000, BLOCK + 5]))
            file.write(piece)
            expected.write(piece)
            assert file.tell() == expected.tell()
            if rng.random() < 0.3:
                rng.choice([file.flush, file.sync])()
    assert get(store, "/test/file") == expected.getvalue()


def test_seek_lines_and_pread_follow_pythons_own_files(store, tmp_path):
    rng = random.Random(3)
    lines = [rng.randbytes(rng.randrange(2000)).replace(b"\n", b" ") for _ in range(1500)]
    data = b"\n".join(lines)
    put(store, "/test/file", data)
    (tmp_path / "file").write_bytes(data)
    with store.open("/test/file") as ours, (tmp_path / "file").open("rb") as theirs:
        assert list(ours) == list(theirs)
        for _ in range(60):
            where, whence = rng.randrange(len(data)), rng.choice([os.SEEK_SET, os.SEEK_END])
            where -= len(data) if whence == os.SEEK_END else 0
            assert ours.seek(where, whence) == theirs.seek(where, whence)
            size = rng.choice([1, 10, CHUNK, 2 * BLOCK])
            assert ours.read(size) == theirs.read(size)
            assert ours.readline() == theirs.readline()
            assert ours.tell() == theirs.tell()
            offset = rng.randrange(len(data) + 10)
            assert ours.pread(offset, size) == data[offset : offset + size]


def test_many_threads_read_one_open_file(store):
    data = random.Random(4).randbytes(3 * BLOCK)
    put(store, "/test/file", data)
    wrong: list[int] = []

    def read(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(20):
            offset, size = rng.randrange(len(data)), rng.randrange(200_000)
            if file.pread(offset, size) != data[offset : offset + size]:
                wrong.append(offset)

    with store.open("/test/file") as file:
        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_flushed_bytes_can_be_read_while_the_file_is_written(store):
    data = random.Random(5).randbytes(BLOCK + 100_000)
    with store.open("/test/file", "wb") as file:
        file.write(data)
        file.flush()
        assert get(store, "/test/file") == data
        file.write(b"more")
        file.sync()
        assert store.stat("/test/file").length == len(data) + 4
        assert get(store, "/test/file") == data + b"more"


def test_an_exception_leaves_no_file(store):
    def fail_half_way() -> None:
        with store.open("/test/file", "wb") as file:
            file.write(b"x" * 100_000)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert not store.exists("/test/file")


def test_a_discarded_file_is_gone_and_discard_may_be_repeated(store):
    file = store.open("/test/file", "wb")
    file.write(b"x")
    file.discard()
    file.discard()
    assert not store.exists("/test/file")
    with pytest.raises(ValueError, match="closed"):
        file.write(b"y")


def test_a_closed_file_is_not_discarded(store):
    file = store.open("/test/file", "wb")
    file.write(b"x")
    file.close()
    file.close()
    file.discard()
    assert get(store, "/test/file") == b"x"


def test_wb_replaces_and_xb_refuses(store):
    put(store, "/test/file", b"old")
    put(store, "/test/file", b"new")
    assert get(store, "/test/file") == b"new"
    with pytest.raises(FileAlreadyExistsException):
        store.open("/test/file", "xb")


def test_two_writers_of_one_path_dont_mix(store, shared_cluster):
    with shared_cluster.client() as other, store.open("/test/file", "xb") as file:
        file.write(b"mine")
        with pytest.raises(AlreadyBeingCreatedException):
            other.open("/test/file", "xb")
    assert get(store, "/test/file") == b"mine"


def test_a_writer_whose_file_was_replaced_is_told(store, shared_cluster):
    with shared_cluster.client() as other:
        mine = store.open("/test/file", "wb")
        mine.write(b"mine" * 100_000)
        put(other, "/test/file", b"theirs")
        with pytest.raises((LeaseExpiredException, FileNotFoundException)):
            mine.close()
        mine.discard()
    assert get(store, "/test/file") == b"theirs"


def test_a_recovered_file_ends_at_its_last_acknowledged_byte(store, shared_cluster):
    data = random.Random(6).randbytes(BLOCK + 4321)
    with shared_cluster.client() as other:
        file = other.open("/test/file", "wb")
        file.write(data)
        file.flush()
        store.recover_lease("/test/file")
        assert get(store, "/test/file") == data
        with pytest.raises(StoreError):
            file.close()


def test_names(store):
    store.mkdir("/test/a/b/c")
    put(store, "/test/a/b/file", b"12345", replication=1)
    assert [entry.name for entry in store.list("/test/a/b")] == ["c", "file"]
    assert [entry.path for entry in store.list("/test/a/b/file")] == ["/test/a/b/file"]
    with pytest.raises(FileNotFoundException):
        store.mkdir("/test/x/y", parents=False)
    with pytest.raises(FileNotFoundError):
        store.stat("/test/nothing")
    with pytest.raises(IsADirectoryException):
        store.open("/test/a")
    store.rename("/test/a", "/test/moved")
    assert get(store, "/test/moved/b/file") == b"12345"
    summary = store.summary("/test/moved")
    assert (summary.files, summary.bytes, summary.replicated_bytes) == (1, 5, 5)
    with pytest.raises(PathIsNotEmptyDirectoryException):
        store.delete("/test/moved")
    assert store.delete("/test/moved", recursive=True)
    assert not store.delete("/test/moved", recursive=True)


def test_long_listings_come_page_by_page(store, shared_cluster):
    for number in range(30):
        store.mkdir(f"/test/many/{number:02}")
    assert [entry.name for entry in store.list("/test/many")] == [f"{n:02}" for n in range(30)]


def test_replicas_come_and_go_with_set_replication(store, eventually):
    put(store, "/test/file", b"x" * 100_000, replication=1)

    def replicas() -> int:
        return len(store.locate("/test/file")[0].nodes)

    store.set_replication("/test/file", 3)
    eventually(lambda: replicas() == 3, "three replicas")
    store.set_replication("/test/file", 1)
    eventually(lambda: replicas() == 1, "one replica")
    assert get(store, "/test/file") == b"x" * 100_000


def test_administration(store):
    put(store, "/test/file", b"x")
    report = store.report()
    assert {node.state for node in report.nodes} == {"live"}
    assert len(report.nodes) == 3
    assert not store.safe_mode("get").on
    fsck = store.fsck("/test")
    assert fsck.state == "healthy"
    assert [file.path for file in fsck.files] == ["/test/file"]


def test_nobody_there_is_told_within_five_seconds():
    started = time.monotonic()
    with BlockStore("127.0.0.1:1") as store, pytest.raises(UnreachableException, match=r"0\.1:1"):
        store.stat("/")
    assert time.monotonic() - started < 5


def test_a_store_of_another_process_is_refused(store):
    store.stat("/")
    store._process_id += 1
    try:
        with pytest.raises(StoreError, match="fork"):
            store.stat("/")
    finally:
        store._process_id -= 1


def test_fsspec_reads_and_writes_by_url(shared_cluster):
    fsspec = pytest.importorskip("fsspec")
    url = f"bs://{shared_cluster.address}/test/fsspec/file"
    with fsspec.open(url, "wb") as file:
        file.write(b"one\ntwo\n")
    with fsspec.open(url, "rt") as file:
        assert list(file) == ["one\n", "two\n"]
    files, paths = fsspec.core.url_to_fs(url)
    assert files.ls("/test/fsspec", detail=False) == ["/test/fsspec/file"]
    assert files.info(paths)["size"] == 8
    assert files.cat_file(paths, 4, 7) == b"two"
    files.mv(paths, "/test/fsspec/moved")
    files.rm("/test/fsspec", recursive=True)
    assert not files.exists("/test/fsspec")
