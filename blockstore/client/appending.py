"""Opening a file to add to it.

The NameNode grants the lease. A last block that isn't full is brought to a new generation stamp
on its nodes, by the steps that rebuild a broken pipeline: its bytes are acknowledged, and stay so
whatever fails on the way. Then its last, unfinished chunk is read back, because packets start at
chunk borders; from the block itself, since another file may have got the path meanwhile.
"""

import dataclasses
import logging
from collections.abc import Callable

from blockstore.client.blockoutput import BlockOutput
from blockstore.client.exclusions import Exclusions
from blockstore.client.fetch import BlocksOfFile, Fetcher
from blockstore.client.namenode import NameNodeClient
from blockstore.client.pipelines import Pipelines
from blockstore.client.settings import ClientSettings
from blockstore.client.wholeblocks import WholeBlocks
from blockstore.client.writer import BlockWriter, Tail
from blockstore.errors import StoreError
from blockstore.model import FileStatus, LocatedBlock
from blockstore.packetstream import PacketStreams
from blockstore.peers import Peers
from blockstore.runtime.clock import Clock

log = logging.getLogger(__name__)


class AppendedBlock:
    """A file's last block as its appender was told it: only he can change it now."""

    def __init__(self, path: str, last: LocatedBlock) -> None:
        self.path = path
        self.length = last.offset + last.block.length
        self._last = last

    def find(self, offset: int) -> LocatedBlock:
        return self._last

    def refresh(self) -> None:
        """Its nodes are tried again."""


class Appending:
    """What opening a file again needs of one client."""

    def __init__(
        self,
        namenode: NameNodeClient,
        peers: Peers,
        streams: PacketStreams,
        whole_blocks: WholeBlocks,
        settings: ClientSettings,
        client_host: str,
        clock: Clock,
        fetcher: Callable[[BlocksOfFile], Fetcher],
    ) -> None:
        self._namenode = namenode
        self._peers = peers
        self._streams = streams
        self._whole_blocks = whole_blocks
        self._settings = settings
        self._client_host = client_host
        self._clock = clock
        self._fetcher = fetcher

    def open(self, path: str, on_end: Callable[[], None]) -> BlockWriter:
        """A writer at the file's end. `on_end` is called once, also when this fails.

        Raises:
            FileNotFoundException, AlreadyBeingCreatedException: it can't be written.
            BlockMissingException: no node can go on with the last block; every reason is named.
        """
        try:
            file, last = self._namenode.append(path)
        except BaseException:
            on_end()
            raise
        try:
            tail, settings = self._tail(file, last)
        except BaseException:
            self._give_up(file)
            on_end()
            raise
        pipelines = self._pipelines(file, settings)
        return BlockWriter(self._namenode, pipelines, file, settings, self._clock, on_end, tail)

    def _tail(self, file: FileStatus, last: LocatedBlock | None) -> tuple[Tail, ClientSettings]:
        if last is None:
            return Tail(), self._settings
        if not last.under_construction:
            return Tail(last.offset + last.block.length, last.block), self._settings
        chunk_bytes = self._pipelines(file, self._settings).chunk_bytes(last)
        settings = dataclasses.replace(self._settings, chunk_bytes=chunk_bytes)
        rest = last.block.length % chunk_bytes
        end = last.offset + last.block.length
        fetcher = self._fetcher(AppendedBlock(file.path, last))
        chunk = b"".join(fetcher.pieces(end - rest, end))
        excluded = Exclusions(self._clock)
        output = BlockOutput(self._pipelines(file, settings), settings, excluded, last)
        return Tail(last.offset, None, output, chunk), settings

    def _pipelines(self, file: FileStatus, settings: ClientSettings) -> Pipelines:
        return Pipelines(
            self._namenode,
            self._peers,
            self._streams,
            self._whole_blocks,
            file,
            settings,
            self._client_host,
            self._clock,
        )

    def _give_up(self, file: FileStatus) -> None:
        try:
            self._namenode.release_lease(file)
        except StoreError as error:
            log.warning("%s could not be given up, its lease will run out: %s", file.path, error)
