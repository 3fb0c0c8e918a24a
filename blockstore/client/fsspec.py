"""The block store as an fsspec file system: bs://HOST:PORT/path, or bs:///path.

Registered through the `fsspec.specs` entry point. Without a host, MAPRED_NAMENODE counts.
"""

from typing import Any

from fsspec.spec import AbstractFileSystem

from blockstore.client.filesystem import BlockStore
from blockstore.errors import FileAlreadyExistsException
from blockstore.model import FileStatus

_COPY_BYTES = 1024 * 1024


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
        return self._store.open(self._strip_protocol(path), mode)

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
        self._store.delete(self._strip_protocol(path), recursive=False)

    def rm_file(self, path: str) -> None:
        self._store.delete(self._strip_protocol(path), recursive=False)

    def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:
        for one in path if isinstance(path, list) else [path]:
            for target in self.expand_path(one, maxdepth=0) if "*" in one else [one]:
                self._store.delete(self._strip_protocol(target), recursive=recursive)

    def mv(self, path1: str, path2: str, **options: Any) -> None:
        self._store.rename(self._strip_protocol(path1), self._strip_protocol(path2))

    def cp_file(self, path1: str, path2: str, **options: Any) -> None:
        source, target = self._strip_protocol(path1), self._strip_protocol(path2)
        if self._store.stat(source).is_directory:
            self._store.mkdir(target, parents=True)
            return
        with self._store.open(source) as reader, self._store.open(target, "wb") as writer:
            while piece := reader.read(_COPY_BYTES):
                writer.write(piece)

    def modified(self, path: str) -> Any:
        from datetime import UTC, datetime

        status = self._store.stat(self._strip_protocol(path))
        return datetime.fromtimestamp(status.modified_at_s, UTC)


def _info(status: FileStatus) -> dict[str, Any]:
    return {
        "name": status.path,
        "size": status.length,
        "type": "directory" if status.is_directory else "file",
        "replication": status.replication,
        "mtime": status.modified_at_s,
    }
