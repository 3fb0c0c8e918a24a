"""The history's folder in the block store, through its public face.

A segment that is being written is made durable by the writer's `sync` (hsync); the segment of
a dead JobTracker is closed by lease recovery before it is read, which also stops a JobTracker
that is not dead from writing on.
"""

from typing import Final

from blockstore import BlockStore, ClientSettings
from blockstore.runtime.retry import RetryPolicy
from mapred.jobtracker.segments import HISTORY_DIRECTORY, SegmentFile

# Everybody waits for a segment that can't be written, and a new one is the way out.
_SETTINGS: Final = ClientSettings(
    pipeline_restart_s=2.0, placement=RetryPolicy(deadline_s=2.0, cap_s=0.5)
)


class StoreFolder:
    """`HISTORY_DIRECTORY` on one block store."""

    def __init__(self, namenode: str, directory: str = HISTORY_DIRECTORY) -> None:
        self._store = BlockStore(namenode, settings=_SETTINGS)
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
