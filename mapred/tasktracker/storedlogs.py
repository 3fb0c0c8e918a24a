"""The tracker's logs in the block store, in the name of each job's submitter."""

import contextlib

from blockstore import BlockStore
from blockstore.errors import FileNotFoundException
from mapred.keptlogs import job_directory


class StoredLogs:
    """`LogStore` on one block store; one caller at a time. `name` is this life's of the tracker."""

    def __init__(self, namenode: str, name: str) -> None:
        self._namenode = namenode
        self._name = name
        # Of whoever's job it was last.
        self._user = ""
        self._store: BlockStore | None = None

    def append(self, job_id: str, user: str, data: bytes) -> None:
        """Raises StoreError or OSError."""
        store = self._store_of(user)
        path = f"{job_directory(job_id)}/{self._name}"
        try:
            file = store.open(path, "ab")
        except FileNotFoundException:
            # What a job prints is for its submitter and his group.
            store.mkdir(job_directory(job_id), mode=0o750)
            file = store.open(path, "xb")
        with file:
            file.write(data)

    def _store_of(self, user: str) -> BlockStore:
        if self._store is None or user != self._user:
            self.close()
            self._store, self._user = BlockStore(self._namenode, user=user), user
        return self._store

    def close(self) -> None:
        if self._store is not None:
            with contextlib.suppress(OSError):
                self._store.close()
            self._store = None
