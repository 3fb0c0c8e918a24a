"""Why a job failed, for the person who wrote it: the probable cause first.

The cause is the first failure that isn't a consequence (a lost node, a kill): what was
raised, by which lines of the job, on which record of which file.
"""

from collections.abc import Iterator
from typing import Final

from mapred.model import Failure, FailureKind, JobState, JobStatus

# Of one record: enough to recognise it.
SAMPLE_CHARS_MAX: Final = 300
OTHERS_MAX: Final = 3


def failure_report(status: JobStatus) -> str:
    """The message of a job that ended without success, or has had failures so far."""
    head = f"{status.job_id} ({status.name}) {_ending(status)}"
    if not status.failures:
        return head
    cause, *others = sorted(status.failures, key=_is_consequence)
    lines = [head, "", f"Probable cause: {cause.reason}", *_place(cause)]
    if cause.traceback:
        lines += ["", *(f"    {line}" for line in cause.traceback.rstrip().splitlines())]
    if cause.story:
        lines += ["", "What happened to its task:", *(f"  {line}" for line in cause.story)]
    distinct = dict.fromkeys(other.reason for other in others if other.reason != cause.reason)
    if distinct:
        lines += ["", "Other failures of the job:"]
        lines += [f"  {reason}" for reason in list(distinct)[:OTHERS_MAX]]
    return "\n".join(lines)


def _ending(status: JobStatus) -> str:
    if not status.state.ended:
        return "goes on after what failed"
    took = f" after {status.finished_at_s - status.submitted_at_s:.1f} s"
    if status.state is JobState.KILLED:
        return f"was killed{took}"
    attempts = f", {status.attempts_failed} failed attempts" if status.attempts_failed > 1 else ""
    return f"failed{took}{attempts}"


def _is_consequence(failure: Failure) -> bool:
    return failure.kind in (FailureKind.LOST, FailureKind.KILLED)


def _place(failure: Failure) -> Iterator[str]:
    if failure.input_uri:
        offset = f", byte {failure.offset}" if failure.offset >= 0 else ""
        yield f"  input:  {shown_uri(failure.input_uri)}{offset}"
    if failure.sample:
        cut = " …" if len(failure.sample) > SAMPLE_CHARS_MAX else ""
        yield f"  record: {failure.sample[:SAMPLE_CHARS_MAX]}{cut}"
    if failure.host:
        yield f"  host:   {failure.host}"


def shown_uri(uri: str) -> str:
    """A URI as the user would type it."""
    return uri.removeprefix("file://") if uri.startswith("file:///") else uri
