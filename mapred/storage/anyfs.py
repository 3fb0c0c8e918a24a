"""Whatever else fsspec opens: s3://, memory://, https://, … by the file system's own rules.

Not every such store can rename atomically or hide a file that is being written; what it
can't do, it can't do here either. Which ones a job may write to is in committing.py.

A file of a web server that sends files only as a whole, or of a tar archive, is copied to a
temporary file for each reader.
"""

import os
import posixpath
import shutil
import tempfile
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any, BinaryIO, Final, cast

import fsspec

from mapred.storage.patterns import expand
from mapred.storage.port import Extent, FileInfo, OutputFile, UnknownLengthError
from mapred.storage.uris import as_typed, chain_of, join, name_of, path_in_chain, scheme_of

_COPY_BYTES: Final = 1024 * 1024
_HTTP: Final = frozenset({"http", "https"})
_TAR: Final = "tar"


class AnyStorage:
    """Storage over one fsspec file system: that of a URI such as s3://bucket or sftp://host:22."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._chain = chain_of(root)
        # Whether parts of files can be asked for; None: nobody has asked yet.
        self._has_ranges: bool | None = None if scheme_of(root) in _HTTP else True
        self._one_at_a_time: AbstractContextManager[Any] = nullcontext()
        if scheme_of(root) == _TAR:
            self._has_ranges = False
            # All its readers have one position in it.
            self._one_at_a_time = threading.Lock()
        try:
            self._fs: Any = fsspec.url_to_fs(self._chain or root)[0]
        except Exception as error:
            # Each kind of server has errors of its own, not all of them OSErrors.
            why = error if str(error) else type(error).__name__
            raise ValueError(f"{as_typed(root)} can't be opened: {why}") from None

    def open_read(self, uri: str) -> BinaryIO:
        path = self._path(uri)
        if self._has_ranges is None:
            self._has_ranges = self._gives_ranges(path)
        if self._has_ranges:
            return cast("BinaryIO", self._fs.open(path, "rb"))
        copy = tempfile.TemporaryFile()  # noqa: SIM115  (its reader closes it)
        try:
            with self._one_at_a_time, self._fs.open(path, "rb", block_size=0) as whole:
                shutil.copyfileobj(whole, copy, _COPY_BYTES)
            copy.seek(0)
        except BaseException:
            copy.close()
            raise
        return cast("BinaryIO", copy)

    def open_write(self, uri: str, *, overwrite: bool = False) -> OutputFile:
        path = self._path(uri)
        if not overwrite and self._fs.exists(path):
            raise FileExistsError(f"{uri} exists")
        self._fs.makedirs(posixpath.dirname(path), exist_ok=True)
        return _AnyOutput(self._fs, path)

    def stat(self, uri: str) -> FileInfo:
        return _info(uri.rstrip("/"), self._fs.info(self._path(uri)))

    def entries(self, uri: str) -> list[FileInfo]:
        if not self.stat(uri).is_directory:
            raise NotADirectoryError(f"{uri} is a file")
        # Every file system spells its names in its own way: entries are named as they were asked.
        found = self._fs.ls(self._path(uri), detail=True)
        infos = [_info(join(uri, name_of(one["name"])), one) for one in found]
        return sorted(infos, key=lambda info: info.uri)

    def glob(self, pattern: str) -> list[FileInfo]:
        return expand(pattern, entries=self.entries, stat=self.stat)

    def mkdirs(self, uri: str) -> None:
        self._fs.makedirs(self._path(uri), exist_ok=True)

    def rename(self, source: str, target: str) -> None:
        self._fs.mv(self._path(source), self._path(target), recursive=True)

    def delete(self, uri: str) -> bool:
        path = self._path(uri)
        if not self._fs.exists(path):
            return False
        self._fs.rm(path, recursive=True)
        return True

    def extents(self, uri: str) -> list[Extent]:
        return [Extent(0, self.stat(uri).length, ())]

    def _gives_ranges(self, path: str) -> bool | None:
        """None: an empty file doesn't tell. A web server may not know how to send parts."""
        size = self._fs.info(path)["size"]
        if not size:
            return None
        try:
            with self._fs.open(path, "rb", block_size=1, cache_type="none") as file:
                file.seek(size - 1)
                return bool(file.read(1))
        except ValueError:
            return False

    def _path(self, uri: str) -> str:
        return str(self._fs._strip_protocol(path_in_chain(uri) if self._chain else uri))

    def __repr__(self) -> str:
        return f"AnyStorage({self._root})"


def _info(uri: str, info: dict[str, Any]) -> FileInfo:
    is_directory = info["type"] == "directory"
    if not is_directory and info["size"] is None:
        raise UnknownLengthError(
            f"{uri}: its file system doesn't say how long the file is. Copy it to another one first"
        )
    return FileInfo(uri, is_directory, 0 if is_directory else int(info["size"]))


class _AnyOutput:
    """Written under a hidden name, moved on commit."""

    def __init__(self, fs: Any, path: str) -> None:
        self._fs, self._path = fs, path
        folder, name = posixpath.split(path)
        self._hidden = posixpath.join(folder, f".{name}.{os.urandom(6).hex()}")
        self._file = fs.open(self._hidden, "wb")

    def write(self, data: bytes | bytearray | memoryview) -> int:
        return int(self._file.write(data))

    def commit(self) -> None:
        self._file.close()
        if self._fs.exists(self._path):
            self._fs.rm(self._path)
        self._fs.mv(self._hidden, self._path)

    def discard(self) -> None:
        if not self._file.closed:
            self._file.close()
        if self._fs.exists(self._hidden):
            self._fs.rm(self._hidden)
