"""The files of the replica that somebody asked for last: open, for who asks for it again."""

from blockstore.datanode.store import ReplicaStore
from blockstore.datanode.storedfiles import StoredFiles
from blockstore.model import Block


class KeptFiles:
    """For one thread at a time."""

    def __init__(self, store: ReplicaStore) -> None:
        self._store = store
        self._files: StoredFiles | None = None

    def open(self, block: Block) -> StoredFiles:
        """Raises: as ReplicaStore.read does."""
        files = self._files
        if files is None or not self._store.is_still(block, files):
            self.close()
            files = self._files = self._store.read(block)
        return files

    def close(self) -> None:
        files, self._files = self._files, None
        if files is not None:
            files.close()
