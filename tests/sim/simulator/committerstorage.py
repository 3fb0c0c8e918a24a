"""What the JobTracker's committer never asks of storage."""

from typing import BinaryIO

from mapred.storage.port import Extent, FileInfo


class CommitterStorage:
    """The rest of mapred/storage's port; who calls it has found a committer that reads."""

    def open_read(self, uri: str) -> BinaryIO:
        raise NotImplementedError

    def entries(self, uri: str) -> list[FileInfo]:
        raise NotImplementedError

    def glob(self, pattern: str) -> list[FileInfo]:
        raise NotImplementedError

    def extents(self, uri: str) -> list[Extent]:
        raise NotImplementedError
