"""bs:// — the block store, through its public client."""

from typing import Any, BinaryIO, cast

from blockstore import BlockStore
from blockstore.model import FileStatus
from blockstore.runtime.config import cluster_secret
from mapred.storage.patterns import expand
from mapred.storage.port import Extent, FileInfo, OutputFile
from mapred.storage.uris import BLOCK_STORE, path_of


class BlockStorage:
    """Storage over one NameNode: its name in URIs, the address where it is dialled, and for
    whom it acts ("": the user of this process)."""

    def __init__(self, namenode: str, *, address: str = "", user: str = "") -> None:
        self._root = f"{BLOCK_STORE}://{namenode}"
        self._store = BlockStore(address or namenode, secret=cluster_secret(), user=user or None)

    def open_read(self, uri: str) -> BinaryIO:
        return cast("BinaryIO", self._store.open(path_of(uri), "rb"))

    def open_write(self, uri: str, *, overwrite: bool = False) -> OutputFile:
        file = self._store.open(path_of(uri), "wb" if overwrite else "xb")
        return _StoreOutput(file)

    def stat(self, uri: str) -> FileInfo:
        return self._info(self._store.stat(path_of(uri)))

    def entries(self, uri: str) -> list[FileInfo]:
        found = [self._info(status) for status in self._store.list(path_of(uri))]
        # The store lists a file as itself.
        if [info.uri for info in found if not info.is_directory] == [uri.rstrip("/")]:
            raise NotADirectoryError(f"{uri} is a file")
        return sorted(found, key=lambda info: info.uri)

    def glob(self, pattern: str) -> list[FileInfo]:
        return expand(pattern, entries=self.entries, stat=self.stat)

    def mkdirs(self, uri: str) -> None:
        self._store.mkdir(path_of(uri))

    def rename(self, source: str, target: str) -> None:
        self._store.rename(path_of(source), path_of(target), overwrite=True)

    def delete(self, uri: str) -> bool:
        return bool(self._store.delete(path_of(uri), recursive=True, skip_trash=True))

    def extents(self, uri: str) -> list[Extent]:
        return [
            Extent(
                located.offset,
                located.block.length,
                tuple(node.host for node in located.nodes),
                tuple(node.rack for node in located.nodes),
            )
            for located in self._store.locate(path_of(uri))
        ]

    def _info(self, status: FileStatus) -> FileInfo:
        return FileInfo(self._root + status.path, status.is_directory, status.length)

    def __repr__(self) -> str:
        return f"BlockStorage({self._root})"


class _StoreOutput:
    """A file under its real name: the NameNode shows it as being written until it is closed."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def hold_at_most(self, size: int) -> None:
        self._file.hold_at_most(size)

    def write(self, data: bytes | bytearray | memoryview) -> int:
        return int(self._file.write(data))

    def commit(self) -> None:
        self._file.close()

    def discard(self) -> None:
        self._file.discard()

    def __repr__(self) -> str:
        return f"StoreOutput({self._file!r})"
