"""Which trackers can run a job at all, and why none can. Pure."""

from collections.abc import Collection, Iterable

from mapred.model import Failure, JobSpec, TaskKind, TrackerInfo

_WORDS = {TaskKind.MAP: "maps", TaskKind.REDUCE: "reduces", TaskKind.SERVICE: "services"}


def fits(spec: JobSpec, info: TrackerInfo) -> bool:
    """Whether a task process there can import what the client packed, and has memory and slots for
    tasks of some kind of the job's."""
    return (
        _same_versions(spec, info)
        and _large_enough(spec, info)
        and any(info.slots(kind) >= spec.task_cpus for kind in kinds_of(spec))
    )


def wants_of(spec: JobSpec) -> tuple[object, ...]:
    """All that `fits` asks for."""
    return (
        *(spec.python_version, spec.engine_version, spec.task_memory_bytes, spec.task_cpus),
        *kinds_of(spec),
    )


def kinds_of(spec: JobSpec) -> list[TaskKind]:
    """Of which it has tasks."""
    counts = {
        TaskKind.MAP: len(spec.splits),
        TaskKind.REDUCE: spec.reducers,
        TaskKind.SERVICE: spec.services,
    }
    return [kind for kind, count in counts.items() if count] or [TaskKind.MAP]


def why_none_fits(spec: JobSpec, infos: Collection[TrackerInfo]) -> str:
    """In words for the job's user; empty when there is one for tasks of each kind, or none at
    all."""
    if not infos:
        return ""
    able = [info for info in infos if _same_versions(spec, info)]
    if able:
        return _too_small(spec, able)
    versions = {f"Python {info.python_version}, mapred {info.engine_version}" for info in infos}
    return (
        f"this client has Python {spec.python_version}, mapred {spec.engine_version}; "
        f"the TaskTrackers have {'; '.join(sorted(versions))}: install the same versions"
    )


def _too_small(spec: JobSpec, infos: Collection[TrackerInfo]) -> str:
    large = [info for info in infos if _large_enough(spec, info)]
    if not large:
        most = max(info.memory_bytes for info in infos)
        return (
            f"a task of {spec.name} wants {spec.task_memory_bytes:,} bytes of memory "
            f"(task_memory_bytes); the largest TaskTracker has {most:,}"
        )
    for kind in kinds_of(spec):
        most = max(info.slots(kind) for info in large)
        if most < spec.task_cpus:
            return (
                f"a task of {spec.name} wants {spec.task_cpus} slots for {_WORDS[kind]} at once "
                f"(task_cpus); the largest TaskTracker for it has {most}"
            )
    return ""


def unfit_words(failures: Iterable[Failure]) -> str:
    """What trackers said that lack what a job needs, each of its machine."""
    hosts: dict[str, set[str]] = {}
    for failure in failures:
        hosts.setdefault(failure.reason, set()).add(failure.host)
    each = [f"{reason}, on {', '.join(sorted(where))}" for reason, where in hosts.items()]
    return f"no TaskTracker has what the job needs: {'; '.join(each)}. Install it there"


def _same_versions(spec: JobSpec, info: TrackerInfo) -> bool:
    return all(
        not ours or not theirs or ours == theirs
        for ours, theirs in (
            (info.python_version, spec.python_version),
            (info.engine_version, spec.engine_version),
        )
    )


def _large_enough(spec: JobSpec, info: TrackerInfo) -> bool:
    # 0: that tracker doesn't watch memory.
    return not info.memory_bytes or spec.task_memory_bytes <= info.memory_bytes
