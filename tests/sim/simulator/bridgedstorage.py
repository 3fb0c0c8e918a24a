"""mapred/storage's port over the simulated block store, for the JobTracker's own committer."""

from typing import Any

from blockstore.errors import UnreachableException
from mapred.storage.port import FileInfo, OutputFile
from mapred.storage.uris import path_of
from simulator.bridge import Bridge
from simulator.client import GaveUp, StoreSession
from simulator.committerstorage import CommitterStorage
from simulator.ledger import Ledger
from simulator.writer import FileWriter, WriteFailed, at_creation

BLOCK_BYTES = 512
TRIES_TO_WRITE = 3


class BridgedStorage(CommitterStorage):
    """What the committer uses of it."""

    def __init__(self, bridge: Bridge, session: StoreSession, ledger: Ledger) -> None:
        self._bridge = bridge
        self._session = session
        self._ledger = ledger

    def _ask(self, method: str, *arguments: Any, **named: Any) -> Any:
        async def wish() -> Any:
            try:
                return await self._session.ask(method, *arguments, **named)
            except GaveUp as error:
                raise UnreachableException(str(error)) from error

        return self._bridge.wait_for(wish)

    def stat(self, uri: str) -> FileInfo:
        status = self._ask("stat", path_of(uri))
        return FileInfo(uri, status.is_directory, status.length)

    def mkdirs(self, uri: str) -> None:
        self._ask("mkdirs", path_of(uri))

    def rename(self, source: str, target: str) -> None:
        request_id = self._session.request_id()
        self._ask("rename", path_of(source), path_of(target), overwrite=True, request_id=request_id)

    def delete(self, uri: str) -> bool:
        request_id = self._session.request_id()
        return bool(self._ask("delete", path_of(uri), recursive=True, request_id=request_id))

    def open_write(self, uri: str, *, overwrite: bool = False) -> OutputFile:
        return _Output(self, path_of(uri))

    def write(self, path: str, content: bytes) -> None:
        async def wish() -> None:
            await write_file(self._session, self._ledger, path, content)

        self._bridge.wait_for(wish)


class _Output:
    def __init__(self, storage: BridgedStorage, path: str) -> None:
        self._storage = storage
        self._path = path
        self._content = b""

    def write(self, data: bytes | bytearray | memoryview) -> int:
        self._content += data
        return len(data)

    def commit(self) -> None:
        self._storage.write(self._path, self._content)

    def discard(self) -> None:
        pass


async def write_file(
    session: StoreSession, ledger: Ledger, path: str, content: bytes, *, replication: int = 2
) -> int:
    """A whole file, replaced if need be; returns its inode.

    Raises:
        UnreachableException: it could not be written; perhaps later.
        StoreError: it can't be.
    """
    for left in reversed(range(TRIES_TO_WRITE)):
        try:
            opening = session.new_writer()
            status = await session.ask(
                "create",
                path,
                client_id=opening,
                replication=replication,
                block_bytes=BLOCK_BYTES,
                overwrite=True,
                request_id=session.request_id(),
            )
            file = at_creation(status, content, opening)
            ledger.created(file)
            writer = FileWriter(session, file, BLOCK_BYTES, 0.0)
            await writer.write()
            await writer.close()
        except (WriteFailed, GaveUp) as error:
            session.world.note("task output not written", path, error)
            if not left:
                raise UnreachableException(f"{path}: {error}") from error
        else:
            return file.inode_id
    raise AssertionError
