import pytest

from blockstore.errors import FileNotFoundException
from blockstore.model import ReplicaState
from blockstore.namenode import health


def pages(cluster, path="/"):
    found, after = [], ""
    while True:
        page = cluster.core.admin.fsck_page(path, after, now=cluster.now).reply
        found.append([file.path for file in page.files])
        after = page.resume_after
        if not after:
            return found


@pytest.fixture
def tree(cluster):
    cluster.add_nodes("x")
    for path in ("/a/1", "/a/2", "/a.b", "/a/sub/1", "/b", "/c/x/y/z"):
        cluster.write(path, 10, replication=1)
    return cluster


# As the names of each directory sort: "a" comes before "a.b".
ALL = ["/a/1", "/a/2", "/a/sub/1", "/a.b", "/b", "/c/x/y/z"]


@pytest.mark.parametrize("files", [1, 2, 4, 100])
def test_pages_together_are_the_whole_tree_once(tree, monkeypatch, files):
    monkeypatch.setattr(health, "PAGE_FILES", files)
    found = pages(tree)
    assert [path for page in found for path in page] == ALL
    assert max(map(len, found)) <= files


def test_a_page_begins_after_a_file_that_is_gone_by_then(tree, monkeypatch):
    monkeypatch.setattr(health, "PAGE_FILES", 3)
    page = tree.core.admin.fsck_page("/", now=tree.now).reply
    assert page.resume_after == "/a/sub/1"
    tree.delete("/a", recursive=True)
    page = tree.core.admin.fsck_page("/", page.resume_after, now=tree.now).reply
    assert [file.path for file in page.files] == ["/a.b", "/b", "/c/x/y/z"]


def test_below_a_directory_and_at_a_file(tree, monkeypatch):
    monkeypatch.setattr(health, "PAGE_FILES", 1)
    assert pages(tree, "/a") == [["/a/1"], ["/a/2"], ["/a/sub/1"]]
    assert pages(tree, "/b") == [["/b"]]
    with pytest.raises(FileNotFoundException):
        pages(tree, "/nowhere")


def test_a_block_on_one_rack_of_two_is_misplaced(cluster):
    cluster.add_node("x", "/r1")
    cluster.add_node("y", "/r1")
    cluster.write("/f", 10, replication=2)
    cluster.add_node("z", "/r2")
    page = cluster.core.admin.fsck_page("/", now=cluster.now).reply
    assert [block.state for block in page.files[0].blocks] == ["misplaced"]
    # All can be read.
    assert page.state == "healthy"


def test_a_file_with_one_lost_block_is_corrupt(tree):
    (block,) = tree.state.names.get("/b").blocks
    tree.report("x", block.value(), ReplicaState.DELETED)
    page = tree.core.admin.fsck_page("/", now=tree.now).reply
    assert page.state == "corrupt"
