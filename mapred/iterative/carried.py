"""What goes from round to round of a loop that carries its records on (`IterativeJob.carries`).

    placement  if the loop has one: a job, whose reducers' files     (placed.py)
               the tasks of all that follows read
    opening    maps read the input, or what a checkpoint has saved   → outputs, by partition
    round n    a task a partition: fetches it from all outputs of the round before, reduces,
               maps what that yields                                 → outputs, by partition
    the end    a task a partition: fetches and reduces once more, into the loop's output

A round is one wave of tasks, and a job without reducers. What its tasks leave is as a map's output
(mapred/shuffle/segments.py), but outlives the job on its tracker's disk; where it is goes to the
driver, first in the task's part file, and from there to the next round's tasks. When one of them is
lost, so is the round: the driver goes back to the last checkpoint.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mapred.iterative.broadcast import Receiver, Sent
from mapred.iterative.status import CARRIED
from mapred.model import FailureKind, JobStatus, MapOutput, TrackerInfo, TrackerStatus

# Begins the reason of a failure that isn't the user's.
LOST: Final = "what the round before carried on is lost"
# As the JobTracker calls a tracker that it has given up.
_DEAD: Final = "dead"


class CarriedLostError(Exception):
    """Some of it is on no tracker that answers."""


@dataclass(frozen=True, slots=True)
class Left:
    """What one task has left, and where."""

    tracker_id: str
    job_id: str
    attempt_number: int
    path: str
    bytes: int


@dataclass(frozen=True, slots=True)
class CarrySettings:
    """What the tasks of a wave know; travels in `JobSpec.settings`."""

    partitions: int
    # Where the outputs of the wave before are; None: this one opens, and reads splits, which are
    # the input or, if it `restores`, what a checkpoint has saved.
    sources: Sent | None = None
    restores: bool = False
    # What is reduced is also written, for a checkpoint.
    saves: bool = False
    # What is reduced is the loop's output, and goes no further.
    ends: bool = False
    # Where the files of the loop's placement are, one a partition; "": it has none.
    placed_uri: str = ""

    def settings(self) -> dict[str, str]:
        where = self.sources
        sources = where and [where.uri, where.sha256, where.inline, where.chunks]
        flags = [self.restores, self.saves, self.ends]
        what = [self.partitions, sources, *flags, self.placed_uri]
        return {CARRIED: json.dumps(what)}


def carry_settings(settings: Mapping[str, str]) -> CarrySettings:
    partitions, sources, *rest = json.loads(settings[CARRIED])
    if sources:
        uri, sha256, inline, chunks = sources
        sources = Sent(uri, sha256, inline, chunks=chunks)
    return CarrySettings(partitions, sources, *rest)


class Addresses:
    """Where trackers are. One that the JobTracker doesn't know (yet: it has begun anew) is where it
    was."""

    def __init__(self) -> None:
        self._known: dict[str, TrackerInfo] = {}

    def heard(self, trackers: Sequence[TrackerStatus]) -> None:
        for one in trackers:
            if one.state == _DEAD:
                self._known.pop(one.info.tracker_id, None)
            else:
                self._known[one.info.tracker_id] = one.info

    def of(self, left: Sequence[Left]) -> list[TrackerInfo]:
        """Of each, who has it.

        Raises:
            CarriedLostError: a tracker that has some of it is gone.
        """
        for one in left:
            if one.tracker_id not in self._known:
                raise CarriedLostError(f"{LOST}: tracker {one.tracker_id}, which has part, is gone")
        return [self._known[one.tracker_id] for one in left]


def to_be_found(left: Sequence[Left], at: Sequence[TrackerInfo]) -> dict[str, Any]:
    """How the next wave finds it: a value that can be sent as a state."""
    outputs = [
        (number, one.attempt_number, one.tracker_id, info.host, info.port, one.path, one.bytes)
        for number, (one, info) in enumerate(zip(left, at, strict=True))
    ]
    return {"job_id": left[0].job_id, "outputs": outputs}


def found(sent: Sent) -> tuple[str, tuple[MapOutput, ...]]:
    """In a task: whose outputs, and where they are."""
    value = _RECEIVER.receive(sent)
    outputs = tuple(
        MapOutput(number, attempt, tracker_id, host, port, path, size)
        for number, attempt, tracker_id, host, port, path, size in value["outputs"]
    )
    return value["job_id"], outputs


def is_lost(status: JobStatus) -> bool:
    """Whether a round has failed only for want of what was carried."""
    return any(
        failure.kind is FailureKind.FATAL and failure.reason.startswith(LOST)
        for failure in status.failures
    )


# One a task process, beside that of the states.
_RECEIVER: Final = Receiver()
