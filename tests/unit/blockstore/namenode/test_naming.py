import pytest

from blockstore.errors import (
    FileAlreadyExistsException,
    FileNotFoundException,
    InvalidPathException,
    InvalidRequestException,
    IsADirectoryException,
    ParentNotDirectoryException,
    PathIsNotEmptyDirectoryException,
)
from blockstore.model import Summary
from blockstore.namenode.entries import Deleted, Renamed


@pytest.mark.parametrize(
    "path", ["", "a", "/a/", "//a", "/a//b", "/.", "/a/..", "/a\0b", "/" + "x" * 256, "/\udc80"]
)
def test_what_is_no_normalised_path_is_refused(cluster, path):
    with pytest.raises(InvalidPathException):
        cluster.mkdirs(path)


def test_names_of_255_bytes_are_fine(cluster):
    cluster.mkdirs("/" + "é" * 127)
    with pytest.raises(InvalidPathException, match="255"):
        cluster.mkdirs("/" + "é" * 128)


def test_mkdirs_makes_the_directories_above(cluster):
    cluster.mkdirs("/a/b/c")
    assert cluster.paths("/a/b") == ["/a/b/c"]


def test_mkdirs_of_what_is_there_is_fine_with_parents_only(cluster):
    cluster.mkdirs("/a")
    cluster.mkdirs("/a")
    with pytest.raises(FileAlreadyExistsException):
        cluster.mkdirs("/a", parents=False)


def test_mkdir_without_parents_needs_the_directory_above(cluster):
    with pytest.raises(FileNotFoundException, match="'a' does not exist in '/'"):
        cluster.mkdirs("/a/b", parents=False)


def test_a_file_is_no_place_for_a_directory(cluster):
    cluster.create("/f")
    with pytest.raises(FileAlreadyExistsException):
        cluster.mkdirs("/f")
    with pytest.raises(ParentNotDirectoryException, match="'/f' is a file"):
        cluster.mkdirs("/f/d")


def test_a_listing_is_sorted_and_comes_in_pages(cluster):
    for name in "cab":
        cluster.mkdirs(f"/d/{name}")
    first = cluster.core.listing("/d", limit=2).reply
    assert [s.path for s in first.entries] == ["/d/a", "/d/b"]
    assert first.has_more
    rest = cluster.core.listing("/d", start_after="/d/b".rpartition("/")[2]).reply
    assert [s.path for s in rest.entries] == ["/d/c"]
    assert not rest.has_more


def test_a_page_goes_on_where_it_ended_when_that_name_is_gone(cluster):
    for name in "abc":
        cluster.mkdirs(f"/{name}")
    cluster.delete("/b")
    assert [s.path for s in cluster.core.listing("/", start_after="b").reply.entries] == ["/c"]


def test_listing_a_file_gives_the_file(cluster):
    cluster.create("/f")
    assert cluster.paths("/f") == ["/f"]


def test_stat_of_nothing_names_the_first_thing_that_is_missing(cluster):
    cluster.mkdirs("/a")
    with pytest.raises(FileNotFoundException, match=r"nor does the directory 'b' in '/a'"):
        cluster.core.stat("/a/b/c")


def test_a_directory_is_renamed_in_one_entry_whatever_is_below(cluster):
    for number in range(100):
        cluster.mkdirs(f"/a/d{number}/e")
    before = len(cluster.entries)
    cluster.rename("/a", "/b")
    assert len(cluster.entries) == before + 1
    assert cluster.core.stat("/b/d7/e").reply.is_directory
    assert cluster.paths() == ["/b"]


def test_a_rename_below_itself_is_refused(cluster):
    cluster.mkdirs("/a/b")
    with pytest.raises(InvalidPathException, match="below itself"):
        cluster.rename("/a", "/a/b/c")


def test_a_rename_to_itself_changes_nothing(cluster):
    cluster.mkdirs("/a")
    before = len(cluster.entries)
    cluster.rename("/a", "/a")
    assert len(cluster.entries) == before


def test_a_rename_needs_source_and_the_directory_of_the_target(cluster):
    with pytest.raises(FileNotFoundException):
        cluster.rename("/a", "/b")
    cluster.mkdirs("/a")
    with pytest.raises(FileNotFoundException, match="'x'"):
        cluster.rename("/a", "/x/b")


def test_a_rename_replaces_only_when_asked_and_only_alike(cluster):
    cluster.create("/f")
    cluster.create("/g")
    cluster.mkdirs("/empty")
    cluster.mkdirs("/full/x")
    with pytest.raises(FileAlreadyExistsException):
        cluster.rename("/f", "/g")
    with pytest.raises(IsADirectoryException):
        cluster.rename("/f", "/empty", overwrite=True)
    with pytest.raises(ParentNotDirectoryException):
        cluster.rename("/empty", "/f", overwrite=True)
    with pytest.raises(PathIsNotEmptyDirectoryException):
        cluster.rename("/empty", "/full", overwrite=True)
    cluster.rename("/f", "/g", overwrite=True)
    cluster.rename("/full", "/empty", overwrite=True)
    assert cluster.paths() == ["/empty", "/g"]
    assert cluster.paths("/empty") == ["/empty/x"]


def test_the_root_can_be_neither_renamed_nor_deleted(cluster):
    with pytest.raises(InvalidPathException):
        cluster.rename("/", "/a")
    with pytest.raises(InvalidPathException):
        cluster.delete("/", recursive=True)


def test_delete_of_a_full_directory_wants_recursive(cluster):
    cluster.mkdirs("/a/b")
    with pytest.raises(PathIsNotEmptyDirectoryException):
        cluster.delete("/a")
    assert cluster.delete("/a", recursive=True)
    assert cluster.paths() == []


def test_delete_says_whether_there_was_something(cluster):
    assert not cluster.delete("/a")


def test_a_repeated_rename_is_answered_and_not_done_again(cluster):
    cluster.mkdirs("/a")
    cluster.rename("/a", "/b", request_id="r")
    cluster.mkdirs("/a")
    cluster.rename("/a", "/b", request_id="r")
    assert cluster.paths() == ["/a", "/b"]
    assert sum(isinstance(e, Renamed) for e in cluster.entries) == 1


def test_a_repeated_delete_gets_the_first_answer_also_after_a_restart(cluster):
    cluster.mkdirs("/a")
    assert cluster.delete("/a", request_id="r")
    cluster.restart()
    cluster.mkdirs("/a")
    assert cluster.delete("/a", request_id="r")
    assert cluster.paths() == ["/a"]
    assert sum(isinstance(e, Deleted) for e in cluster.entries) == 1


def test_a_summary_counts_what_is_below(cluster):
    cluster.add_nodes("xyz")
    cluster.write("/d/f", 1000, 10, replication=2)
    cluster.write("/d/e/g", 5, replication=3)
    assert cluster.core.walk_on(cluster.core.walk("/d").reply).reply == Summary(2, 2, 1015, 2035)


def test_replication_is_for_files_and_within_limits(cluster):
    cluster.mkdirs("/d")
    cluster.create("/f")
    with pytest.raises(IsADirectoryException):
        cluster.core.set_replication("/d", 2)
    with pytest.raises(InvalidRequestException):
        cluster.core.set_replication("/f", 0)
    cluster.take(cluster.core.set_replication("/f", 7))
    assert cluster.core.stat("/f").reply.replication == 7


def test_the_directories_of_one_request_are_one_group(cluster):
    entries = cluster.core.mkdirs("/a/b/c", request_id="r", wall=1.0).entries
    assert [(entry.name, entry.request_id) for entry in entries] == [
        ("a", ""),
        ("b", ""),
        ("c", "r"),
    ]


def test_a_repeated_mkdir_is_no_refusal(cluster):
    for _ in range(2):
        cluster.take(cluster.core.mkdirs("/a", parents=False, request_id="r", wall=1.0))
    cluster.restart()
    cluster.take(cluster.core.mkdirs("/a", parents=False, request_id="r", wall=1.0))
    assert cluster.paths() == ["/a"]


def test_a_repeated_setrep_does_not_undo_what_came_between(cluster):
    cluster.create("/f")
    for copies, request_id in ((2, "first"), (4, "second"), (2, "first")):
        cluster.take(cluster.core.set_replication("/f", copies, request_id=request_id))
    assert cluster.core.stat("/f").reply.replication == 4


def listed(cluster, path, limit=0):
    """Page by page, as a client does; and how many slices of work it took."""
    found, after, slices = [], "", 0
    while True:
        listing = cluster.core.page(path, after, limit).reply
        if listing is None:
            slices += 1
            continue
        found += [status.name for status in listing.entries]
        if not listing.has_more:
            return found, slices
        after = found[-1]


def test_a_large_directory_is_put_in_order_in_slices_and_once(cluster):
    names = [f"{number * 7919 % 20_011:05d}" for number in range(20_011)]
    for name in names:
        cluster.mkdirs(f"/d/{name}")
    found, slices = listed(cluster, "/d")
    assert (found, slices) == (sorted(names), 3)
    cluster.delete("/d/00001")
    cluster.mkdirs("/d/00000x")
    cluster.rename("/d/00005", "/d/00000y")
    expected = sorted({*names, "00000x", "00000y"} - {"00001", "00005"})
    assert listed(cluster, "/d") == (expected, 0)
    assert [s.name for s in cluster.core.listing("/d", "00000", 2).reply.entries] == [
        "00000x",
        "00000y",
    ]


def test_a_page_of_long_paths_ends_earlier(cluster):
    long = "/" + "/".join(["d" * 250] * 15)
    for number in range(200):
        cluster.mkdirs(f"{long}/{number:03d}")
    page = cluster.core.listing(long).reply
    assert page.has_more
    assert 100 < len(page.entries) < 200
    assert listed(cluster, long)[0] == [f"{number:03d}" for number in range(200)]


def test_a_summary_is_made_in_slices(cluster):
    for number in range(30):
        cluster.write(f"/d/{number % 3}/{number}")
    walk, slices = cluster.core.walk("/").reply, 0
    while (summary := walk.go_on(cluster.core._parts.access, 10)) is None:
        slices += 1
    assert (summary.directories, summary.files, slices) == (5, 30, 3)


def test_files_are_counted_as_they_come_and_go(cluster):
    for number in range(5):
        cluster.write(f"/d/{number}")
    cluster.create("/d/0", overwrite=True)
    cluster.rename("/d/1", "/d/2", overwrite=True)
    cluster.delete("/d/3")
    cluster.restart()
    assert cluster.core.report(now=cluster.now).reply.files == 3
