"""Hadoop's spellings, and copies that are whole or absent."""

import io
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from mapred_cli.bundle import (
    BUNDLE_BYTES,
    BUNDLE_FILES,
    SMALL_BYTES,
    Bundles,
    LocalFile,
    bundled,
)
from mapred_cli.copying import UNFINISHED, Tally
from mapred_cli.crew import Stopped
from mapred_cli.download import Download
from mapred_cli.errors import CommandError, run
from mapred_cli.fs import VERBS, fs
from mapred_cli.store import absolute, expand
from mapred_cli.upload import Upload

from blockstore.checksum import crc32c
from blockstore.errors import FileNotFoundException, StoreError
from blockstore.model import FileChecksum, FileStatus


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["-ls", "/x"], ["ls", "/x"]),
        (["ls", "-R", "/x"], ["ls", "-R", "/x"]),
        (["-rm", "-r", "/x"], ["rm", "-r", "/x"]),
        (["-rmr", "/x"], ["rm", "-r", "/x"]),
        (["-mkdir", "-p", "/x"], ["mkdir", "-p", "/x"]),
        (["-du", "-s", "-h", "/x"], ["du", "-s", "-h", "/x"]),
        (["-copyFromLocal", "a", "/x"], ["copyFromLocal", "a", "/x"]),
        (["--namenode", "a:1", "-ls"], ["--namenode", "a:1", "ls"]),
        (["--namenode=a:1", "-cat", "/x"], ["--namenode=a:1", "cat", "/x"]),
        (["--help"], ["--help"]),
        (["-nothing", "/x"], ["--", "-nothing", "/x"]),
        ([], []),
    ],
)
def test_hadoops_words_are_understood(typed, meant):
    assert fs._in_our_words(typed) == meant


@pytest.mark.parametrize(
    ("typed", "meant"), [("lss", "ls"), ("-copyfromlocal", "copyFromLocal"), ("-mkdri", "mkdir")]
)
def test_an_unknown_verb_is_refused_with_the_nearest_one(typed, meant, capsys):
    assert run(fs, [typed, "/x"]) == 2
    assert f"'{typed}': no such verb; did you mean '{meant}'?" in capsys.readouterr().err


def test_every_verb_is_there_and_has_its_help(capsys):
    for verb in VERBS:
        assert run(fs, [verb, "--help"]) == 0
        assert verb in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "path"),
    [("/a/b", "/a/b"), ("a/b/", "/a/b"), ("/", "/"), ("bs://h:1/a", "/a"), ("bs:///a", "/a")],
)
def test_paths_inside_their_store(typed, path):
    assert absolute(typed) == path


class FakeStore:
    """Files in a dict; directories are the prefixes of their names."""

    def __init__(self, **files):
        self.files = {name: bytes(data) for name, data in files.items()}
        self.directories = {"/"}
        # Names that no bundle brings, and what the bundles had in them.
        self.refused = set()
        self.bundles = []

    def _is_directory(self, path):
        prefix = path.rstrip("/") + "/"
        return path in self.directories or any(name.startswith(prefix) for name in self.files)

    def stat(self, path):
        if path in self.files:
            return FileStatus(path, False, len(self.files[path]), 1, 1, 0.0, 1)
        if self._is_directory(path):
            return FileStatus(path, True, 0, 0, 0, 0.0, 1)
        raise FileNotFoundException(f"{path} doesn't exist")

    def list(self, path):
        prefix = path.rstrip("/") + "/"
        names = {
            name[len(prefix) :].partition("/")[0] for name in self.files if name.startswith(prefix)
        }
        return [self.stat(prefix + name) for name in sorted(names)]

    def mkdir(self, path, *, parents):
        assert parents
        self.directories.add(path)

    def open(self, path, mode, **options):
        if mode == "rb":
            return io.BytesIO(self.files[path])
        store = self

        class File(io.BytesIO):
            def close(self):
                store.files[path] = self.getvalue()
                super().close()

            def discard(self):
                super().close()

            def __exit__(self, kind, *rest):
                self.close() if kind is None else self.discard()

        return File()

    def checksum(self, path):
        return FileChecksum(len(self.files[path]), crc32c(self.files[path]))

    def delete(self, path, skip_trash=False):
        del self.files[path]

    def rename(self, source, target, *, overwrite):
        assert overwrite or target not in self.files
        self.files[target] = self.files.pop(source)

    def batch(self):
        return FakeBatch(self)

    def put_many(self, files, *, only_together, **options):
        assert only_together
        files = dict(files)
        failed = {path: StoreError("its node is gone") for path in files if path in self.refused}
        self.files |= {path: data for path, data in files.items() if path not in failed}
        self.bundles.append(sorted(files))
        return failed


class FakeBatch:
    """Asks at once; what comes of it is told by `result`."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return lambda *paths, **options: FakePending(getattr(self._store, name), paths, options)

    def send(self):
        pass


class FakePending:
    def __init__(self, request, paths, options):
        self._reply = self._error = None
        try:
            self._reply = request(*paths, **options)
        except StoreError as error:
            self._error = error

    def result(self):
        if self._error:
            raise self._error
        return self._reply


def test_a_glob_matches_name_by_name():
    store = FakeStore(**{"/a/x1": b"", "/a/x2": b"", "/a/y": b"", "/b/x3": b""})

    assert [entry.path for entry in expand(store, "/*/x[12]")] == ["/a/x1", "/a/x2"]
    with pytest.raises(CommandError, match=r"/z\*: nothing matches"):
        expand(store, "/z*")


def test_put_copies_a_directory_with_all_in_it(tmp_path):
    (tmp_path / "logs" / "deep").mkdir(parents=True)
    (tmp_path / "logs" / "a").write_bytes(b"1")
    (tmp_path / "logs" / "deep" / "b").write_bytes(b"2")
    store = FakeStore()

    Upload(store, Tally()).put([str(tmp_path / "logs")], "/in", into_directory=True)

    assert store.files == {"/in/logs/a": b"1", "/in/logs/deep/b": b"2"}


def test_put_replaces_only_when_told(tmp_path, capsys):
    (tmp_path / "a").write_bytes(b"new")
    store = FakeStore(**{"/a": b"old"})

    tally = Tally()
    Upload(store, tally).put([str(tmp_path / "a")], "/a", into_directory=False)
    assert "/a exists: give -f" in capsys.readouterr().err
    assert tally.complaints.code == 1
    assert store.files == {"/a": b"old"}
    Upload(store, Tally(), force=True).put([str(tmp_path / "a")], "/a", into_directory=False)
    assert store.files == {"/a": b"new"}


def test_a_put_that_breaks_shows_nothing(tmp_path):
    (tmp_path / "a").write_bytes(b"data")
    store = FakeStore()

    def broken(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Upload(store, Tally(broken)).put([str(tmp_path / "a")], "/a", into_directory=False)

    assert store.files == {}


def test_a_put_whose_bytes_are_others_in_the_store_shows_nothing(tmp_path, capsys):
    (tmp_path / "a").write_bytes(b"data")
    store = FakeStore()
    store.checksum = lambda _: FileChecksum(4, 1)

    Upload(store, Tally()).put([str(tmp_path / "a")], "/a", into_directory=False)

    assert "the store has other bytes than were read" in capsys.readouterr().err
    assert store.files == {}


@pytest.fixture
def many(tmp_path):
    """A directory that `put_directory` makes `/in` of."""
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def put_directory(store, source, tally=None, **options):
    Upload(store, tally or Tally(), **options).put([str(source)], "/", into_directory=True)


def test_put_takes_small_files_by_the_bundle_and_large_ones_alone(many):
    wanted = {f"/in/{number:03}": b"%d" % number for number in range(BUNDLE_FILES + 2)}
    wanted["/in/large"] = bytes(SMALL_BYTES + 1)
    for path, data in wanted.items():
        (many / path.removeprefix("/in/")).write_bytes(data)
    store, moved = FakeStore(), []
    tally = Tally(moved.append)

    put_directory(store, many, tally)

    assert store.files == wanted
    assert sorted(map(len, store.bundles)) == [2, BUNDLE_FILES]
    assert (tally.copied, sum(moved)) == (len(wanted), sum(map(len, wanted.values())))


def test_bundles_are_full_by_bytes_too_and_have_no_two_for_one_name():
    def shape(*files):
        found = [LocalFile(Path(name), name, None, length) for name, length in files]
        return [[file.target for file in some] for some in bundled(found, lambda _: True)]

    size = SMALL_BYTES
    many = BUNDLE_BYTES // size
    names = [f"{number}" for number in range(many + 1)]
    assert shape(*((name, size) for name in names)) == [names[:many], names[many:]]
    assert shape(("a", 1), ("b", size + 1), ("c", 1)) == [["b"], ["a", "c"]]
    assert shape(("a", 1), ("b", 1), ("a", 1)) == [["a", "b"], ["a"]]


def test_what_a_bundle_does_not_bring_is_put_alone(many):
    for name in ("a", "b", "c"):
        (many / name).write_bytes(name.encode())
    store, tally = FakeStore(), Tally()
    store.refused = {"/in/b" + UNFINISHED}

    put_directory(store, many, tally)

    assert store.files == {"/in/a": b"a", "/in/b": b"b", "/in/c": b"c"}
    assert (tally.copied, tally.complaints.count) == (3, 0)


def test_a_file_of_a_bundle_that_fails_is_told_and_the_others_are_put(many, capsys):
    for name in ("a", "b", "c", "d"):
        (many / name).write_bytes(name.encode())
    store, tally = FakeStore(**{"/in/a": b"old"}), Tally()
    right = store.checksum
    wrong = "/in/c" + UNFINISHED
    store.checksum = lambda path: FileChecksum(1, 1) if path == wrong else right(path)

    put_directory(store, many, tally)

    assert store.files == {"/in/a": b"old", "/in/b": b"b", "/in/d": b"d"}
    assert (tally.copied, tally.complaints.count) == (2, 2)
    err = capsys.readouterr().err
    assert f"mapred fs: '{many / 'a'}': /in/a exists: give -f" in err
    assert f"mapred fs: '{many / 'c'}': the store has other bytes than were read" in err


def test_a_bundle_replaces_when_told_and_its_sources_go_when_told(many):
    for name in ("a", "b"):
        (many / name).write_bytes(b"new")
    store = FakeStore(**{"/in/a": b"old"})

    put_directory(store, many, force=True, remove_source=True)

    assert store.files == {"/in/a": b"new", "/in/b": b"new"}
    assert [len(some) for some in store.bundles] == [2]
    assert not many.exists()


def test_a_bundle_that_is_stopped_shows_nothing(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"data")
    store, tally = FakeStore(), Tally()
    tally.stopped.set()
    together = Bundles(
        store,
        tally,
        force=False,
        preserve=False,
        remove_source=False,
        replication=None,
        block_bytes=None,
    )

    with pytest.raises(Stopped):
        together.put([LocalFile(tmp_path / name, f"/{name}", None, 4) for name in ("a", "b")])

    assert (store.bundles, store.files) == ([["/a" + UNFINISHED, "/b" + UNFINISHED]], {})


def test_several_sources_need_a_directory(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).touch()

    with pytest.raises(CommandError, match="/x is no directory"):
        Upload(FakeStore(), Tally()).put(
            [str(tmp_path / "a"), str(tmp_path / "b")], "/x", into_directory=False
        )


def test_get_copies_a_directory_with_all_in_it(tmp_path):
    store = FakeStore(**{"/out/part-r-00000": b"1", "/out/deep/x": b"2"})

    Download(store, Tally()).get([store.stat("/out")], str(tmp_path))

    assert (tmp_path / "out" / "part-r-00000").read_bytes() == b"1"
    assert (tmp_path / "out" / "deep" / "x").read_bytes() == b"2"


def test_a_get_that_breaks_leaves_nothing(tmp_path):
    store = FakeStore(**{"/a": b"data"})

    def broken(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Download(store, Tally(broken)).get([store.stat("/a")], str(tmp_path / "a"))

    assert list(tmp_path.iterdir()) == []


def test_get_replaces_only_when_told(tmp_path, capsys):
    store = FakeStore(**{"/a": b"new"})
    (tmp_path / "a").write_bytes(b"old")

    Download(store, Tally()).get([store.stat("/a")], str(tmp_path / "a"))
    assert "exists: give -f" in capsys.readouterr().err
    Download(store, Tally(), force=True).get([store.stat("/a")], str(tmp_path / "a"))

    assert (tmp_path / "a").read_bytes() == b"new"


def test_the_group_has_what_the_contract_names():
    names = {"ls", "put", "get", "cat", "mkdir", "mv", "rm", "stat", "du", "setrep"}

    assert names <= set(fs.list_commands(click.Context(fs)))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("-D a=b -ls /", "-D: Hadoop's properties have no meaning here"),
        ("-conf x.xml -ls /", "-conf: there are no configuration files"),
        ("-fs hdfs://there -ls /", "-fs: name a block store:  -fs bs://HOST:PORT"),
        ("-fs", "-fs: name a block store"),
        ("get -crc /a b", "-crc: checksums are always compared"),
        ("cat -ignoreCrc /a", "-ignoreCrc: checksums are always compared"),
        ("count -t /a", "-t: there are no storage types"),
        ("count -s /a", "-s: there are no snapshots"),
        ("count -e /a", "-e: there are no erasure coding policies"),
        ("appendToFile -n a /b", "-n: what is added goes on in the file's last block"),
    ],
)
def test_what_hadoop_has_and_we_have_not_is_refused_by_name(line, why):
    result = CliRunner().invoke(fs, line.split())
    assert result.exit_code == 2
    assert why in result.output
