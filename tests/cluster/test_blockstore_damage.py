"""Bits rot, files vanish, disks fail: readers get the right bytes or a clear error."""

import random
from pathlib import Path

import pytest

from blockstore import BlockStore
from blockstore.errors import BlockMissingException

pytestmark = pytest.mark.cluster

BLOCK = 1024 * 1024


def put(store: BlockStore, path: str, data: bytes, **options) -> None:
    with store.open(path, "wb", **options) as file:
        file.write(data)


def get(store: BlockStore, path: str) -> bytes:
    with store.open(path) as file:
        return file.read()


def flip_bit(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 0x10
    path.write_bytes(content)


def holder(cluster, store, path) -> int:
    """The DataNode that a reader asks first."""
    return cluster.number_of(store.locate(path)[0].nodes[0].address)


@pytest.mark.parametrize("short_circuit", [True, False], ids=["short-circuit", "wire"])
def test_a_flipped_bit_is_never_read_and_the_replica_is_replaced(
    cluster, eventually, short_circuit
):
    cluster.start(4)
    data = random.Random(1).randbytes(BLOCK)
    store = cluster.client(short_circuit=short_circuit)
    put(store, "/file", data)
    bad = holder(cluster, store, "/file")
    (path,) = cluster.block_files(bad)
    flip_bit(path, 333_333)

    def replaced() -> bool:
        # Replicas of equal distance come in any order: some reader meets the bad one.
        assert get(store, "/file") == data
        nodes = store.locate("/file")[0].nodes
        numbers = {cluster.number_of(node.address) for node in nodes}
        return (
            len(numbers) == 3
            and store.fsck("/file").state == "healthy"
            and (not path.exists() or path.read_bytes() == data)
        )

    eventually(replaced, "three good replicas")


def test_a_damaged_checksum_file_counts_as_a_damaged_replica(cluster):
    cluster.start(3)
    data = random.Random(2).randbytes(BLOCK)
    store = cluster.client()
    put(store, "/file", data)
    bad = holder(cluster, store, "/file")
    (path,) = cluster.block_files(bad)
    flip_bit(path.with_suffix(".crc"), 70)
    assert get(store, "/file") == data


def test_the_scanner_finds_rot_that_nobody_reads(cluster, eventually):
    cluster.start(3)
    data = random.Random(3).randbytes(BLOCK)
    store = cluster.client()
    put(store, "/file", data, replication=2)
    bad = holder(cluster, store, "/file")
    (path,) = cluster.block_files(bad)
    flip_bit(path, 5)
    cluster.datanodes[bad].stop()
    cluster.start_datanode(bad, scan_period_s=0.5, scan_bytes_per_s=10**9)

    def all_files_are_right() -> bool:
        files = [path for number in range(3) for path in cluster.block_files(number)]
        return len(files) == 2 and all(path.read_bytes() == data for path in files)

    eventually(all_files_are_right, "the damaged replica replaced and removed")


def test_replicas_that_vanished_or_were_cut_are_replaced(cluster, eventually):
    cluster.start(3)
    data = random.Random(4).randbytes(BLOCK)
    store = cluster.client(short_circuit=False)
    put(store, "/file", data)
    cluster.datanodes[0].stop()
    cluster.datanodes[1].stop()
    (gone,), (cut,) = cluster.block_files(0), cluster.block_files(1)
    gone.unlink()
    gone.with_suffix(".crc").unlink()
    cut.write_bytes(data[:1000])
    cluster.start_datanode(0)
    cluster.start_datanode(1)
    assert get(store, "/file") == data
    eventually(
        lambda: all(
            [path.read_bytes() for path in cluster.block_files(number)] == [data]
            for number in range(3)
        ),
        "three whole replicas",
    )


def test_when_all_replicas_are_gone_the_error_names_file_block_and_holders(cluster):
    # No third one: it would get a copy while a busy machine is slow at the second killing.
    cluster.start(2)
    store = cluster.client()
    put(store, "/some/file", b"x" * 1000, replication=2)
    (located,) = store.locate("/some/file")
    for node in located.nodes:
        cluster.datanodes[cluster.number_of(node.address)].kill()
    with pytest.raises(BlockMissingException) as caught:
        get(store, "/some/file")
    message = str(caught.value)
    assert "/some/file" in message
    assert str(located.block) in message
    for node in located.nodes:
        assert node.address in message


def test_when_all_replicas_rot_no_wrong_byte_is_given(cluster):
    cluster.start(2)
    store = cluster.client()
    # Little that comes whole is in a pack; what grew has a file of its own.
    put(store, "/packed", b"x" * 1000, replication=2)
    put(store, "/file", b"x" * 1000, replication=2)
    with store.open("/file", "ab") as file:
        file.write(b"y")
    for number in range(2):
        (path,) = cluster.block_files(number)
        flip_bit(path, 500)
        (path,) = (cluster.directory(number) / "packs").iterdir()
        flip_bit(path, 500)
    for name in ("/file", "/packed"):
        with pytest.raises(BlockMissingException, match="don't match their checksum"):
            get(store, name)


def test_a_missing_volume_is_reported_and_the_others_serve(cluster, eventually):
    cluster.start(1)
    store = cluster.client()
    put(store, "/file", b"x" * 1000, replication=1)
    cluster.datanodes[0].stop()
    (cluster.root / "no-directory").write_text("a file stands here")
    cluster.further_volumes[0] = [cluster.root / "no-directory"]
    cluster.start_datanode(0)
    assert get(store, "/file") == b"x" * 1000
    eventually(lambda: bool(store.report().nodes[0].failed_volumes), "the failed volume told")
    (words,) = store.report().nodes[0].failed_volumes
    assert "no-directory" in words
