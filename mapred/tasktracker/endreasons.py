"""Why a tracker ends or refuses an attempt, in words for the job's user."""

from mapred.model import AttemptId, Failure, FailureKind
from mapred.tasktracker.appetite import TooLarge, in_mib
from mapred.tasktracker.work import Work


def too_much_memory(one: TooLarge, host: str) -> Failure:
    reason = (
        f"{one.attempt} used {in_mib(one.used_bytes)} of memory on {host}; "
        f"{one.bound}. More: task_memory_bytes = BYTES in the Job class"
    )
    return Failure(FailureKind.FAILED, reason, host=host, peak_bytes=one.used_bytes)


def stood_still(attempt: AttemptId, work: Work, host: str) -> Failure:
    where = f" in phase '{work.progress.phase}'" if work.progress.phase else ""
    reason = (
        f"{attempt}: no progress for {work.stall_s:g} s{where} on {host}. "
        "A longer limit: stall_s = SECONDS in the Job class"
    )
    return Failure(FailureKind.FAILED, reason, host=host)


def disk_refused(root: str, why: str, host: str) -> str:
    return (
        f"local directory {root} on {host}: {why}. Make room there, or give the TaskTracker "
        "another disk (--dir, once per disk)"
    )


def directory_lost(root: str, host: str) -> Failure:
    reason = f"local directory {root} on {host} can't be used any more"
    return Failure(FailureKind.KILLED, reason, host=host)


def no_directory(troubles: tuple[str, ...], host: str) -> Failure:
    reason = f"no local directory on {host} can be used ({'; '.join(troubles)})"
    return Failure(FailureKind.KILLED, reason, host=host)
