"""The NameNode's requests in model nouns; how they get there is asking.py.

Those that change something carry an id, so that asking again can't do it twice.
"""

import itertools
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import grpc

from blockstore.client.asking import Asking
from blockstore.client.identity import Identity
from blockstore.codec import (
    block_to_wire,
    excluded_to_wire,
    lease_from_wire,
    located_from_wire,
    node_from_wire,
    receipts_to_wire,
    status_from_wire,
)
from blockstore.errors import AccessControlException
from blockstore.model import (
    Block,
    Excluded,
    FileStatus,
    Lease,
    LocatedBlock,
    Node,
    Receipt,
    Removal,
    Summary,
)
from blockstore.runtime import rpc
from blockstore.runtime.retry import INTERACTIVE, RetryPolicy
from blockstore.wire import namenode_pb2

# Walking a whole namespace, for summaries; looking at all blocks of a node.
_TREE_TIMEOUT_S: Final = 120.0


class NameNodeClient:
    """One client's word to the NameNode. Thread-safe."""

    def __init__(
        self,
        channel: grpc.Channel,
        address: str,
        secret: str | None,
        client_id: str,
        first_contact: RetryPolicy,
        identity: Identity,
    ) -> None:
        self.address = address
        self.client_id = client_id
        self.identity = identity
        self._asking = Asking(channel, address, secret, first_contact, identity.user)
        self._openings = itertools.count(1)

    def __repr__(self) -> str:
        return f"NameNodeClient({self.address})"

    # --- names -------------------------------------------------------------------------

    def stat(self, path: str) -> FileStatus:
        reply = self._asking.call("Stat", namenode_pb2.PathRequest(path=path))
        return status_from_wire(reply.status)

    def may(self, path: str, *, read: bool, write: bool) -> bool:
        wanted = 0o4 * read + 0o2 * write
        try:
            self._asking.call(
                "CheckAccess", namenode_pb2.CheckAccessRequest(path=path, wanted=wanted)
            )
        except AccessControlException:
            return False
        return True

    def page(self, path: str, start_after: str) -> tuple[list[FileStatus], bool]:
        """Entries after a name, and whether there are more."""
        request = namenode_pb2.ListRequest(path=path, start_after=start_after)
        reply = self._asking.call("List", request)
        return [status_from_wire(entry) for entry in reply.entries], bool(reply.has_more)

    def mkdir(self, path: str, parents: bool, mode: int | None) -> None:
        """The mode is what the directory gets; None: what the umask leaves."""
        request = namenode_pb2.MkdirsRequest(
            path=path,
            parents=parents,
            mode=self.identity.directory_mode if mode is None else mode,
            mode_above=self.identity.directory_mode,
            request_id=_request_id(),
        )
        self._asking.call("Mkdirs", request)

    def rename(self, source: str, target: str, overwrite: bool) -> None:
        request = namenode_pb2.RenameRequest(
            source=source, target=target, overwrite=overwrite, request_id=_request_id()
        )
        self._asking.call("Rename", request)

    def delete(self, path: str, recursive: bool, skip_trash: bool) -> Removal:
        request = namenode_pb2.DeleteRequest(
            path=path, recursive=recursive, request_id=_request_id(), skip_trash=skip_trash
        )
        reply = self._asking.call("Delete", request)
        return Removal(reply.deleted, reply.trash_path)

    def expunge(self, immediate: bool) -> None:
        request = namenode_pb2.ExpungeRequest(immediate=immediate, request_id=_request_id())
        self._asking.call("Expunge", request)

    def set_replication(self, path: str, replication: int) -> None:
        request = namenode_pb2.SetReplicationRequest(
            path=path, replication=replication, request_id=_request_id()
        )
        self._asking.call("SetReplication", request)

    def set_mode(self, path: str, mode: int) -> None:
        request = namenode_pb2.SetModeRequest(path=path, mode=mode, request_id=_request_id())
        self._asking.call("SetMode", request)

    def set_owner(self, path: str, owner: str, group: str) -> None:
        """Empty: stays."""
        request = namenode_pb2.SetOwnerRequest(
            path=path, owner=owner, group=group, request_id=_request_id()
        )
        self._asking.call("SetOwner", request)

    def set_times(
        self, path: str, modified_at_s: float | None, accessed_at_s: float | None
    ) -> None:
        request = namenode_pb2.SetTimesRequest(
            path=path,
            modified_at_s=modified_at_s,
            accessed_at_s=accessed_at_s,
            request_id=_request_id(),
        )
        self._asking.call("SetTimes", request)

    def summarise(self, path: str) -> Summary:
        request = namenode_pb2.PathRequest(path=path)
        reply = self._asking.call("Summarise", request, timeout_s=_TREE_TIMEOUT_S)
        return Summary(reply.directories, reply.files, reply.bytes, reply.replicated_bytes)

    # --- reading -----------------------------------------------------------------------

    def locate(
        self, path: str, offset: int, length: int, client_host: str
    ) -> tuple[FileStatus, list[LocatedBlock]]:
        """`length` 0: to the end."""
        request = namenode_pb2.LocateRequest(
            path=path, offset=offset, length=length, client_host=client_host
        )
        reply = self._asking.call("Locate", request)
        return status_from_wire(reply.status), [located_from_wire(b) for b in reply.blocks]

    def report_bad_replica(self, block: Block, node_id: str, reason: str) -> None:
        """One try: it is a hint."""
        request = namenode_pb2.ReportBadReplicaRequest(
            block=block_to_wire(block), node_id=node_id, reason=reason
        )
        self._asking.once("ReportBadReplica", request)

    # --- writing -----------------------------------------------------------------------

    def new_writer(self) -> str:
        """A name for one opening of one file (leases.py of the NameNode)."""
        return f"{self.client_id}/{next(self._openings)}"

    def create(
        self,
        path: str,
        *,
        replication: int,
        block_bytes: int,
        overwrite: bool,
        mode: int | None = None,
    ) -> FileStatus:
        """The mode is what the file gets; None: what the umask leaves."""
        writer = self.new_writer()
        request = namenode_pb2.CreateRequest(
            path=path,
            replication=replication,
            block_bytes=block_bytes,
            overwrite=overwrite,
            parents=True,
            client_id=writer,
            mode=self.identity.file_mode if mode is None else mode,
            mode_above=self.identity.directory_mode,
            request_id=_request_id(),
        )
        return replace(status_from_wire(self._asking.call("Create", request).status), writer=writer)

    def append(self, path: str) -> tuple[FileStatus, LocatedBlock | None]:
        """The file, and its last block: under construction if it is to be written further."""
        writer = self.new_writer()
        request = namenode_pb2.AppendRequest(path=path, client_id=writer, request_id=_request_id())
        reply = self._asking.call("Append", request)
        last = located_from_wire(reply.last) if reply.HasField("last") else None
        return replace(status_from_wire(reply.status), writer=writer), last

    def release_lease(self, file: FileStatus, *, discard: bool = False) -> None:
        """The file is closed by the NameNode, or removed, if it is still this writer's.

        The patience is a person's: leases run out by themselves.
        """
        request = namenode_pb2.ReleaseLeaseRequest(
            inode_id=file.inode_id, client_id=file.writer, discard=discard
        )
        self._asking.reach("ReleaseLease", request, rpc.CALL_TIMEOUT_S, INTERACTIVE)

    def truncation(self, path: str, length: int) -> Callable[[], str]:
        """Truncates; each call asks how far it is: empty when it's done, else what it waits for."""
        request = namenode_pb2.TruncateRequest(path=path, length=length, request_id=_request_id())
        return lambda: _waiting_for(self._asking.call("Truncate", request))

    def concat(self, target: str, sources: Sequence[str]) -> None:
        request = namenode_pb2.ConcatRequest(
            target=target, sources=sources, request_id=_request_id()
        )
        self._asking.call("Concat", request)

    def add_block(
        self,
        file: FileStatus,
        previous: Block | None,
        excluded: Sequence[Excluded],
        client_host: str,
    ) -> LocatedBlock:
        request = namenode_pb2.AddBlockRequest(
            inode_id=file.inode_id,
            client_id=file.writer,
            previous=block_to_wire(previous) if previous else None,
            excluded=excluded_to_wire(excluded),
            client_host=client_host,
            request_id=_request_id(),
        )
        return located_from_wire(self._asking.call("AddBlock", request))

    def abandon_block(self, file: FileStatus, block: Block) -> None:
        request = namenode_pb2.AbandonBlockRequest(
            inode_id=file.inode_id, client_id=file.writer, block=block_to_wire(block)
        )
        self._asking.call("AbandonBlock", request)

    def recover_pipeline(
        self,
        file: FileStatus,
        block: Block,
        survivors: Sequence[str],
        excluded: Sequence[Excluded],
        *,
        want_replacement: bool,
    ) -> tuple[int, Node | None]:
        """The new generation stamp, and perhaps a further node."""
        request = namenode_pb2.RecoverPipelineRequest(
            inode_id=file.inode_id,
            client_id=file.writer,
            block=block_to_wire(block),
            survivors=survivors,
            excluded=excluded_to_wire(excluded),
            want_replacement=want_replacement,
        )
        reply = self._asking.call("RecoverPipeline", request)
        replacement = node_from_wire(reply.replacement) if reply.HasField("replacement") else None
        return int(reply.new_generation), replacement

    def update_pipeline(
        self, file: FileStatus, old: Block, new: Block, nodes: Sequence[str]
    ) -> None:
        request = namenode_pb2.UpdatePipelineRequest(
            inode_id=file.inode_id,
            client_id=file.writer,
            old=block_to_wire(old),
            new=block_to_wire(new),
            nodes=nodes,
        )
        self._asking.call("UpdatePipeline", request)

    def sync(self, file: FileStatus, block: Block) -> None:
        request = namenode_pb2.SyncRequest(
            inode_id=file.inode_id, client_id=file.writer, block=block_to_wire(block)
        )
        self._asking.call("Sync", request)

    def complete(
        self, file: FileStatus, last: Block | None, receipts: Sequence[Receipt] = ()
    ) -> str:
        """Empty when the file is closed, else what is waited for. `receipts` are the last's."""
        request = namenode_pb2.CompleteRequest(
            inode_id=file.inode_id,
            client_id=file.writer,
            last=block_to_wire(last) if last else None,
            receipts=receipts_to_wire(receipts),
        )
        return _waiting_for(self._asking.call("Complete", request))

    def renew_lease(self) -> dict[str, int]:
        """One try: the next renewal is soon. Returns nodes that are to go, and how many others must
        write a block before they can.
        """
        request = namenode_pb2.RenewLeaseRequest(client_id=self.client_id)
        reply = self._asking.once("RenewLease", request)
        return {node.node_id: node.writers for node in reply.leaving}

    def recover_lease(self, path: str) -> str:
        """Empty when the file is closed, else what is waited for."""
        return _waiting_for(self._asking.call("RecoverLease", namenode_pb2.PathRequest(path=path)))

    def leases(self, path: str, start_after: int) -> tuple[list[Lease], bool]:
        """Open files after an inode id, and whether there are more."""
        request = namenode_pb2.LeasesRequest(path=path, start_after=start_after)
        reply = self._asking.call("Leases", request)
        return [lease_from_wire(lease) for lease in reply.leases], bool(reply.has_more)

    def batch(self, calls: Sequence[Any]) -> list[Any]:
        """An outcome (a BatchOutcome, or what it was refused with) for each BatchCall."""
        return self._asking.batch(calls)

    # --- administration (administration.py) ----------------------------------------------

    def ask(self, name: str, request: Any) -> Any:
        """One call by its name, with a command's patience."""
        return self._asking.call(name, request, timeout_s=_TREE_TIMEOUT_S)

    def close(self) -> None:
        """Ends its streams; the channel is its maker's."""
        self._asking.close()


def _request_id() -> str:
    return secrets.token_hex(16)


def _waiting_for(reply: namenode_pb2.CompleteReply) -> str:
    return "" if reply.done else reply.waiting_for or "the last block's replicas"
