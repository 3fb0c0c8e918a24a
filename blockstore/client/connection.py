"""What a client has once the store is used: its channels, its lease, and how it opens files."""

from collections.abc import Callable, Iterable

from blockstore.client.administration import Administration
from blockstore.client.appending import Appending
from blockstore.client.byteports import BytePorts
from blockstore.client.fetch import BlocksOfFile, Fetcher
from blockstore.client.filechecksum import checksum_of
from blockstore.client.filemap import FileMap
from blockstore.client.identity import Identity
from blockstore.client.leases import LeaseKeeper
from blockstore.client.namenode import NameNodeClient
from blockstore.client.openreplicas import OpenReplicas
from blockstore.client.pipelines import Pipelines
from blockstore.client.reader import BlockReader
from blockstore.client.settings import ClientSettings
from blockstore.client.shortcircuit import LocalReplicas
from blockstore.client.smallfiles import SmallFiles
from blockstore.client.smallrange import SmallRanges
from blockstore.client.wholeblocks import WholeBlocks
from blockstore.client.writer import BlockWriter
from blockstore.model import FileChecksum, FileStatus
from blockstore.packetstream import PacketStreams
from blockstore.peers import Peers
from blockstore.runtime import rpc
from blockstore.runtime.clock import SYSTEM_CLOCK
from blockstore.runtime.retry import RetryPolicy


class Connection:
    """One client's connection to one NameNode and its DataNodes. Thread-safe."""

    def __init__(
        self,
        address: str,
        client_id: str,
        secret: str | None,
        first_contact: RetryPolicy,
        client_host: str,
        who: Identity,
        settings: ClientSettings,
    ) -> None:
        self._channel = rpc.channel(address, secret=secret)
        self._client_host = client_host
        self._settings = settings
        self._peers = Peers(secret)
        self._packets = PacketStreams(self._peers.dial, secret, by_port=settings.byte_ports)
        self._ports = BytePorts(secret, settings.hedge_after_s)
        self._ranges = SmallRanges(self._peers, settings.hedge_after_s)
        self._whole_blocks = WholeBlocks(self._peers, settings)
        self._local = OpenReplicas(LocalReplicas(self._peers, {client_host}))
        self.namenode = NameNodeClient(
            self._channel, address, secret, client_id, first_contact, who
        )
        self._leases = LeaseKeeper(self.namenode, settings.lease_renew_s)

    def reader(self, path: str, on_use: Callable[[], None]) -> BlockReader:
        file = self._file_map(path)
        return BlockReader(file, self._fetcher(file), on_use)

    def writer(
        self, path: str, overwrite: bool, replication: int, block_bytes: int, mode: int | None
    ) -> BlockWriter:
        status = self.namenode.create(
            path,
            replication=replication,
            block_bytes=block_bytes,
            overwrite=overwrite,
            mode=mode,
        )
        return self._writer_of(status)

    def put_many(
        self,
        files: Iterable[tuple[str, bytes]],
        replication: int,
        block_bytes: int,
        overwrite: bool,
        only_together: bool,
    ) -> dict[str, Exception]:
        """What the files that could not be written failed with."""
        small = SmallFiles(
            self.namenode,
            self._whole_blocks,
            self._settings,
            self._client_host,
            SYSTEM_CLOCK,
            self._writer_of,
        )
        self._leases.opened()
        try:
            return small.put(
                files,
                replication=replication,
                block_bytes=block_bytes,
                overwrite=overwrite,
                only_together=only_together,
            )
        finally:
            self._leases.closed()

    def _writer_of(self, status: FileStatus) -> BlockWriter:
        pipelines = Pipelines(
            self.namenode,
            self._peers,
            self._packets,
            self._whole_blocks,
            status,
            self._settings,
            self._client_host,
            SYSTEM_CLOCK,
        )
        self._leases.opened()
        writer = BlockWriter(
            self.namenode, pipelines, status, self._settings, SYSTEM_CLOCK, self._leases.closed
        )
        self._leases.watch(writer)
        return writer

    def appender(self, path: str) -> BlockWriter:
        appending = Appending(
            self.namenode,
            self._peers,
            self._packets,
            self._whole_blocks,
            self._settings,
            self._client_host,
            SYSTEM_CLOCK,
            self._fetcher,
        )
        self._leases.opened()
        writer = appending.open(path, self._leases.closed)
        self._leases.watch(writer)
        return writer

    def administration(self) -> Administration:
        return Administration(self.namenode, self._peers)

    def checksum(self, path: str) -> FileChecksum:
        return checksum_of(self._file_map(path), self._peers, self._settings, SYSTEM_CLOCK)

    def close(self) -> None:
        self._leases.end()
        self.namenode.close()
        self._channel.close()
        self._ports.close()
        self._ranges.close()
        self._whole_blocks.close()
        self._packets.close()
        self._local.close()
        self._peers.close()

    def _file_map(self, path: str) -> FileMap:
        return FileMap(
            self.namenode, self._peers, path, self._client_host, self._settings, SYSTEM_CLOCK
        )

    def _fetcher(self, file: BlocksOfFile) -> Fetcher:
        return Fetcher(
            file,
            self.namenode,
            self._peers,
            self._ranges,
            self._local if self._settings.short_circuit else None,
            self._settings,
            SYSTEM_CLOCK,
            self._ports if self._settings.byte_ports else None,
        )
