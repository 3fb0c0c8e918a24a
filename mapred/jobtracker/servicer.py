"""gRPC ↔ the desk: translate, call, translate."""

import asyncio
from typing import Any

from mapred import codec, trackercodec
from mapred.jobtracker.opening import Opening
from mapred.jobtracker.stories import encode_story
from mapred.wire import jobtracker_pb2 as pb
from mapred.wire import jobtracker_pb2_grpc


class JobTrackerServicer(jobtracker_pb2_grpc.JobTrackerServicer):
    """What clients ask."""

    def __init__(self, opening: Opening, namenode: str, instance: str = "") -> None:
        self._opening = opening
        self._namenode = namenode
        self._instance = instance

    async def Submit(self, request: pb.SubmitRequest, _: Any) -> pb.SubmitReply:
        desk = await self._opening.desk()
        job_id = await desk.submit(codec.spec_from_wire(request.spec), request.request_id)
        return pb.SubmitReply(job_id=job_id)

    async def Status(self, request: pb.StatusRequest, _: Any) -> pb.StatusReply:
        desk = await self._opening.desk()
        status, version = await desk.status(request.job_id, request.known_version, request.wait_s)
        return pb.StatusReply(status=codec.status_to_wire(status), version=version)

    async def List(self, request: pb.ListJobsRequest, _: Any) -> pb.ListJobsReply:
        desk = await self._opening.desk()
        reply = pb.ListJobsReply()
        for status in await desk.jobs():
            reply.jobs.append(codec.status_to_wire(status))
            reply.jobs[-1].ClearField("counters")
        return reply

    async def Kill(self, request: pb.KillRequest, _: Any) -> pb.KillReply:
        desk = await self._opening.desk()
        return pb.KillReply(killed=await desk.kill(request.job_id, request.reason))

    async def EndAttempt(self, request: pb.EndAttemptRequest, _: Any) -> pb.EndAttemptReply:
        desk = await self._opening.desk()
        attempt = codec.attempt_from_wire(request.attempt)
        ended = await desk.end_attempt(attempt, request.reason, fail=request.fail)
        return pb.EndAttemptReply(ended=ended)

    async def ClusterStatus(
        self, request: pb.ClusterStatusRequest, _: Any
    ) -> pb.ClusterStatusReply:
        desk = await self._opening.desk()
        trackers = [codec.tracker_status_to_wire(s) for s in await desk.trackers()]
        return pb.ClusterStatusReply(
            trackers=trackers,
            epoch=desk.core.epoch,
            namenode=self._namenode,
            instance=self._instance,
        )

    async def SetPriority(self, request: pb.SetPriorityRequest, _: Any) -> pb.SetPriorityReply:
        desk = await self._opening.desk()
        priority = codec.priority_wished(request.priority)
        return pb.SetPriorityReply(changed=await desk.set_priority(request.job_id, priority))

    async def Story(self, request: pb.StoryRequest, _: Any) -> pb.StoryReply:
        desk = await self._opening.desk()
        entries = await desk.story(request.job_id)
        # A long one takes a second, which heartbeats needn't wait for.
        return pb.StoryReply(story=await asyncio.to_thread(encode_story, entries))

    async def Pools(self, request: pb.PoolsRequest, _: Any) -> pb.PoolsReply:
        desk = await self._opening.desk()
        return pb.PoolsReply(pools=[codec.pool_to_wire(pool) for pool in await desk.pools()])

    async def DrainTracker(self, request: pb.DrainTrackerRequest, _: Any) -> pb.DrainTrackerReply:
        desk = await self._opening.desk()
        tracker_id, changed = await desk.drain(request.tracker, drained=request.drain)
        return pb.DrainTrackerReply(tracker_id=tracker_id, changed=changed)


class TrackerServicer(jobtracker_pb2_grpc.TrackerProtocolServicer):
    """What TaskTrackers say."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening

    async def Register(self, request: pb.RegisterTrackerRequest, _: Any) -> pb.RegisterTrackerReply:
        desk = await self._opening.desk()
        registered = await desk.register(trackercodec.registration_from_wire(request))
        return trackercodec.registered_to_wire(registered)

    async def Heartbeat(self, request: pb.TrackerHeartbeat, _: Any) -> pb.TrackerOrders:
        desk = await self._opening.desk()
        return trackercodec.reply_to_wire(
            await desk.heartbeat(trackercodec.heartbeat_from_wire(request))
        )
