"""Hadoop's spellings, and copies that are whole or absent."""

import io

import click
import pytest
from mapred_cli.copying import Tally
from mapred_cli.download import Download
from mapred_cli.errors import CommandError, run
from mapred_cli.fs import VERBS, fs
from mapred_cli.store import absolute, expand
from mapred_cli.upload import Upload

from blockstore.checksum import crc32c
from blockstore.errors import FileNotFoundException
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
