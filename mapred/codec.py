"""Between the wire's messages and the model's nouns; nothing else knows both."""

from collections.abc import Iterable

from mapred.errors import ParamError
from mapred.model import (
    DEFAULT_POOL,
    AttemptId,
    Counters,
    Failure,
    FailureKind,
    JobSpec,
    JobState,
    JobStatus,
    MapOutput,
    PoolStatus,
    Priority,
    Progress,
    RecordAt,
    Split,
    TaskId,
    TaskKind,
    TrackerInfo,
    TrackerStatus,
)
from mapred.wire import jobtracker_pb2, types_pb2

_KINDS = {
    TaskKind.MAP: types_pb2.MAP,
    TaskKind.REDUCE: types_pb2.REDUCE,
    TaskKind.SERVICE: types_pb2.SERVICE,
}
_LETTERS = {number: kind.value for kind, number in _KINDS.items()}
_FAILURES = {
    FailureKind.FAILED: types_pb2.Failure.FAILED,
    FailureKind.KILLED: types_pb2.Failure.KILLED,
    FailureKind.LOST: types_pb2.Failure.LOST,
    FailureKind.FATAL: types_pb2.Failure.FATAL,
    FailureKind.UNFIT: types_pb2.Failure.UNFIT,
    FailureKind.RECORD: types_pb2.Failure.RECORD,
}
_FAILURE_KINDS = {number: kind for kind, number in _FAILURES.items()}
_STATES = {
    JobState.RUNNING: types_pb2.RUNNING,
    JobState.COMMITTING: types_pb2.COMMITTING,
    JobState.SUCCEEDED: types_pb2.SUCCEEDED,
    JobState.FAILED: types_pb2.FAILED_JOB,
    JobState.KILLED: types_pb2.KILLED_JOB,
}
_PRIORITIES = {
    Priority.VERY_LOW: types_pb2.PRIORITY_VERY_LOW,
    Priority.LOW: types_pb2.PRIORITY_LOW,
    Priority.NORMAL: types_pb2.PRIORITY_NORMAL,
    Priority.HIGH: types_pb2.PRIORITY_HIGH,
    Priority.VERY_HIGH: types_pb2.PRIORITY_VERY_HIGH,
}
_PRIORITIES_BY_NUMBER = {number: priority for priority, number in _PRIORITIES.items()}
_JOB_STATES = {number: state for state, number in _STATES.items()}


# --- shared nouns ----------------------------------------------------------------------


def priority_to_wire(priority: Priority) -> types_pb2.Priority.ValueType:
    return _PRIORITIES[priority]


def priority_from_wire(wire: types_pb2.Priority.ValueType) -> Priority:
    """One that isn't known here comes from a newer client: normal."""
    return _PRIORITIES_BY_NUMBER.get(wire, Priority.NORMAL)


def priority_wished(wire: types_pb2.Priority.ValueType) -> Priority:
    """Of who wants to change one.

    Raises:
        ParamError: it isn't known here, and another would be wrong.
    """
    if wire not in _PRIORITIES_BY_NUMBER:
        raise ParamError(f"priority {wire} isn't known to this JobTracker: update it first")
    return _PRIORITIES_BY_NUMBER[wire]


def attempt_to_wire(attempt: AttemptId) -> types_pb2.AttemptId:
    return types_pb2.AttemptId(
        job_id=attempt.job_id,
        kind=_KINDS[attempt.kind],
        index=attempt.index,
        number=attempt.number,
    )


def attempt_from_wire(wire: types_pb2.AttemptId) -> AttemptId:
    return AttemptId(TaskId(wire.job_id, _LETTERS[wire.kind], wire.index), wire.number)


def counters_to_wire(counters: Counters) -> list[types_pb2.Counter]:
    return [
        types_pb2.Counter(group=group, name=name, value=value)
        for (group, name), value in sorted(counters.items())
    ]


def counters_from_wire(wire: Iterable[types_pb2.Counter]) -> dict[tuple[str, str], int]:
    return {(counter.group, counter.name): counter.value for counter in wire}


def split_to_wire(split: Split) -> types_pb2.Split:
    return types_pb2.Split(
        uri=split.uri,
        start=split.start,
        length=split.length,
        hosts=split.hosts,
        format=split.format,
        input=split.input,
        parts=[split_to_wire(part) for part in split.parts],
        racks=split.racks,
    )


def split_from_wire(wire: types_pb2.Split) -> Split:
    return Split(
        wire.uri,
        wire.start,
        wire.length,
        tuple(wire.hosts),
        wire.format,
        wire.input,
        tuple(split_from_wire(part) for part in wire.parts),
        tuple(wire.racks),
    )


def spec_to_wire(spec: JobSpec) -> types_pb2.JobSpec:
    return types_pb2.JobSpec(
        name=spec.name,
        user=spec.user,
        code_sha256=spec.code_sha256,
        code_uri=spec.code_uri,
        module=spec.module,
        job_class=spec.job_class,
        params_json=spec.params_json,
        splits=[split_to_wire(split) for split in spec.splits],
        reducers=spec.reducers,
        output_uri=spec.output_uri,
        output_format=spec.output_format,
        attempts_max=spec.attempts_max,
        slowstart=spec.slowstart,
        memory_bytes=spec.memory_bytes,
        stall_s=spec.stall_s,
        python_version=spec.python_version,
        engine_version=spec.engine_version,
        settings=dict(spec.settings),
        pool=spec.pool,
        priority=priority_to_wire(spec.priority),
        task_memory_bytes=spec.task_memory_bytes,
        task_cpus=spec.task_cpus,
        services=spec.services,
    )


def spec_from_wire(wire: types_pb2.JobSpec) -> JobSpec:
    return JobSpec(
        name=wire.name,
        user=wire.user,
        code_sha256=wire.code_sha256,
        code_uri=wire.code_uri,
        module=wire.module,
        job_class=wire.job_class,
        splits=tuple(split_from_wire(split) for split in wire.splits),
        reducers=wire.reducers,
        output_uri=wire.output_uri,
        output_format=wire.output_format,
        params_json=wire.params_json,
        attempts_max=wire.attempts_max,
        slowstart=wire.slowstart,
        memory_bytes=wire.memory_bytes,
        stall_s=wire.stall_s,
        python_version=wire.python_version,
        engine_version=wire.engine_version,
        settings=dict(wire.settings),
        pool=wire.pool or DEFAULT_POOL,
        priority=priority_from_wire(wire.priority),
        task_memory_bytes=wire.task_memory_bytes,
        task_cpus=wire.task_cpus or 1,
        services=wire.services,
    )


def output_to_wire(output: MapOutput) -> types_pb2.MapOutput:
    return types_pb2.MapOutput(
        map_index=output.map_index,
        attempt_number=output.attempt_number,
        tracker_id=output.tracker_id,
        host=output.host,
        port=output.port,
        path=output.path,
        bytes=output.bytes,
    )


def output_from_wire(wire: types_pb2.MapOutput) -> MapOutput:
    return MapOutput(
        wire.map_index,
        wire.attempt_number,
        wire.tracker_id,
        wire.host,
        wire.port,
        wire.path,
        wire.bytes,
    )


def failure_to_wire(failure: Failure) -> types_pb2.Failure:
    return types_pb2.Failure(
        kind=_FAILURES[failure.kind],
        reason=failure.reason,
        traceback=failure.traceback,
        input_uri=failure.input_uri,
        offset=failure.offset,
        sample=failure.sample,
        host=failure.host,
        peak_bytes=failure.peak_bytes,
        record=record_to_wire(failure.record) if failure.record else None,
        story=failure.story,
    )


def record_to_wire(record: RecordAt) -> types_pb2.RecordAt:
    return types_pb2.RecordAt(file=record[0], record=record[1])


def record_from_wire(wire: types_pb2.RecordAt) -> RecordAt:
    return wire.file, wire.record


def failure_from_wire(wire: types_pb2.Failure) -> Failure:
    return Failure(
        _FAILURE_KINDS[wire.kind],
        wire.reason,
        wire.traceback,
        wire.input_uri,
        wire.offset,
        wire.sample,
        wire.host,
        wire.peak_bytes,
        record_from_wire(wire.record) if wire.HasField("record") else None,
        tuple(wire.story),
    )


def progress_to_wire(progress: Progress) -> types_pb2.Progress:
    return types_pb2.Progress(
        attempt=attempt_to_wire(progress.attempt),
        fraction=progress.fraction,
        phase=progress.phase,
        status=progress.status,
        counters=counters_to_wire(progress.counters),
    )


def progress_from_wire(wire: types_pb2.Progress) -> Progress:
    return Progress(
        attempt_from_wire(wire.attempt),
        wire.fraction,
        wire.phase,
        wire.status,
        counters_from_wire(wire.counters),
    )


# --- clients ---------------------------------------------------------------------------


def status_to_wire(status: JobStatus) -> types_pb2.JobStatus:
    return types_pb2.JobStatus(
        job_id=status.job_id,
        name=status.name,
        user=status.user,
        state=_STATES[status.state],
        map_progress=status.map_progress,
        reduce_progress=status.reduce_progress,
        maps=status.maps,
        maps_done=status.maps_done,
        reduces=status.reduces,
        reduces_done=status.reduces_done,
        submitted_at_s=status.submitted_at_s,
        finished_at_s=status.finished_at_s,
        failures=[failure_to_wire(failure) for failure in status.failures],
        counters=counters_to_wire(status.counters),
        output_uri=status.output_uri,
        output_files=status.output_files,
        attempts_failed=status.attempts_failed,
        attempts_killed=status.attempts_killed,
        attempts_running=status.attempts_running,
        waiting_for=status.waiting_for,
        notification=status.notification,
        pool=status.pool,
        priority=priority_to_wire(status.priority),
    )


def status_from_wire(wire: types_pb2.JobStatus) -> JobStatus:
    return JobStatus(
        job_id=wire.job_id,
        name=wire.name,
        user=wire.user,
        state=_JOB_STATES[wire.state],
        map_progress=wire.map_progress,
        reduce_progress=wire.reduce_progress,
        maps=wire.maps,
        maps_done=wire.maps_done,
        reduces=wire.reduces,
        reduces_done=wire.reduces_done,
        submitted_at_s=wire.submitted_at_s,
        finished_at_s=wire.finished_at_s,
        output_uri=wire.output_uri,
        failures=tuple(failure_from_wire(failure) for failure in wire.failures),
        counters=counters_from_wire(wire.counters),
        output_files=tuple(wire.output_files),
        attempts_failed=wire.attempts_failed,
        attempts_killed=wire.attempts_killed,
        attempts_running=wire.attempts_running,
        waiting_for=wire.waiting_for,
        notification=wire.notification,
        pool=wire.pool or DEFAULT_POOL,
        priority=priority_from_wire(wire.priority),
    )


def tracker_status_to_wire(status: TrackerStatus) -> jobtracker_pb2.TrackerStatus:
    return jobtracker_pb2.TrackerStatus(
        tracker_id=status.info.tracker_id,
        host=status.info.host,
        port=status.info.port,
        state=status.state,
        heard_s_ago=status.heard_s_ago,
        map_slots=status.info.map_slots,
        reduce_slots=status.info.reduce_slots,
        maps_running=status.maps_running,
        reduces_running=status.reduces_running,
        reason=status.reason,
        memory_bytes=status.info.memory_bytes,
        service_slots=status.info.service_slots,
        refuses=status.info.refuses,
    )


def tracker_status_from_wire(wire: jobtracker_pb2.TrackerStatus) -> TrackerStatus:
    info = TrackerInfo(
        *(wire.tracker_id, 0, wire.host, wire.port, wire.map_slots, wire.reduce_slots),
        memory_bytes=wire.memory_bytes,
        service_slots=wire.service_slots,
        refuses=wire.refuses,
    )
    return TrackerStatus(
        info,
        wire.state,
        wire.heard_s_ago,
        wire.maps_running,
        wire.reduces_running,
        wire.reason,
    )


def pool_to_wire(pool: PoolStatus) -> jobtracker_pb2.PoolStatus:
    return jobtracker_pb2.PoolStatus(
        name=pool.name,
        weight=pool.weight,
        min_maps=pool.min_maps,
        min_reduces=pool.min_reduces,
        order=pool.order,
        jobs_running=pool.jobs_running,
        maps_running=pool.maps_running,
        reduces_running=pool.reduces_running,
        maps_waiting=pool.maps_waiting,
        reduces_waiting=pool.reduces_waiting,
    )


def pool_from_wire(wire: jobtracker_pb2.PoolStatus) -> PoolStatus:
    return PoolStatus(
        wire.name,
        wire.weight,
        wire.min_maps,
        wire.min_reduces,
        wire.order,
        wire.jobs_running,
        wire.maps_running,
        wire.reduces_running,
        wire.maps_waiting,
        wire.reduces_waiting,
    )
