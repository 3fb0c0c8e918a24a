"""The history's folder in the block store, through its public face.

A segment that is being written is made durable by the writer's `sync` (hsync); the segment of
a dead JobTracker is closed by lease recovery before it is read, which also stops a JobTracker
that is not dead from writing on.
"""

from blockstore import BlockStore
from mapred.jobtracker.segments import HISTORY_DIRECTORY, SegmentFile


class StoreFolder:
    """`HISTORY_DIRECTORY` on one block store."""

    def __init__(self, namenode: str, directory: str = HISTORY_DIRECTORY) -> None:
        self._store = BlockStore(namenode)
        self._directory = directory
        self._store.mkdir(directory)

    def names(self) -> list[str]:
        return [status.name for status in self._store.list(self._directory)]

    def read(self, name: str) -> bytes:
        self._store.recover_lease(self._path(name))
        with self._store.open(self._path(name), "rb") as file:
            return file.read()

    def create(self, name: str) -> SegmentFile:
        return self._store.open(self._path(name), "xb")

    def delete(self, name: str) -> None:
        self._store.delete(self._path(name), skip_trash=True)

    def close(self) -> None:
        self._store.close()

    def _path(self, name: str) -> str:
        return f"{self._directory}/{name}"
