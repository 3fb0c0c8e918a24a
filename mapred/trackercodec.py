"""Between the wire's messages of trackers and the nouns of mapred/tracking.py."""

from collections import OrderedDict
from typing import Final

from mapred.codec import (
    attempt_from_wire,
    attempt_to_wire,
    counters_from_wire,
    counters_to_wire,
    failure_from_wire,
    failure_to_wire,
    output_from_wire,
    output_to_wire,
    progress_from_wire,
    progress_to_wire,
    record_from_wire,
    record_to_wire,
    spec_from_wire,
    spec_to_wire,
    split_from_wire,
    split_to_wire,
)
from mapred.model import (
    AttemptDone,
    AttemptFailed,
    FetchFailed,
    ForgetJob,
    JobSpec,
    KillAttempt,
    Launch,
    OutputsReady,
    TrackerEvent,
    TrackerInfo,
    TrackerOrder,
)
from mapred.tracking import Heartbeat, HeartbeatReply, HeldOutput, Registered, Registration
from mapred.wire import jobtracker_pb2, types_pb2

# Jobs that launch at the same time; a spec without its splits has some hundred bytes.
SPECS_KEPT: Final = 64


def registration_to_wire(registration: Registration) -> jobtracker_pb2.RegisterTrackerRequest:
    info = registration.info
    return jobtracker_pb2.RegisterTrackerRequest(
        tracker_id=info.tracker_id,
        incarnation=info.incarnation,
        host=info.host,
        port=info.port,
        host_aliases=info.host_aliases,
        map_slots=info.map_slots,
        reduce_slots=info.reduce_slots,
        running=[attempt_to_wire(attempt) for attempt in registration.attempts],
        held=[
            jobtracker_pb2.HeldOutput(
                attempt=attempt_to_wire(held.attempt), output=output_to_wire(held.output)
            )
            for held in registration.held
        ],
        python_version=info.python_version,
        engine_version=info.engine_version,
        memory_bytes=info.memory_bytes,
        bad_directories=info.bad_directories,
        refuses=info.refuses,
        rack=info.rack,
        service_slots=info.service_slots,
    )


def registration_from_wire(wire: jobtracker_pb2.RegisterTrackerRequest) -> Registration:
    info = TrackerInfo(
        wire.tracker_id,
        wire.incarnation,
        wire.host,
        wire.port,
        wire.map_slots,
        wire.reduce_slots,
        tuple(wire.host_aliases),
        wire.python_version,
        wire.engine_version,
        wire.memory_bytes,
        tuple(wire.bad_directories),
        wire.refuses,
        wire.rack,
        wire.service_slots,
    )
    held = tuple(
        HeldOutput(attempt_from_wire(one.attempt), output_from_wire(one.output))
        for one in wire.held
    )
    return Registration(info, tuple(attempt_from_wire(one) for one in wire.running), held)


def registered_to_wire(registered: Registered) -> jobtracker_pb2.RegisterTrackerReply:
    return jobtracker_pb2.RegisterTrackerReply(
        epoch=registered.epoch, heartbeat_interval_s=registered.heartbeat_interval_s
    )


def registered_from_wire(wire: jobtracker_pb2.RegisterTrackerReply) -> Registered:
    return Registered(wire.epoch, wire.heartbeat_interval_s)


def heartbeat_to_wire(heartbeat: Heartbeat) -> jobtracker_pb2.TrackerHeartbeat:
    return jobtracker_pb2.TrackerHeartbeat(
        tracker_id=heartbeat.tracker_id,
        incarnation=heartbeat.incarnation,
        epoch=heartbeat.epoch,
        orders_seen=heartbeat.orders_seen,
        events=[event_to_wire(seq, event) for seq, event in heartbeat.events],
        progress=[progress_to_wire(progress) for progress in heartbeat.progress],
        running=[attempt_to_wire(attempt) for attempt in heartbeat.running],
    )


def heartbeat_from_wire(wire: jobtracker_pb2.TrackerHeartbeat) -> Heartbeat:
    return Heartbeat(
        wire.tracker_id,
        wire.incarnation,
        wire.epoch,
        wire.orders_seen,
        tuple(event_from_wire(event) for event in wire.events),
        tuple(progress_from_wire(progress) for progress in wire.progress),
        tuple(attempt_from_wire(attempt) for attempt in wire.running),
    )


def event_to_wire(seq: int, event: TrackerEvent) -> jobtracker_pb2.TrackerEvent:
    wire = jobtracker_pb2.TrackerEvent(seq=seq)
    match event:
        case AttemptDone():
            wire.done.attempt.CopyFrom(attempt_to_wire(event.attempt))
            wire.done.counters.extend(counters_to_wire(event.counters))
            if event.output is not None:
                wire.done.output.CopyFrom(output_to_wire(event.output))
            wire.done.temporary_uri = event.temporary_uri
            wire.done.final_name = event.final_name
            wire.done.further.extend(event.further)
            if event.took_s is not None:
                wire.done.took_s = event.took_s
        case AttemptFailed(attempt, failure):
            wire.failed.attempt.CopyFrom(attempt_to_wire(attempt))
            wire.failed.failure.CopyFrom(failure_to_wire(failure))
        case FetchFailed():
            wire.fetch_failed.reduce.CopyFrom(attempt_to_wire(event.reduce))
            wire.fetch_failed.map_index = event.map_index
            wire.fetch_failed.map_attempt_number = event.map_attempt_number
            wire.fetch_failed.reason = event.reason
    return wire


def event_from_wire(wire: jobtracker_pb2.TrackerEvent) -> tuple[int, TrackerEvent]:
    event: TrackerEvent
    match wire.WhichOneof("event"):
        case "done":
            event = AttemptDone(
                attempt_from_wire(wire.done.attempt),
                counters_from_wire(wire.done.counters),
                output_from_wire(wire.done.output) if wire.done.HasField("output") else None,
                wire.done.temporary_uri,
                wire.done.final_name,
                tuple(wire.done.further),
                wire.done.took_s if wire.done.HasField("took_s") else None,
            )
        case "failed":
            event = AttemptFailed(
                attempt_from_wire(wire.failed.attempt), failure_from_wire(wire.failed.failure)
            )
        case "fetch_failed":
            event = FetchFailed(
                attempt_from_wire(wire.fetch_failed.reduce),
                wire.fetch_failed.map_index,
                wire.fetch_failed.map_attempt_number,
                wire.fetch_failed.reason,
            )
        case unknown:
            raise ValueError(f"event {wire.seq} is of a kind not known here: {unknown}")
    return wire.seq, event


def reply_to_wire(reply: HeartbeatReply) -> jobtracker_pb2.TrackerOrders:
    return jobtracker_pb2.TrackerOrders(
        epoch=reply.epoch,
        register_again=reply.register_again,
        events_seen=reply.events_seen,
        orders=[order_to_wire(seq, order) for seq, order in reply.orders],
        events_taken=reply.events_taken,
    )


def reply_from_wire(wire: jobtracker_pb2.TrackerOrders) -> HeartbeatReply:
    return HeartbeatReply(
        wire.epoch,
        wire.register_again,
        wire.events_seen,
        tuple(order_from_wire(order) for order in wire.orders),
        wire.events_taken,
    )


class _Specs:
    """The last ones that were translated: every launch carries its job's."""

    def __init__(self) -> None:
        # By identity: a job has one object that goes out with all its launches.
        self._written: OrderedDict[int, tuple[JobSpec, types_pb2.JobSpec]] = OrderedDict()
        self._read: OrderedDict[bytes, JobSpec] = OrderedDict()

    def on_wire(self, spec: JobSpec) -> types_pb2.JobSpec:
        if id(spec) not in self._written:
            self._written[id(spec)] = spec, spec_to_wire(spec)
            if len(self._written) > SPECS_KEPT:
                self._written.popitem(last=False)
        return self._written[id(spec)][1]

    def read(self, wire: types_pb2.JobSpec) -> JobSpec:
        data = wire.SerializeToString(deterministic=True)
        if data not in self._read:
            self._read[data] = spec_from_wire(wire)
            if len(self._read) > SPECS_KEPT:
                self._read.popitem(last=False)
        return self._read[data]


_SPECS = _Specs()


def order_to_wire(seq: int, order: TrackerOrder) -> jobtracker_pb2.TrackerOrder:
    wire = jobtracker_pb2.TrackerOrder(seq=seq)
    match order:
        case Launch():
            wire.launch.attempt.CopyFrom(attempt_to_wire(order.attempt))
            wire.launch.spec.CopyFrom(_SPECS.on_wire(order.spec))
            if order.split is not None:
                wire.launch.split.CopyFrom(split_to_wire(order.split))
            wire.launch.maps = order.maps
            wire.launch.memory_limit_bytes = order.memory_limit_bytes
            wire.launch.knows = order.knows
            if order.careful is not None:
                wire.launch.careful = True
                wire.launch.skips.extend(record_to_wire(one) for one in order.careful)
            wire.launch.outputs.extend(output_to_wire(output) for output in order.outputs)
        case KillAttempt(attempt, reason):
            wire.kill.attempt.CopyFrom(attempt_to_wire(attempt))
            wire.kill.reason = reason
        case OutputsReady(job_id, outputs):
            wire.outputs.job_id = job_id
            wire.outputs.outputs.extend(output_to_wire(output) for output in outputs)
        case ForgetJob(job_id):
            wire.forget.job_id = job_id
    return wire


def order_from_wire(wire: jobtracker_pb2.TrackerOrder) -> tuple[int, TrackerOrder]:
    order: TrackerOrder
    match wire.WhichOneof("order"):
        case "launch":
            launch = wire.launch
            order = Launch(
                attempt_from_wire(launch.attempt),
                _SPECS.read(launch.spec),
                split_from_wire(launch.split) if launch.HasField("split") else None,
                launch.maps,
                tuple(output_from_wire(output) for output in launch.outputs),
                launch.memory_limit_bytes,
                tuple(record_from_wire(one) for one in launch.skips) if launch.careful else None,
                launch.knows,
            )
        case "kill":
            order = KillAttempt(attempt_from_wire(wire.kill.attempt), wire.kill.reason)
        case "outputs":
            outputs = tuple(output_from_wire(output) for output in wire.outputs.outputs)
            order = OutputsReady(wire.outputs.job_id, outputs)
        case "forget":
            order = ForgetJob(wire.forget.job_id)
        case unknown:
            raise ValueError(f"order {wire.seq} is of a kind not known here: {unknown}")
    return wire.seq, order
