"""One suite for every side of the storage port: local files, fsspec, the block store."""

import threading
import uuid

import fsspec
import pytest

from mapred.storage import storage_for, whole
from mapred.storage.uris import join


@pytest.fixture(scope="module")
def namenode(tmp_path_factory):
    from tests.cluster.daemons import StoreCluster

    cluster = StoreCluster(tmp_path_factory.mktemp("store"))
    try:
        cluster.start(datanodes=1)
        yield cluster.address
    finally:
        cluster.close()


@pytest.fixture(
    params=["local", "fsspec-local", "memory", pytest.param("store", marks=pytest.mark.cluster)]
)
def root(request, tmp_path):
    """A directory's URI."""
    if request.param == "local":
        yield f"file://{tmp_path}/a folder, ünïcode #1?%41"
    elif request.param == "fsspec-local":
        yield f"local://{tmp_path}/a folder, ünïcode"
    elif request.param == "memory":
        yield f"memory://{uuid.uuid4().hex}"
        fsspec.filesystem("memory").store.clear()
    else:
        yield f"bs://{request.getfixturevalue('namenode')}/{uuid.uuid4().hex}/ünï #1?%41"


@pytest.fixture
def storage(root):
    return storage_for(root)


def put(storage, uri, data, **options):
    file = storage.open_write(uri, **options)
    file.write(data)
    file.commit()


def get(storage, uri):
    with storage.open_read(uri) as file:
        return file.read()


def names(infos):
    return [(info.name, info.is_directory, info.length) for info in infos]


def test_what_was_committed_is_read_whole_and_in_parts(storage, root):
    uri = join(root, "deep", "file")
    data = bytes(range(256)) * 20_000
    put(storage, uri, data)
    assert get(storage, uri) == data
    with storage.open_read(uri) as file:
        file.seek(1_000_001)
        assert file.read(5) == data[1_000_001:1_000_006]
        assert file.tell() == 1_000_006
        file.seek(len(data) - 3)
        assert file.read(100) == data[-3:]
        assert file.read(1) == b""
    info = storage.stat(uri)
    assert (info.uri, info.name, info.is_directory, info.length) == (uri, "file", False, len(data))


def test_writing_takes_any_bytes(storage, root):
    uri = join(root, "file")
    file = storage.open_write(uri)
    for part in (b"a", bytearray(b"b"), memoryview(b"xcx")[1:2]):
        assert file.write(part) == 1
    file.commit()
    assert get(storage, uri) == b"abc"


def test_a_discarded_file_leaves_nothing(storage, root):
    storage.mkdirs(root)
    file = storage.open_write(join(root, "file"))
    file.write(b"half")
    file.discard()
    file.discard()
    assert storage.entries(root) == []


def test_a_file_is_replaced_only_when_told(storage, root):
    uri = join(root, "file")
    put(storage, uri, b"old")
    with pytest.raises(FileExistsError):
        storage.open_write(uri)
    put(storage, uri, b"new", overwrite=True)
    assert get(storage, uri) == b"new"


def test_what_is_missing_is_a_file_not_found_error(storage, root):
    uri = join(root, "none")
    for ask in (storage.stat, storage.open_read, storage.entries, storage.extents):
        with pytest.raises(FileNotFoundError):
            ask(uri)
    assert storage.delete(uri) is False


def test_entries_are_sorted_by_name(storage, root):
    for name in ("b", "a", "c/inside", ".hidden"):
        put(storage, join(root, name), b"xy")
    assert names(storage.entries(root)) == [
        (".hidden", False, 2),
        ("a", False, 2),
        ("b", False, 2),
        ("c", True, 0),
    ]


def test_the_entries_of_a_file_are_an_error(storage, root):
    put(storage, join(root, "file"), b"")
    with pytest.raises((NotADirectoryError, FileNotFoundError)):
        storage.entries(join(root, "file"))


def test_patterns_find_what_they_mean(storage, root):
    for name in ("log1.txt", "log2.txt", "log10.csv", "_log3.txt", "d1/x.txt", "d2/x.txt", "d2/y"):
        put(storage, join(root, name), b"")

    def found(pattern):
        start = len(root) + 1
        return [info.uri[start:] for info in storage.glob(join(root, pattern))]

    assert found("log?.txt") == ["log1.txt", "log2.txt"]
    assert found("*.txt") == ["log1.txt", "log2.txt"]
    assert found("_*") == ["_log3.txt"]
    assert found("log[13-9]*") == ["log1.txt", "log10.csv"]
    assert found("{log1.txt,d{1,2}/x.*}") == ["d1/x.txt", "d2/x.txt", "log1.txt"]
    assert found("d*") == ["d1", "d2"]
    assert found("*/y") == ["d2/y"]
    assert found("**/x.txt") == ["d1/x.txt", "d2/x.txt"]
    assert found("none*") == found("none*/x") == found("log1.txt/*") == []


def test_a_rename_moves_files_and_replaces_one(storage, root):
    put(storage, join(root, "from/file"), b"new")
    put(storage, join(root, "to"), b"old")
    storage.rename(join(root, "from/file"), join(root, "to"))
    assert get(storage, join(root, "to")) == b"new"
    with pytest.raises(FileNotFoundError):
        storage.stat(join(root, "from/file"))


def test_a_directory_is_deleted_with_all_in_it(storage, root):
    put(storage, join(root, "d/e/f"), b"x")
    put(storage, join(root, "kept"), b"x")
    assert storage.delete(join(root, "d")) is True
    assert names(storage.entries(root)) == [("kept", False, 1)]
    assert storage.delete(join(root, "kept")) is True


def test_making_directories_again_is_fine(storage, root):
    storage.mkdirs(join(root, "a/b"))
    storage.mkdirs(join(root, "a/b"))
    assert storage.stat(join(root, "a/b")).is_directory


def test_extents_cover_the_file(storage, root):
    uri = join(root, "file")
    put(storage, uri, b"x" * 2_500_000)
    at = 0
    for extent in storage.extents(uri):
        assert extent.start == at
        at += extent.length
    assert at == 2_500_000


def test_blocks_of_the_store_have_hosts(storage, root):
    if not root.startswith("bs://"):
        pytest.skip("only the block store knows hosts")
    uri = join(root, "file")
    put(storage, uri, b"x" * 2_500_000)
    assert [(one.length, len(one.hosts)) for one in storage.extents(uri)] == [
        (1_048_576, 1),
        (1_048_576, 1),
        (402_848, 1),
    ]


def test_many_threads_share_one_storage(storage, root):
    def work(number):
        put(storage, join(root, str(number)), b"%d" % number)
        read[number] = get(storage, join(root, str(number)))

    read = {}
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert read == {number: b"%d" % number for number in range(8)}


def test_one_storage_serves_one_file_system(root):
    assert storage_for(root) is storage_for(join(root, "other"))


def test_a_path_is_no_uri():
    with pytest.raises(ValueError, match="'/data' is a path, not a URI"):
        storage_for("/data")


def test_a_file_that_others_look_for_is_never_seen_in_part(storage, root):
    uri = join(root, "name")
    for data in (b"first" * 100_000, b"second"):
        whole.put(uri, data, storage)
        assert get(storage, uri) == data
        assert [info.name for info in storage.entries(root)] == ["name"]


def test_what_is_being_written_whole_has_another_name(storage, root):
    put(storage, join(root, "name"), b"old")
    seen = []

    class Looking:
        """Looks before each step."""

        def open_write(self, uri, *, overwrite=False):
            seen.append(get(storage, join(root, "name")))
            return storage.open_write(uri, overwrite=overwrite)

        def rename(self, source, target):
            seen.append(get(storage, join(root, "name")))
            storage.rename(source, target)

        def __getattr__(self, name):
            return getattr(storage, name)

    whole.put(join(root, "name"), b"new", Looking())
    assert seen == [b"old", b"old"]
    assert get(storage, join(root, "name")) == b"new"
