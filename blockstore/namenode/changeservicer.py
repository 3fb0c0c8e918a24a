"""The calls that change closed files, and those about leases: a part of the clients' servicer."""

from typing import Any

from blockstore.codec import lease_to_wire, located_to_wire, status_to_wire
from blockstore.namenode.leaselist import LeaseLook
from blockstore.namenode.shell import Shell
from blockstore.wire import namenode_pb2 as pb
from blockstore.wire import namenode_pb2_grpc as services


class FileChangeServicer(services.NameNodeServicer):
    """Translates, calls `core.changes`, translates."""

    _shell: Shell

    async def Append(self, request: pb.AppendRequest, _: Any) -> pb.AppendReply:
        appended = await self._shell.perform(
            lambda core: core.changes.append(
                request.path,
                client_id=request.client_id,
                request_id=request.request_id,
                now=self._shell.now,
                wall=self._shell.wall,
            )
        )
        last = located_to_wire(appended.last) if appended.last is not None else None
        return pb.AppendReply(status=status_to_wire(appended.status), last=last)

    async def ReleaseLease(self, request: pb.ReleaseLeaseRequest, _: Any) -> pb.Empty:
        await self._shell.perform(
            lambda core: core.changes.release_lease(
                request.inode_id,
                client_id=request.client_id,
                discard=request.discard,
                now=self._shell.now,
                wall=self._shell.wall,
            )
        )
        return pb.Empty()

    async def Truncate(self, request: pb.TruncateRequest, _: Any) -> pb.CompleteReply:
        completion = await self._shell.perform(
            lambda core: core.changes.truncate(
                request.path,
                request.length,
                request_id=request.request_id,
                now=self._shell.now,
                wall=self._shell.wall,
            )
        )
        return pb.CompleteReply(done=completion.done, waiting_for=completion.waiting_for)

    async def Concat(self, request: pb.ConcatRequest, _: Any) -> pb.Empty:
        await self._shell.perform(
            lambda core: core.changes.concat(
                request.target,
                tuple(request.sources),
                request_id=request.request_id,
                now=self._shell.now,
                wall=self._shell.wall,
            )
        )
        return pb.Empty()

    async def Leases(self, request: pb.LeasesRequest, _: Any) -> pb.LeasesReply:
        look = LeaseLook()
        page = await self._shell.until_finished(
            lambda core: core.changes.leases(
                request.path,
                start_after=request.start_after,
                limit=request.limit,
                look=look,
                now=self._shell.now,
            )
        )
        return pb.LeasesReply(
            leases=[lease_to_wire(lease) for lease in page.leases], has_more=page.has_more
        )
