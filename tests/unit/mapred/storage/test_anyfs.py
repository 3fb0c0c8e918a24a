"""File systems of fsspec that belong to a host, and web servers that send whole files only."""

import io

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from mapred.errors import InputError
from mapred.inputs import input_files
from mapred.storage import anyfs, storage_for


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
