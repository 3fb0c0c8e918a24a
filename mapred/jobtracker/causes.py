"""Which of a job's failures tell why it failed."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from mapred.model import Failure, FailureKind

# What a client shows of a failed job; the first ones tell the cause.
SHOWN_MAX: Final = 10


def ranked(failures: Sequence[Failure], decisive: Failure | None) -> tuple[Failure, ...]:
    """Most probable cause first: what ended the job, then fatal ones, then exceptions of
    user code, then whatever happened most often; each reason once."""
    often = Counter(failure.reason for failure in failures)

    def rank(failure: Failure) -> tuple[bool, bool, bool, int]:
        return (
            failure is not decisive,
            failure.kind is not FailureKind.FATAL,
            not failure.traceback,
            -often[failure.reason],
        )

    once: dict[str, Failure] = {}
    for failure in sorted(failures, key=rank):
        once.setdefault(failure.reason, failure)
    return tuple(once.values())[:SHOWN_MAX]
