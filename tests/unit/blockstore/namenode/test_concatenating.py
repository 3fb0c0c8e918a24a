import pytest

from blockstore.errors import (
    AlreadyBeingCreatedException,
    FileNotFoundException,
    InvalidRequestException,
)


def concat(cluster, target, *sources, request_id=""):
    cluster.try_(
        lambda: cluster.core.changes.concat(
            target, sources, request_id=request_id, now=cluster.now, wall=cluster.wall
        )
    )


def offsets(cluster, path):
    blocks = cluster.core.locate(path, now=cluster.now).reply.blocks
    return [(block.offset, block.block.length) for block in blocks]


def test_the_blocks_follow_each_other_and_the_sources_are_gone(cluster, image_of):
    cluster.add_nodes("xyz")
    cluster.write("/d/a", 1000, 10)
    cluster.write("/e/b", 20)
    cluster.write("/c")
    cluster.write("/e/d", 1000, 30)
    before = len(cluster.entries)
    concat(cluster, "/d/a", "/e/b", "/c", "/e/d", request_id="r")
    assert len(cluster.entries) == before + 1
    assert offsets(cluster, "/d/a") == [
        (0, 1000), (1000, 10), (1010, 20), (1030, 1000), (2030, 30),
    ]  # fmt: skip
    assert cluster.paths("/e") == []
    assert cluster.paths("/") == ["/d", "/e"]
    assert image_of(cluster.replayed()) == image_of(cluster.state)
    # The request is repeated, and means nothing new.
    concat(cluster, "/d/a", "/e/b", "/c", "/e/d", request_id="r")


def test_the_blocks_belong_to_the_target_from_now_on(cluster):
    cluster.add_nodes("xyz")
    cluster.write("/a", 10)
    cluster.write("/b", 20)
    concat(cluster, "/a", "/b")
    cluster.delete("/a")
    assert cluster.state.blocks == {}
    assert cluster.state.committed_blocks == 0


def test_a_file_can_not_be_named_twice(cluster):
    cluster.write("/a")
    cluster.write("/b")
    for sources in (["/a"], ["/b", "/b"]):
        with pytest.raises(InvalidRequestException, match="named twice"):
            concat(cluster, "/a", *sources)
    with pytest.raises(InvalidRequestException, match="0 files"):
        concat(cluster, "/a")


def test_a_source_of_larger_blocks_is_refused(cluster):
    cluster.write("/a", block_bytes=100)
    cluster.write("/b")
    with pytest.raises(InvalidRequestException, match="name the one with the larger blocks"):
        concat(cluster, "/a", "/b")


def test_open_and_missing_files_are_refused_and_nothing_is_changed(cluster):
    cluster.write("/a")
    cluster.write("/b")
    cluster.create("/open")
    with pytest.raises(AlreadyBeingCreatedException):
        concat(cluster, "/a", "/b", "/open")
    with pytest.raises(FileNotFoundException):
        concat(cluster, "/a", "/b", "/none")
    assert cluster.paths("/") == ["/a", "/b", "/open"]
