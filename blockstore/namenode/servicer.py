"""gRPC to core and back: translate, call, translate."""

from collections.abc import Awaitable
from typing import Any

from blockstore.codec import (
    block_from_wire,
    excluded_from_wire,
    located_to_wire,
    node_to_wire,
    receipts_from_wire,
    status_to_wire,
)
from blockstore.model import Block
from blockstore.namenode import batch
from blockstore.namenode.adminservicer import AdminServicer
from blockstore.namenode.callport import CallPort
from blockstore.namenode.callstream import CallStreams
from blockstore.namenode.changeservicer import FileChangeServicer
from blockstore.namenode.core import NameNode
from blockstore.namenode.ownership import Modes
from blockstore.namenode.ready import Ready
from blockstore.namenode.replies import Completion
from blockstore.namenode.shell import Shell
from blockstore.namenode.treewalk import RemovalLook
from blockstore.runtime import failpoint
from blockstore.wire import namenode_pb2 as pb


def _optional(request: Any, name: str) -> Block | None:
    return block_from_wire(getattr(request, name)) if request.HasField(name) else None


def _given(request: Any, name: str) -> Any:
    return getattr(request, name) if request.HasField(name) else None


def _modes(request: pb.CreateRequest | pb.MkdirsRequest) -> Modes:
    return Modes(_given(request, "mode"), _given(request, "mode_above"))


class ClientServicer(AdminServicer, FileChangeServicer):
    """For clients and administrators."""

    def __init__(self, shell: Shell, secret: str | None = None) -> None:
        self._shell = shell
        self.streams = CallStreams()
        self.port = CallPort(
            lambda call: batch.outcome(self, call, None),
            connections_max=shell.config.call_connections_max,
            secret=secret,
        )

    async def Create(self, request: pb.CreateRequest, _: Any) -> pb.FileReply:
        status = await self._shell.perform(
            lambda core: core.create(
                request.path,
                client_id=request.client_id,
                replication=request.replication,
                block_bytes=request.block_bytes,
                overwrite=request.overwrite,
                parents=request.parents,
                modes=_modes(request),
                close=request.close,
                request_id=request.request_id,
                now=self._shell.now,
                wall=self._shell.wall,
            )
        )
        # Who has it closed at once asks nothing more of it, and may have made hundreds.
        return pb.FileReply(status=None if request.close else status_to_wire(status))

    async def AddBlock(self, request: pb.AddBlockRequest, _: Any) -> Any:
        located = await self._shell.perform(
            lambda core: core.add_block(
                request.inode_id,
                client_id=request.client_id,
                previous=_optional(request, "previous"),
                excluded=excluded_from_wire(request.excluded),
                client_host=request.client_host,
                request_id=request.request_id,
                bytes_max=request.bytes_max,
                now=self._shell.now,
            )
        )
        return located_to_wire(located)

    async def AbandonBlock(self, request: pb.AbandonBlockRequest, _: Any) -> pb.Empty:
        block = block_from_wire(request.block)
        await self._shell.perform(
            lambda core: core.abandon_block(
                request.inode_id, client_id=request.client_id, block=block, now=self._shell.now
            )
        )
        return pb.Empty()

    async def RecoverPipeline(
        self, request: pb.RecoverPipelineRequest, _: Any
    ) -> pb.RecoverPipelineReply:
        grant = await self._shell.perform(
            lambda core: core.recover_pipeline(
                request.inode_id,
                client_id=request.client_id,
                block=block_from_wire(request.block),
                survivors=tuple(request.survivors),
                excluded=excluded_from_wire(request.excluded),
                want_replacement=request.want_replacement,
                now=self._shell.now,
            )
        )
        reply = pb.RecoverPipelineReply(new_generation=grant.new_generation)
        if grant.replacement is not None:
            reply.replacement.CopyFrom(node_to_wire(grant.replacement))
        return reply

    async def UpdatePipeline(self, request: pb.UpdatePipelineRequest, _: Any) -> pb.Empty:
        await self._shell.perform(
            lambda core: core.update_pipeline(
                request.inode_id,
                client_id=request.client_id,
                old=block_from_wire(request.old),
                new=block_from_wire(request.new),
                node_ids=tuple(request.nodes),
                now=self._shell.now,
            )
        )
        return pb.Empty()

    async def Sync(self, request: pb.SyncRequest, _: Any) -> pb.Empty:
        block = block_from_wire(request.block)
        await self._shell.perform(
            lambda core: core.sync(
                request.inode_id, client_id=request.client_id, block=block, now=self._shell.now
            )
        )
        return pb.Empty()

    async def Complete(self, request: pb.CompleteRequest, _: Any) -> pb.CompleteReply:
        last, receipts = _optional(request, "last"), receipts_from_wire(request.receipts)

        def complete(core: NameNode) -> Ready[Completion]:
            if last is not None:
                core.reporting.take_receipts(last, receipts)
            return core.complete(
                request.inode_id,
                client_id=request.client_id,
                last=last,
                now=self._shell.now,
                wall=self._shell.wall,
            )

        completion = await self._shell.complete(request.inode_id, complete)
        return pb.CompleteReply(done=completion.done, waiting_for=completion.waiting_for)

    async def RenewLease(self, request: pb.RenewLeaseRequest, _: Any) -> pb.RenewLeaseReply:
        leaving = await self._shell.perform(
            lambda core: core.changes.renew_lease(request.client_id, now=self._shell.now)
        )
        nodes = (pb.LeavingNode(node_id=n, writers=writers) for n, writers in leaving.items())
        return pb.RenewLeaseReply(leaving=nodes)

    async def RecoverLease(self, request: pb.PathRequest, _: Any) -> pb.CompleteReply:
        completion = await self._shell.perform(
            lambda core: core.changes.recover_lease(
                request.path, now=self._shell.now, wall=self._shell.wall
            )
        )
        return pb.CompleteReply(done=completion.done, waiting_for=completion.waiting_for)

    async def Locate(self, request: pb.LocateRequest, _: Any) -> pb.LocateReply:
        location = await self._shell.perform(
            lambda core: core.locate(
                request.path,
                offset=request.offset,
                length=request.length,
                client_host=request.client_host,
                now=self._shell.now,
            )
        )
        await self._shell.perform(
            lambda core: core.attributes.was_read(request.path, wall=self._shell.wall)
        )
        return pb.LocateReply(
            status=status_to_wire(location.status),
            blocks=[located_to_wire(block) for block in location.blocks],
        )

    async def Stat(self, request: pb.PathRequest, _: Any) -> pb.FileReply:
        status = await self._shell.perform(lambda core: core.stat(request.path))
        return pb.FileReply(status=status_to_wire(status))

    async def CheckAccess(self, request: pb.CheckAccessRequest, _: Any) -> pb.Empty:
        await self._shell.perform(lambda core: core.check_access(request.path, request.wanted))
        return pb.Empty()

    async def List(self, request: pb.ListRequest, _: Any) -> pb.ListReply:
        listing = await self._shell.in_slices(
            lambda core: core.page(request.path, request.start_after, request.limit)
        )
        return pb.ListReply(
            entries=[status_to_wire(status) for status in listing.entries],
            has_more=listing.has_more,
        )

    async def Mkdirs(self, request: pb.MkdirsRequest, _: Any) -> pb.Empty:
        await self._shell.perform(
            lambda core: core.mkdirs(
                request.path,
                parents=request.parents,
                modes=_modes(request),
                request_id=request.request_id,
                wall=self._shell.wall,
            )
        )
        return pb.Empty()

    async def Rename(self, request: pb.RenameRequest, _: Any) -> pb.Empty:
        await self._shell.perform(
            lambda core: core.rename(
                request.source,
                request.target,
                overwrite=request.overwrite,
                request_id=request.request_id,
                wall=self._shell.wall,
            )
        )
        return pb.Empty()

    async def Delete(self, request: pb.DeleteRequest, _: Any) -> pb.DeleteReply:
        look = RemovalLook()
        if request.skip_trash:
            deleted = await self._shell.until_finished(
                lambda core: core.delete(
                    request.path,
                    recursive=request.recursive,
                    look=look,
                    request_id=request.request_id,
                    wall=self._shell.wall,
                )
            )
            return pb.DeleteReply(deleted=deleted)
        removal = await self._shell.until_finished(
            lambda core: core.trash.throw_away(
                request.path,
                recursive=request.recursive,
                look=look,
                request_id=request.request_id,
                wall=self._shell.wall,
            )
        )
        return pb.DeleteReply(deleted=removal.deleted, trash_path=removal.trash_path)

    async def Expunge(self, request: pb.ExpungeRequest, _: Any) -> pb.Empty:
        await self._shell.perform(
            lambda core: core.trash.expunge(
                immediate=request.immediate,
                request_id=request.request_id,
                wall=self._shell.wall,
            )
        )
        return pb.Empty()

    async def Batch(self, request: pb.BatchRequest, context: Any) -> pb.BatchReply:
        # Known before the first request begins, so that none of them waits for it.
        await self._shell.caller()
        return await batch.perform(self, self._shell.commit, request, context)

    async def Calls(self, request_iterator: Any, context: Any) -> Any:
        def perform(call: pb.BatchCall) -> Awaitable[pb.BatchOutcome]:
            return batch.outcome(self, call, context)

        async for outcome in self.streams.answer(request_iterator, perform):
            failpoint.hit("servicer.calls.before_ack")
            yield outcome
            failpoint.hit("servicer.calls.after_ack")

    async def CallPort(self, request: pb.Empty, _: Any) -> pb.CallPortReply:
        return pb.CallPortReply(port=self.port.port)

    async def SetReplication(self, request: pb.SetReplicationRequest, _: Any) -> pb.Empty:
        await self._shell.perform(
            lambda core: core.set_replication(
                request.path, request.replication, request_id=request.request_id
            )
        )
        return pb.Empty()

    async def SetMode(self, request: pb.SetModeRequest, _: Any) -> pb.Empty:
        await self._shell.perform(
            lambda core: core.attributes.set_mode(
                request.path, request.mode, request_id=request.request_id
            )
        )
        return pb.Empty()

    async def SetOwner(self, request: pb.SetOwnerRequest, _: Any) -> pb.Empty:
        await self._shell.perform(
            lambda core: core.attributes.set_owner(
                request.path,
                owner=request.owner,
                group=request.group,
                request_id=request.request_id,
            )
        )
        return pb.Empty()

    async def SetTimes(self, request: pb.SetTimesRequest, _: Any) -> pb.Empty:
        await self._shell.perform(
            lambda core: core.attributes.set_times(
                request.path,
                modified_at_s=_given(request, "modified_at_s"),
                accessed_at_s=_given(request, "accessed_at_s"),
                request_id=request.request_id,
            )
        )
        return pb.Empty()

    async def Summarise(self, request: pb.PathRequest, _: Any) -> pb.SummaryReply:
        walk = await self._shell.perform(lambda core: core.walk(request.path))
        summary = await self._shell.in_slices(lambda core: core.walk_on(walk))
        return pb.SummaryReply(
            directories=summary.directories,
            files=summary.files,
            bytes=summary.bytes,
            replicated_bytes=summary.replicated_bytes,
        )

    async def ReportBadReplica(self, request: pb.ReportBadReplicaRequest, _: Any) -> pb.Empty:
        block = block_from_wire(request.block)
        await self._shell.perform(
            lambda core: core.report_bad_replica(
                block, request.node_id, request.reason, now=self._shell.now
            )
        )
        return pb.Empty()
