"""The block store as an fsspec file system: bs://HOST:PORT/path, or bs:///path.

Registered through the `fsspec.specs` entry point. Without a host, MAPRED_NAMENODE counts.
"""

import io
from datetime import UTC, datetime
from typing import Any

from fsspec.spec import AbstractFileSystem

from blockstore.client.filesystem import BlockStore
from blockstore.client.sharedreader import SharedReader
from blockstore.client.writer import BlockWriter
from blockstore.errors import FileAlreadyExistsException, FileNotFoundException
from blockstore.model import FileStatus

_COPY_BYTES = 1024 * 1024
# Files of a transaction have this name until it ends.
_UNFINISHED = "._COPYING_"


class BlockStoreFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """fsspec's names for what BlockStore does."""

    protocol = "bs"
    root_marker = "/"

    def __init__(self, namenode: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._store = BlockStore(namenode)

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        text = str(path)
        if text.startswith("bs://"):
            text = "/" + text.removeprefix("bs://").partition("/")[2]
        return "/" + text.strip("/")

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, str]:
        host = path.removeprefix("bs://").partition("/")[0] if path.startswith("bs://") else ""
        return {"namenode": host} if host else {}

    def unstrip_protocol(self, name: str) -> str:
        return f"bs://{self._store.address}{self._strip_protocol(name)}"

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: Any = None,
        **options: Any,
    ) -> Any:
        target = self._strip_protocol(path)
        if mode == "rb":
            return SharedReader(self._store.open(target, "rb"))
        if autocommit:
            return self._store.open(target, mode)
        return _Uncommitted(self._store, target, mode)

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        return _info(self._store.stat(self._strip_protocol(path)))

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        entries = [_info(status) for status in self._store.list(self._strip_protocol(path))]
        return entries if detail else [entry["name"] for entry in entries]

    def mkdir(self, path: str, create_parents: bool = True, **options: Any) -> None:
        target = self._strip_protocol(path)
        if self._store.exists(target):
            raise FileAlreadyExistsException(f"'{target}' exists already")
        self._store.mkdir(target, parents=create_parents)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        target = self._strip_protocol(path)
        if not exist_ok and self._store.exists(target):
            raise FileAlreadyExistsException(f"'{target}' exists already")
        self._store.mkdir(target, parents=True)

    def rmdir(self, path: str) -> None:
        self._remove(path, recursive=False)

    def rm_file(self, path: str) -> None:
        self._remove(path, recursive=False)

    def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:
        """A directory goes as a whole, in one step; `maxdepth` would leave some of it."""
        if maxdepth is not None:
            super().rm(path, recursive=recursive, maxdepth=maxdepth)
            return
        for target in self.expand_path(path):
            self._remove(target, recursive=recursive)

    def _remove(self, path: str, *, recursive: bool) -> None:
        target = self._strip_protocol(path)
        if not self._store.delete(target, recursive=recursive):
            raise FileNotFoundException(f"'{target}' does not exist")

    def mv(self, path1: Any, path2: Any, **options: Any) -> None:
        """In one step for each; replaces a file, goes into a directory."""
        if isinstance(path1, list) or "*" in path1:
            super().mv(path1, path2, **options)
            return
        source, target = self._strip_protocol(path1), self._strip_protocol(path2)
        if self.isdir(target):
            target = f"{target.rstrip('/')}/{source.rpartition('/')[2]}"
        self._store.rename(source, target, overwrite=True)

    def cp_file(self, path1: str, path2: str, **options: Any) -> None:
        source, target = self._strip_protocol(path1), self._strip_protocol(path2)
        if self._store.stat(source).is_directory:
            self._store.mkdir(target, parents=True)
            return
        with self._store.open(source) as reader, self._store.open(target, "wb") as writer:
            while piece := reader.read(_COPY_BYTES):
                writer.write(piece)

    def modified(self, path: str) -> Any:
        status = self._store.stat(self._strip_protocol(path))
        return datetime.fromtimestamp(status.modified_at_s, UTC)


class _Uncommitted(io.BufferedIOBase):
    """A file of a transaction: it gets its name when that ends, with all others."""

    def __init__(self, store: BlockStore, path: str, mode: str) -> None:
        super().__init__()
        if mode == "xb" and store.exists(path):
            raise FileAlreadyExistsException(f"'{path}' exists already")
        self.mode = mode
        self._store = store
        self._path = path
        self._unfinished = path + _UNFINISHED
        self._file: BlockWriter = store.open(self._unfinished, "wb")

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        return self._file.write(data)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        super().close()

    def commit(self) -> None:
        self._store.rename(self._unfinished, self._path, overwrite=self.mode == "wb")

    def discard(self) -> None:
        self._file.discard()
        self._store.delete(self._unfinished, skip_trash=True)


def _info(status: FileStatus) -> dict[str, Any]:
    return {
        "name": status.path,
        "size": status.length,
        "type": "directory" if status.is_directory else "file",
        "replication": status.replication,
        "mtime": status.modified_at_s,
        "ino": status.inode_id,
    }
