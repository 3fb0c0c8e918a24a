"""What administrators ask: gRPC to core and back."""

from dataclasses import replace
from typing import Any, Final

from blockstore.admincodec import (
    balancer_to_wire,
    fsck_to_wire,
    node_report_to_wire,
    report_to_wire,
    safe_mode_to_wire,
    why_to_wire,
)
from blockstore.namenode.callport import CallPort
from blockstore.namenode.leavetaking import LeaveLook
from blockstore.namenode.roster import Duty
from blockstore.namenode.shell import Shell
from blockstore.wire import namenode_pb2 as pb

_SAFE_MODE: Final = {
    pb.SafeModeRequest.GET: None,
    pb.SafeModeRequest.ENTER: True,
    pb.SafeModeRequest.LEAVE: False,
}
_DUTIES: Final = {
    pb.AssignDutyRequest.SERVE: Duty.SERVE,
    pb.AssignDutyRequest.LEAVE: Duty.LEAVE,
    pb.AssignDutyRequest.REST: Duty.REST,
}


class AdminServicer:
    """The part of the NameNode service that operates a cluster."""

    _shell: Shell
    port: CallPort

    async def Report(self, _request: pb.Empty, _: Any) -> pb.ClusterReport:
        found = await self._shell.perform(lambda core: core.report(now=self._shell.now))
        return report_to_wire(replace(found, call_port=max(0, self.port.port)))

    async def SafeMode(self, request: pb.SafeModeRequest, _: Any) -> pb.SafeModeReply:
        enter = _SAFE_MODE[request.action]
        return safe_mode_to_wire(await self._shell.perform(lambda core: core.safe_mode(enter)))

    async def SafeModeWhy(self, _request: pb.Empty, _: Any) -> pb.SafeModeWhyReply:
        return why_to_wire(
            await self._shell.perform(lambda core: core.admin.why(now=self._shell.now))
        )

    async def Fsck(self, request: pb.FsckRequest, _: Any) -> pb.FsckReply:
        return fsck_to_wire(
            await self._shell.perform(
                lambda core: core.admin.fsck_page(request.path, request.after, now=self._shell.now)
            )
        )

    async def AssignDuty(self, request: pb.AssignDutyRequest, _: Any) -> pb.AssignDutyReply:
        look = LeaveLook()
        reports = await self._shell.until_finished(
            lambda core: core.admin.assign(
                tuple(request.nodes),
                _DUTIES[request.duty],
                look=look,
                for_s=request.for_s,
                force=request.force,
                now=self._shell.now,
                wall=self._shell.wall,
            )
        )
        return pb.AssignDutyReply(nodes=[node_report_to_wire(report) for report in reports])

    async def ForgetNode(self, request: pb.ForgetNodeRequest, _: Any) -> pb.Empty:
        await self._shell.perform(lambda core: core.admin.forget(request.node, now=self._shell.now))
        return pb.Empty()

    async def Balancer(self, request: pb.BalancerRequest, _: Any) -> pb.BalancerReply:
        now = self._shell.now
        if request.action == pb.BalancerRequest.START:
            status = await self._shell.perform(
                lambda core: core.admin.start_balancer(
                    threshold=request.threshold, bytes_per_s=request.bytes_per_s, now=now
                )
            )
        elif request.action == pb.BalancerRequest.STOP:
            status = await self._shell.perform(lambda core: core.admin.stop_balancer(now=now))
        else:
            status = await self._shell.perform(lambda core: core.admin.balancer(now=now))
        return balancer_to_wire(status)
