"""Where the bytes of one open file are: its blocks and their holders."""

import bisect
import threading
from typing import Final

from blockstore.client.namenode import NameNodeClient
from blockstore.client.settings import ClientSettings
from blockstore.client.visible import visible_block
from blockstore.errors import (
    BlockMissingException,
    EOFException,
    FileNotFoundException,
    IsADirectoryException,
)
from blockstore.model import FileStatus, LocatedBlock
from blockstore.peers import Peers
from blockstore.runtime.clock import Clock

# Between two rounds of asking a block's writers for its length.
_PAUSE_S: Final = 0.2


class FileMap:
    """The file as the NameNode told it last. Thread-safe."""

    def __init__(
        self,
        namenode: NameNodeClient,
        peers: Peers,
        path: str,
        client_host: str,
        settings: ClientSettings,
        clock: Clock,
    ) -> None:
        """Raises FileNotFoundException or IsADirectoryException."""
        self.path = path
        self._namenode = namenode
        self._peers = peers
        self._client_host = client_host
        self._guard = threading.Lock()
        self._settings = settings
        self._clock = clock
        self._status, self._blocks = self._locate()
        # Readers see what was there when the file was opened, or followed last.
        self.length = self._end()

    @property
    def status(self) -> FileStatus:
        return self._status

    def find(self, offset: int) -> LocatedBlock:
        """The block that has the byte at `offset`.

        Raises:
            EOFException: there is none any more, the file was cut.
        """
        with self._guard:
            end = self._end()
            if offset < end:
                at = bisect.bisect_right(self._blocks, offset, key=lambda located: located.offset)
                return self._blocks[at - 1]
        raise EOFException(
            f"{self.path} was cut to {end} bytes while its reader was at {offset} of "
            f"{self.length}: open it again"
        )

    def refresh(self) -> None:
        """Asks the NameNode again.

        Raises:
            FileNotFoundException: the file was deleted or replaced.
        """
        status, blocks = self._locate()
        if status.inode_id != self._status.inode_id:
            raise FileNotFoundException(f"{self.path} was replaced while it was being read")
        with self._guard:
            self._status, self._blocks = status, blocks

    def follow(self) -> None:
        """As `refresh`; from now on readers see what is there now."""
        self.refresh()
        with self._guard:
            self.length = self._end()

    def _end(self) -> int:
        last = self._blocks[-1] if self._blocks else None
        return last.offset + last.block.length if last else 0

    def _locate(self) -> tuple[FileStatus, list[LocatedBlock]]:
        since = self._clock.monotonic()
        while True:
            status, blocks = self._namenode.locate(self.path, 0, 0, self._client_host)
            if status.is_directory:
                raise IsADirectoryException(f"{self.path} is a directory")
            if not (blocks and blocks[-1].under_construction):
                return status, blocks
            visible = visible_block(blocks[-1], self._peers)
            if isinstance(visible, LocatedBlock):
                return status, [*blocks[:-1], visible]
            if self._clock.monotonic() - since > self._settings.missing_after_s:
                raise BlockMissingException(
                    f"{self.path}: how long {blocks[-1].block}, which is being written, is can't "
                    f"be told: {visible}. Its file is read again when one of these nodes is "
                    "back, or when it was closed (mapred fs lease recover)"
                )
            self._clock.sleep(_PAUSE_S)
