"""File systems of fsspec that belong to a host, and web servers that send whole files only."""

import io
import re
import tarfile
import zipfile

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from mapred.errors import InputError
from mapred.inputs import input_files
from mapred.storage import anyfs, storage_for
from mapred.storage.uris import as_typed, qualified


class HostedFiles(MemoryFileSystem):
    """As ftp:// and sftp://: a host must be named, and is reached at once."""

    protocol = "hosted"
    cachable = False

    def __init__(self, host, port=0, **options):
        if host == "dead":
            raise ConnectionRefusedError(111, "Connection refused")
        super().__init__(**options)
        self.place = host, port

    @staticmethod
    def _get_kwargs_from_urls(path):
        host, _, port = path.partition("://")[2].partition("/")[0].partition(":")
        return {"host": host, "port": int(port or 0)} if host else {}

    @classmethod
    def _strip_protocol(cls, path):
        return "/" + path.partition("://")[2].partition("/")[2] if "://" in path else path


@pytest.fixture
def hosted():
    fsspec.register_implementation("hosted", HostedFiles, clobber=True)
    yield
    MemoryFileSystem.store.clear()


def test_each_host_has_a_file_system_of_its_own(hosted):
    one, other = storage_for("hosted://one:7/a/b"), storage_for("hosted://two/a/b")
    assert one._fs.place == ("one", 7)
    assert other._fs.place == ("two", 0)
    assert storage_for("hosted://one:7/c") is one
    file = one.open_write("hosted://one:7/a/b")
    file.write(b"x")
    file.commit()
    assert [info.uri for info in one.entries("hosted://one:7/a")] == ["hosted://one:7/a/b"]


@pytest.mark.parametrize(
    ("word", "reason"),
    [("hosted:///a", "argument: 'host'"), ("hosted://dead/a", "dead can't be opened: .*refused")],
)
def test_a_file_system_that_can_not_be_opened_is_an_input_that_is_refused(hosted, word, reason):
    with pytest.raises(InputError, match=f"input '{word}': hosted://.*{reason}"):
        input_files([word], "file://")


class WholeFiles(HostedFiles):
    """As http:// of a server that knows no ranges."""

    protocol = "whole"

    def _open(self, path, mode="rb", block_size=None, **options):
        file = io.BytesIO(self.cat_file(path))
        return file if block_size == 0 else OnlyFromTheBeginning(file)


class OnlyFromTheBeginning(io.BufferedReader):
    """What fsspec raises in the middle of such a file."""

    def read(self, size=-1):
        if self.tell():
            raise ValueError("The HTTP server doesn't appear to support range requests.")
        return super().read(size)


def test_files_of_a_web_server_without_ranges_are_read_from_anywhere(hosted, monkeypatch):
    fsspec.register_implementation("whole", WholeFiles, clobber=True)
    monkeypatch.setattr(anyfs, "_HTTP", {"whole"})
    data = bytes(range(256)) * 100
    MemoryFileSystem().pipe({"/file": data, "/empty": b""})
    storage = storage_for("whole://host/file")
    for _ in range(2):
        with storage.open_read("whole://host/empty") as file:
            assert file.read() == b""
        with storage.open_read("whole://host/file") as file:
            file.seek(20_000)
            assert file.read(500) == data[20_000:20_500]


MEMBERS = {"a/one.txt": b"1\n" * 3000, "a/two.txt": b"2\n" * 3000, "b.txt": b"3\n"}


def zipped(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in MEMBERS.items():
            archive.writestr(name, data)


def tarred(path):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in MEMBERS.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize(("ending", "made"), [("zip", zipped), ("tar.gz", tarred)])
def test_files_of_an_archive_are_inputs_as_others_are(tmp_path, ending, made):
    made(tmp_path / f"it.{ending}")
    chain = f"{ending[:3]}://{{}}::file://{tmp_path}/it.{ending}"
    for word, names in {
        "a/one.txt": ["a/one.txt"],
        "a": ["a/one.txt", "a/two.txt"],
        "a/*.txt": ["a/one.txt", "a/two.txt"],
        "": ["a/one.txt", "a/two.txt", "b.txt"],
        "*.txt": ["b.txt"],
    }.items():
        files = input_files([chain.format(word)], "file://")
        assert [as_typed(file.uri) for file in files] == [chain.format(name) for name in names]
        assert [file.length for file in files] == [len(MEMBERS[name]) for name in names]
    with pytest.raises(InputError, match=re.escape(f"'{chain.format('c')}' does not exist")):
        input_files([chain.format("c")], "file://")
    uri = qualified(chain.format("a/{}"), "file://")
    one, two = (storage_for(uri).open_read(uri.format(name)) for name in ("one.txt", "two.txt"))
    with one, two:
        for _ in range(2):
            one.seek(3000)
            two.seek(4000)
            assert (one.read(4), two.read(2)) == (b"1\n1\n", b"2\n")


def test_an_archive_that_is_none_is_refused_by_name(tmp_path):
    (tmp_path / "it").write_bytes(b"no archive")
    word = f"zip://a::file://{tmp_path}/it"
    with pytest.raises(InputError, match=r"zip://::file://.*/it can't be opened: .*not a zip"):
        input_files([word], "file://")


def test_what_comes_before_another_file_system_reads_its_files(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"1\n")
    word = f"simplecache::file://{tmp_path}/a.txt"
    (file,) = input_files([word], "file://")
    with storage_for(file.uri).open_read(file.uri) as opened:
        assert opened.read() == b"1\n"
