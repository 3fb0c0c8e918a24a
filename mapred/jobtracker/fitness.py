"""Which trackers can run a job at all, and why none can. Pure."""

from collections.abc import Collection, Iterable

from mapred.model import Failure, JobSpec, TrackerInfo


def fits(spec: JobSpec, info: TrackerInfo) -> bool:
    """Whether a task process there can import what the client packed, and has the memory."""
    return _same_versions(spec, info) and _large_enough(spec, info)


def why_none_fits(spec: JobSpec, infos: Collection[TrackerInfo]) -> str:
    """In words for the job's user; empty when one fits, or there is none."""
    if not infos or any(fits(spec, info) for info in infos):
        return ""
    able = [info for info in infos if _same_versions(spec, info)]
    if able:
        most = max(info.memory_bytes for info in able)
        return (
            f"a task of {spec.name} wants {spec.task_memory_bytes:,} bytes of memory "
            f"(task_memory_bytes); the largest TaskTracker has {most:,}"
        )
    versions = {f"Python {info.python_version}, mapred {info.engine_version}" for info in infos}
    return (
        f"this client has Python {spec.python_version}, mapred {spec.engine_version}; "
        f"the TaskTrackers have {'; '.join(sorted(versions))}: install the same versions"
    )


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
