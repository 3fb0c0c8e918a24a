"""What is said of an attempt to the JobTracker, made of what its process has said."""

from dataclasses import replace

from mapred.model import (
    AttemptDone,
    AttemptId,
    Failure,
    FailureKind,
    MapOutput,
    Progress,
    RecordAt,
    TrackerInfo,
)
from mapred.task.messages import TaskDone, TaskFailed
from mapred.tasktracker.stacks import stuck_stack
from mapred.tasktracker.work import Work


def progress_of(attempt: AttemptId, work: Work) -> Progress:
    news = work.progress
    return Progress(attempt, news.fraction, news.phase, news.status, news.counters)


def output_of(attempt: AttemptId, done: TaskDone, info: TrackerInfo) -> MapOutput | None:
    if not done.output_path:
        return None
    return MapOutput(
        attempt.index,
        attempt.number,
        info.tracker_id,
        info.host,
        info.port,
        done.output_path,
        done.output_bytes,
    )


def done_event(
    attempt: AttemptId, done: TaskDone, output: MapOutput | None, took_s: float | None
) -> AttemptDone:
    return AttemptDone(
        attempt,
        done.counters,
        output,
        done.temporary_uri,
        done.final_name,
        done.further,
        took_s=took_s,
    )


def failure_said(failed: TaskFailed, reason: str, host: str) -> Failure:
    return Failure(
        failed.kind,
        reason,
        failed.traceback,
        failed.input_uri,
        failed.offset,
        failed.sample,
        host,
    )


def failure_of_gone(
    work: Work, how: str, last_words: str, record: RecordAt | None, host: str
) -> Failure:
    """Of an attempt whose process has ended without a report."""
    failure = work.ending or Failure(FailureKind.FAILED, f"the task process died: {how}", host=host)
    if failure.kind is FailureKind.KILLED:
        return failure
    words = stuck_stack(last_words) if work.ending else last_words
    return replace(failure, traceback=failure.traceback or words, record=record)
