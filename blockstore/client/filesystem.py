"""The block store as a program uses it: names, files, administration."""

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Final, Literal, TypeAlias, overload

from blockstore.client.administration import Administration
from blockstore.client.batch import Batch
from blockstore.client.connection import Connection
from blockstore.client.identity import identity
from blockstore.client.reader import BlockReader
from blockstore.client.settings import DEFAULT, ClientSettings
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
    FileChecksum,
    FileStatus,
    FsckReport,
    Lease,
    LocatedBlock,
    Removal,
    SafeMode,
    Summary,
)
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
_TRUNCATE_POLL_S: Final = 0.05


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
        user: str | None = None,
        policy: RetryPolicy | None = None,
        settings: ClientSettings = DEFAULT,
    ) -> None:
        """`namenode` is HOST:PORT (default: MAPRED_NAMENODE), `secret` the cluster's (default:
        MAPRED_SECRET or MAPRED_SECRET_FILE). `client_host` is this machine as DataNodes name
        it. `user` is in whose name it asks (default: MAPRED_USER, else who runs this process).
        `policy` is the patience of the first contact; afterwards a NameNode that doesn't
        answer is restarting and is waited for.

        Raises:
            ConfigException: no address, or a malformed one; or MAPRED_UMASK is.
        """
        address = namenode or os.environ.get(NAMENODE_VARIABLE)
        if not address:
            raise ConfigException(f"which NameNode? Give HOST:PORT, or set {NAMENODE_VARIABLE}")
        host, port = parse_address(address, NAMENODE_PORT)
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.client_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(6)}"
        self._secret = secret or cluster_secret()
        self._identity = identity(user)
        local = "127.0.0.1" if host in _LOOPBACK else socket.gethostname()
        self._client_host = client_host or local
        self._first_contact = policy or settings.first_contact
        self._settings = settings
        self._process_id = os.getpid()
        self._guard = threading.Lock()
        self._closed = False
        self._connection: Connection | None = None

    def __repr__(self) -> str:
        return f"BlockStore({self.address})"

    # --- files ---------------------------------------------------------------------------

    @overload
    def open(self, path: str, mode: Literal["rb"] = "rb") -> BlockReader: ...

    @overload
    def open(
        self,
        path: str,
        mode: Literal["wb", "xb", "ab"],
        *,
        replication: int | None = None,
        block_bytes: int | None = None,
        permission: int | None = None,
    ) -> BlockWriter: ...

    @overload
    def open(
        self,
        path: str,
        mode: str = "rb",
        *,
        replication: int | None = None,
        block_bytes: int | None = None,
        permission: int | None = None,
    ) -> BlockReader | BlockWriter: ...

    def open(
        self,
        path: str,
        mode: str = "rb",
        *,
        replication: int | None = None,
        block_bytes: int | None = None,
        permission: int | None = None,
    ) -> BlockReader | BlockWriter:
        """Opens a file: "rb" reads, "wb" makes or replaces, "xb" makes and refuses to replace,
        "ab" adds to one that exists.

        Missing directories above a new file are made. None means the NameNode's default; of
        `permission`, the new file's mode, it means what the umask leaves.

        Raises:
            FileNotFoundException, IsADirectoryException: there is nothing to read.
            FileAlreadyExistsException, AlreadyBeingCreatedException: the path is taken.
            BlockMissingException: the block at the end can't be written further.
        """
        if mode == "rb":
            return self._connected().reader(path, self._must_be_usable)
        if mode in ("wb", "xb"):
            return self._connected().writer(
                path, mode == "wb", replication or 0, block_bytes or 0, permission
            )
        if mode == "ab":
            if (replication, block_bytes, permission) != (None, None, None):
                raise InvalidRequestException(
                    f"{path} has its replication, block size and mode already"
                )
            return self._connected().appender(path)
        raise InvalidRequestException(
            f"mode {mode!r}: files are opened with 'rb', 'wb', 'xb' or 'ab'"
        )

    def truncate(self, path: str, length: int, timeout_s: float = 60.0) -> bool:
        """Cuts a closed file to `length` bytes, and waits for that; not below `length`, never.

        At a block border that is at once. Else the block's nodes have to cut it: False if that
        goes on after `timeout_s`. Readers see the new length already; writers are refused.

        Raises:
            InvalidRequestException: the file is shorter.
            AlreadyBeingCreatedException: somebody writes it.
        """
        progress = self._connected().namenode.truncation(path, length)
        until = time.monotonic() + timeout_s
        while progress():
            if time.monotonic() > until:
                return False
            time.sleep(_TRUNCATE_POLL_S)
        return True

    def concat(self, target: str, sources: Sequence[str]) -> None:
        """Adds the contents of the sources, in order, to the target; the sources are gone then.

        Atomic, and no byte moves. All are closed files, none with larger blocks than the target.

        Raises:
            InvalidRequestException, FileNotFoundException, AlreadyBeingCreatedException
        """
        self._connected().namenode.concat(target, sources)

    def checksum(self, path: str) -> FileChecksum:
        """CRC32C over the file's bytes, computed without moving them.

        Raises:
            BlockMissingException: nobody has a checksum of one of its blocks.
        """
        return self._connected().checksum(path)

    def put_many(
        self,
        files: Iterable[tuple[str, bytes]],
        *,
        replication: int | None = None,
        block_bytes: int | None = None,
        overwrite: bool = True,
        only_together: bool = False,
    ) -> dict[str, Exception]:
        """Writes files (path, bytes) for far less than each of them alone, each as durably.

        Up to 256 KiB travel together. A file is there whole or not at all. `only_together`: what
        fails to is not tried alone, and its error is returned by its path, not raised.

        Raises:
            StoreError: the first file's that failed; all the others were tried nevertheless.
        """
        errors = self._connected().put_many(
            files, replication or 0, block_bytes or 0, overwrite, only_together
        )
        for error in () if only_together else errors.values():
            raise error
        return errors

    # --- names ---------------------------------------------------------------------------

    def batch(self) -> Batch:
        """Many requests on names in one round trip: `with store.batch() as batch: …`."""
        return Batch(self._connected().namenode)

    def stat(self, path: str) -> FileStatus:
        """Raises FileNotFoundException."""
        return self._connected().namenode.stat(path)

    def exists(self, path: str) -> bool:
        try:
            self.stat(path)
        except FileNotFoundException:
            return False
        return True

    def may(self, path: str, *, read: bool = False, write: bool = False) -> bool:
        """Whether the NameNode permits this user all of it. Raises FileNotFoundException."""
        return self._connected().namenode.may(path, read=read, write=write)

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

    def mkdir(self, path: str, parents: bool = True, mode: int | None = None) -> None:
        """With `parents`, what is there already is fine. `mode`: exactly so; None: by the umask.

        Raises:
            FileAlreadyExistsException, FileNotFoundException, ParentNotDirectoryException
        """
        self._connected().namenode.mkdir(path, parents, mode)

    def rename(self, source: str, target: str, overwrite: bool = False) -> None:
        """Atomic, for files and directories; `overwrite` replaces a file or an empty directory.

        Raises:
            FileNotFoundException, FileAlreadyExistsException, InvalidPathException
        """
        self._connected().namenode.rename(source, target, overwrite)

    def delete(self, path: str, recursive: bool = False, skip_trash: bool = False) -> bool:
        """Atomic; False when there was nothing. It lies in the trash for a while, `skip_trash`: or
        it's gone at once.

        Raises:
            PathIsNotEmptyDirectoryException: a directory with entries, without `recursive`.
        """
        return self.remove(path, recursive, skip_trash).deleted

    def remove(self, path: str, recursive: bool = False, skip_trash: bool = False) -> Removal:
        """As `delete`; says where in the trash it lies now."""
        return self._connected().namenode.delete(path, recursive, skip_trash)

    def expunge(self, immediate: bool = False) -> None:
        """Removes from this user's trash what is due, or all that lies there."""
        self._connected().namenode.expunge(immediate)

    def set_replication(self, path: str, replication: int) -> None:
        """How many replicas the file's blocks should have; they come and go in the background."""
        self._connected().namenode.set_replication(path, replication)

    def chmod(self, path: str, mode: int) -> None:
        """Permission bits, and 0o1000 for the sticky bit."""
        self._connected().namenode.set_mode(path, mode)

    def chown(self, path: str, owner: str = "", group: str = "") -> None:
        """Empty: stays."""
        self._connected().namenode.set_owner(path, owner, group)

    def set_times(
        self,
        path: str,
        modified_at_s: float | None = None,
        accessed_at_s: float | None = None,
    ) -> None:
        """Seconds since the epoch; None: stays. Directories have no access time."""
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

    def leases(self, path: str = "/") -> Iterator[Lease]:
        """Who writes which file at or below a path, page by page."""
        namenode, start_after, has_more = self._connected().namenode, 0, True
        while has_more:
            page, has_more = namenode.leases(path, start_after)
            yield from page
            start_after = page[-1].inode_id if page else 0

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

    @property
    def admin(self) -> Administration:
        """Decommission, maintenance, balancer, and health in more detail."""
        return self._connected().administration()

    def report(self) -> ClusterReport:
        return self.admin.report()

    def safe_mode(self, action: Literal["get", "enter", "leave"] = "get") -> SafeMode:
        return self.admin.safe_mode(action)

    def fsck(self, path: str = "/") -> FsckReport:
        return self.admin.fsck(path)

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

    def _connected(self) -> Connection:
        self._must_be_usable()
        with self._guard:
            if self._connection is None:
                self._connection = Connection(
                    self.address,
                    self.client_id,
                    self._secret,
                    self._first_contact,
                    self._client_host,
                    self._identity,
                    self._settings,
                )
            return self._connection
