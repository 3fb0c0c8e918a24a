"""The block store as a program uses it: names, files, administration."""

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Literal, TypeAlias, overload

import grpc

from blockstore.client.fetch import Fetcher
from blockstore.client.filemap import FileMap
from blockstore.client.leases import LeaseKeeper
from blockstore.client.namenode import NameNodeClient
from blockstore.client.pipelines import Pipelines
from blockstore.client.reader import BlockReader
from blockstore.client.settings import DEFAULT, ClientSettings
from blockstore.client.shortcircuit import LocalReplicas
from blockstore.client.writer import BlockWriter
from blockstore.errors import (
    ConfigException,
    FileNotFoundException,
    InvalidRequestException,
    NotReadyException,
    StoreError,
)
from blockstore.model import (
    ClusterReport,
    FileStatus,
    FsckReport,
    LocatedBlock,
    SafeMode,
    Summary,
)
from blockstore.peers import Peers
from blockstore.runtime import rpc
from blockstore.runtime.clock import SYSTEM_CLOCK
from blockstore.runtime.config import (
    NAMENODE_PORT,
    NAMENODE_VARIABLE,
    cluster_secret,
    parse_address,
)
from blockstore.runtime.retry import RetryPolicy

LocatedBlocks: TypeAlias = list[LocatedBlock]

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_LEASE_POLL_S: Final = 0.2


class BlockStore:
    """A client of one NameNode. Thread-safe; connects on first use.

    A process that was forked from the one that made it can't use it: it makes its own.
    """

    def __init__(
        self,
        namenode: str | None = None,
        *,
        secret: str | None = None,
        client_host: str | None = None,
        policy: RetryPolicy | None = None,
        settings: ClientSettings = DEFAULT,
    ) -> None:
        """`namenode` is HOST:PORT (default: MAPRED_NAMENODE), `secret` the cluster's (default:
        MAPRED_SECRET or MAPRED_SECRET_FILE). `client_host` is this machine as DataNodes name
        it. `policy` is the patience of the first contact; afterwards a NameNode that doesn't
        answer is restarting and is waited for.

        Raises:
            ConfigException: no address, or a malformed one.
        """
        address = namenode or os.environ.get(NAMENODE_VARIABLE)
        if not address:
            raise ConfigException(f"which NameNode? Give HOST:PORT, or set {NAMENODE_VARIABLE}")
        host, port = parse_address(address, NAMENODE_PORT)
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.client_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(6)}"
        self._secret = secret or cluster_secret()
        local = "127.0.0.1" if host in _LOOPBACK else socket.gethostname()
        self._client_host = client_host or local
        self._first_contact = policy or settings.first_contact
        self._settings = settings
        self._process_id = os.getpid()
        self._guard = threading.Lock()
        self._closed = False
        self._connection: _Connection | None = None

    def __repr__(self) -> str:
        return f"BlockStore({self.address})"

    # --- files ---------------------------------------------------------------------------

    @overload
    def open(self, path: str, mode: Literal["rb"] = "rb") -> BlockReader: ...

    @overload
    def open(
        self,
        path: str,
        mode: Literal["wb", "xb"],
        *,
        replication: int | None = None,
        block_bytes: int | None = None,
    ) -> BlockWriter: ...

    @overload
    def open(
        self,
        path: str,
        mode: str = "rb",
        *,
        replication: int | None = None,
        block_bytes: int | None = None,
    ) -> BlockReader | BlockWriter: ...

    def open(
        self,
        path: str,
        mode: str = "rb",
        *,
        replication: int | None = None,
        block_bytes: int | None = None,
    ) -> BlockReader | BlockWriter:
        """Opens a file: "rb" reads, "wb" makes or replaces, "xb" makes and refuses to replace.

        Missing directories above a new file are made. None means the NameNode's default.

        Raises:
            FileNotFoundException, IsADirectoryException: there is nothing to read.
            FileAlreadyExistsException, AlreadyBeingCreatedException: the path is taken.
        """
        if mode == "rb":
            return self._open_reader(path)
        if mode in ("wb", "xb"):
            return self._open_writer(path, mode == "wb", replication or 0, block_bytes or 0)
        raise InvalidRequestException(f"mode {mode!r}: files are opened with 'rb', 'wb' or 'xb'")

    def _open_reader(self, path: str) -> BlockReader:
        connection = self._connected()
        file = FileMap(connection.namenode, connection.peers, path, self._client_host)
        local = connection.local if self._settings.short_circuit else None
        fetcher = Fetcher(
            file, connection.namenode, connection.peers, local, self._settings, SYSTEM_CLOCK
        )
        return BlockReader(fetcher, self._must_be_usable)

    def _open_writer(
        self, path: str, overwrite: bool, replication: int, block_bytes: int
    ) -> BlockWriter:
        connection = self._connected()
        status = connection.namenode.create(
            path, replication=replication, block_bytes=block_bytes, overwrite=overwrite
        )
        pipelines = Pipelines(
            connection.namenode,
            connection.peers,
            status,
            self._settings,
            self._client_host,
            SYSTEM_CLOCK,
        )
        connection.leases.opened()
        return BlockWriter(
            connection.namenode,
            pipelines,
            status,
            self._settings,
            SYSTEM_CLOCK,
            connection.leases.closed,
        )

    # --- names ---------------------------------------------------------------------------

    def stat(self, path: str) -> FileStatus:
        """Raises FileNotFoundException."""
        return self._connected().namenode.stat(path)

    def exists(self, path: str) -> bool:
        try:
            self.stat(path)
        except FileNotFoundException:
            return False
        return True

    def list(self, path: str) -> Iterator[FileStatus]:
        """A directory's entries by name, page by page; for a file, the file itself.

        Raises:
            FileNotFoundException
        """
        namenode, start_after, has_more = self._connected().namenode, "", True
        while has_more:
            page, has_more = namenode.page(path, start_after)
            yield from page
            has_more = has_more and bool(page)
            start_after = page[-1].name if page else ""

    def mkdir(self, path: str, parents: bool = True) -> None:
        """With `parents`, what is there already is fine.

        Raises:
            FileAlreadyExistsException, FileNotFoundException, ParentNotDirectoryException
        """
        self._connected().namenode.mkdir(path, parents)

    def rename(self, source: str, target: str, overwrite: bool = False) -> None:
        """Atomic, for files and directories; `overwrite` replaces a file or an empty directory.

        Raises:
            FileNotFoundException, FileAlreadyExistsException, InvalidPathException
        """
        self._connected().namenode.rename(source, target, overwrite)

    def delete(self, path: str, recursive: bool = False) -> bool:
        """Atomic; False when there was nothing.

        Raises:
            PathIsNotEmptyDirectoryException: a directory with entries, without `recursive`.
        """
        return self._connected().namenode.delete(path, recursive)

    def set_replication(self, path: str, replication: int) -> None:
        """How many replicas the file's blocks should have; they come and go in the background."""
        self._connected().namenode.set_replication(path, replication)

    def chmod(self, path: str, mode: int) -> None:
        """Permission bits and 0o1000, the sticky bit.

        Raises:
            FileNotFoundException, InvalidRequestException
        """
        self._connected().namenode.set_mode(path, mode)

    def chown(self, path: str, owner: str = "", group: str = "") -> None:
        """Empty: stays.

        Raises:
            FileNotFoundException
        """
        self._connected().namenode.set_owner(path, owner, group)

    def set_times(
        self,
        path: str,
        modified_at_s: float | None = None,
        accessed_at_s: float | None = None,
    ) -> None:
        """Seconds since the epoch; None: stays. Directories have no access time.

        Raises:
            FileNotFoundException, InvalidRequestException
        """
        self._connected().namenode.set_times(path, modified_at_s, accessed_at_s)

    def summary(self, path: str) -> Summary:
        """What lies below a path."""
        return self._connected().namenode.summarise(path)

    def locate(self, path: str, offset: int = 0, length: int | None = None) -> LocatedBlocks:
        """The blocks that have bytes of a range (None: to the end), nearest nodes first."""
        if length == 0:
            return []
        _, blocks = self._connected().namenode.locate(path, offset, length or 0, self._client_host)
        return blocks

    # --- administration --------------------------------------------------------------------

    def recover_lease(self, path: str, timeout_s: float = 60.0) -> None:
        """Takes the file from its writer and waits until it is closed at its last byte.

        Raises:
            NotReadyException: it isn't after `timeout_s`; the message says what is waited for.
        """
        until = time.monotonic() + timeout_s
        while waiting_for := self._connected().namenode.recover_lease(path):
            if time.monotonic() > until:
                raise NotReadyException(
                    f"{path} is not closed after {timeout_s:.0f} s: {waiting_for}"
                )
            time.sleep(_LEASE_POLL_S)

    def report(self) -> ClusterReport:
        return self._connected().namenode.report()

    def safe_mode(self, action: Literal["get", "enter", "leave"] = "get") -> SafeMode:
        return self._connected().namenode.safe_mode(action)

    def fsck(self, path: str = "/") -> FsckReport:
        return self._connected().namenode.fsck(path)

    # --- the connection --------------------------------------------------------------------

    def close(self) -> None:
        """Ends all connections; open files can't be used any more."""
        with self._guard:
            self._closed = True
            connection, self._connection = self._connection, None
        if connection and os.getpid() == self._process_id:
            connection.close()

    def __enter__(self) -> "BlockStore":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _must_be_usable(self) -> None:
        if os.getpid() != self._process_id:
            raise StoreError(
                f"{self!r} was made by process {self._process_id} and can't be used after a "
                "fork: make a new one in the child"
            )
        if self._closed:
            raise ValueError(f"{self!r} is closed")

    def _connected(self) -> "_Connection":
        self._must_be_usable()
        with self._guard:
            if self._connection is None:
                self._connection = _Connection(
                    self.address,
                    self.client_id,
                    self._secret,
                    self._first_contact,
                    self._client_host,
                )
            return self._connection


class _Connection:
    """What exists once the store is used."""

    def __init__(
        self,
        address: str,
        client_id: str,
        secret: str | None,
        first_contact: RetryPolicy,
        client_host: str,
    ) -> None:
        self._channel: grpc.Channel = rpc.channel(address, secret=secret)
        self.namenode = NameNodeClient(self._channel, address, client_id, first_contact)
        self.peers = Peers(secret)
        self.local = LocalReplicas(self.peers, {client_host})
        self.leases = LeaseKeeper(self.namenode)

    def close(self) -> None:
        self.leases.end()
        self._channel.close()
        self.peers.close()
