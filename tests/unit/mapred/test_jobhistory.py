"""What is told of an ended job, from its entries."""

import json
from pathlib import Path

from mapred.jobhistory import as_object, as_trace, story_of
from mapred.jobtracker.attempts import Event
from mapred.jobtracker.entries import (
    AttemptLaunched,
    AttemptMoved,
    Entry,
    JobEnded,
    JobSubmitted,
)
from mapred.jobtracker.stories import decode_story, encode_story
from mapred.model import AttemptId, Failure, FailureKind, JobSpec, JobState, Split, TaskId

JOB = "job_20261123000000_0001"
SPLITS = tuple(Split("file:///in", place, 1, ("here",)) for place in range(5))
SPEC = JobSpec("Words", "ana", "", "", "m", "J", SPLITS, 1, "file:///out")


def _map(index: int, number: int = 0) -> AttemptId:
    return TaskId(JOB, "m", index).attempt(number)


def _run(
    attempt: AttemptId,
    start: float,
    end: float,
    event: Event = Event.OUTPUT_MADE,
    host: str = "here",
) -> list[Entry]:
    failure = Failure(FailureKind.FAILED, "no such column") if event is Event.FAILED else None
    counters = (("my", "lines", 1), ("task", "map_input_records", 10))
    return [
        AttemptLaunched(attempt, f"tracker_{host}", host, start),
        AttemptMoved(
            attempt,
            event,
            failure,
            counters if event is Event.OUTPUT_MADE else (),
            at_s=end,
        ),
    ]


REDUCE = TaskId(JOB, "r", 0).attempt(0)
ENTRIES: list[Entry] = [
    JobSubmitted(JOB, "request", SPEC, 1, 100.0),
    *_run(_map(0), 101.0, 102.0),
    *_run(_map(1), 101.0, 103.0),
    *_run(_map(2), 101.0, 101.5, Event.FAILED, "there"),
    *_run(_map(2, 1), 102.0, 104.0),
    *_run(_map(3), 103.0, 111.0),
    *_run(_map(4), 103.0, 105.0, Event.NODE_LOST, "there"),
    *_run(_map(4, 1), 106.0, 108.0),
    AttemptLaunched(REDUCE, "tracker_here", "here", 111.0),
    AttemptMoved(REDUCE, Event.PART_WRITTEN, counters=(("task", "output_bytes", 7),), at_s=112.0),
    AttemptMoved(REDUCE, Event.COMMITTED, at_s=112.5),
    # News that comes late changes nothing.
    AttemptMoved(REDUCE, Event.NODE_LOST, at_s=113.0),
    JobEnded(JOB, JobState.SUCCEEDED, 114.0),
]


def test_a_story_survives_its_file() -> None:
    assert decode_story(encode_story(ENTRIES), "x") == ENTRIES
    assert [getattr(one, "at_s", 0) for one in decode_story(encode_story(ENTRIES), "x")] == [
        getattr(one, "at_s", 0) for one in ENTRIES
    ]


def test_times_outcomes_and_counters_are_those_of_the_attempts() -> None:
    story = story_of(ENTRIES)
    assert story is not None
    maps, reduces = story.phases
    assert maps.outcomes == {"succeeded": 5, "failed": 1, "lost": 1}
    assert maps.seconds == (1.0, 2.0, 2.0, 2.0, 8.0)
    assert maps.counters == {"map_input_records": 50}
    assert [str(one.id) for one in maps.stragglers] == [str(_map(3))]
    assert reduces.outcomes == {"succeeded": 1}
    assert reduces.seconds == (1.5,) * 5
    assert (story.maps_local, story.maps_run) == (5, 7)
    assert [one.failure.reason for one in story.attempts if one.failure] == ["no such column"]
    assert json.loads(json.dumps(as_object(story)))["attempts"][2]["reason"] == "no such column"


def test_an_output_that_was_lost_and_found_again_counts() -> None:
    moved = [AttemptMoved(_map(0), event, at_s=120.0) for event in (Event.OUTPUT_LOST,)]
    lost = story_of([*ENTRIES[:-1], *moved, ENTRIES[-1]])
    assert lost is not None
    assert lost.attempts[0].outcome == "output lost"
    assert lost.attempts[0].took_s == 1.0


def test_half_a_story_is_none() -> None:
    assert story_of(ENTRIES[:-1]) is None
    going_on = story_of(ENTRIES[:-1], 77.0)
    assert going_on is not None
    assert (going_on.state, going_on.ended_at_s) == ("running", 77.0)
    assert as_object(going_on)["finished_at_s"] == 0.0
    assert story_of(ENTRIES[1:]) is None


def test_what_ran_side_by_side_has_rows_of_its_own_in_the_trace() -> None:
    story = story_of(ENTRIES)
    assert story is not None
    boxes = [one for one in as_trace(story)["traceEvents"] if one["ph"] == "X"]
    assert len(boxes) == 8
    taken: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for box in boxes:
        row = taken.setdefault((box["pid"], box["tid"]), [])
        assert all(box["ts"] >= end or box["ts"] + box["dur"] <= start for start, end in row)
        row.append((box["ts"], box["ts"] + box["dur"]))


def test_a_torn_story_is_no_story(tmp_path: Path) -> None:
    data = encode_story(ENTRIES)
    assert story_of(decode_story(data[:-30], "x")) is None
