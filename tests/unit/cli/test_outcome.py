"""What a job tells at its end."""

import json
from dataclasses import replace

import pytest
from mapred_cli.failures import failure_report
from mapred_cli.output import (
    counters_table,
    final_line,
    hot_keys_lines,
    skipped_line,
    status_json,
)

from mapred.model import HOT_GROUP, Failure, FailureKind, JobState, JobStatus


def _status(state=JobState.SUCCEEDED, **changes):
    fields = {
        "job_id": "job_7",
        "name": "WordCount",
        "user": "ana",
        "state": state,
        "map_progress": 1.0,
        "reduce_progress": 1.0,
        "maps": 4,
        "maps_done": 4,
        "reduces": 1,
        "reduces_done": 1,
        "submitted_at_s": 100.0,
        "finished_at_s": 102.5,
        "output_uri": "file:///home/ana/counts",
    }
    return JobStatus(**{**fields, **changes})


CAUSE = Failure(
    FailureKind.FAILED,
    "ZeroDivisionError: division by zero",
    traceback='Traceback (most recent call last):\n  File "job.py", line 7, in map\n',
    input_uri="file:///home/ana/book.txt",
    offset=4711,
    sample="'call me Ishmael'",
    host="node-3",
)
STORY = ("     0.0 s  attempt_7_m_000003_0 on node-3: launched",)
LOST = Failure(FailureKind.LOST, "TaskTracker node-2 is dead")


def test_the_probable_cause_comes_first_with_its_place():
    report = failure_report(_status(JobState.FAILED, failures=(LOST, CAUSE), attempts_failed=4))

    assert report.splitlines() == [
        "job_7 (WordCount) failed after 2.5 s, 4 failed attempts",
        "",
        "Probable cause: ZeroDivisionError: division by zero",
        "  input:  /home/ana/book.txt, byte 4711",
        "  record: 'call me Ishmael'",
        "  host:   node-3",
        "",
        "    Traceback (most recent call last):",
        '      File "job.py", line 7, in map',
        "",
        "Other failures of the job:",
        "  TaskTracker node-2 is dead",
    ]


def test_the_same_failure_is_told_once():
    report = failure_report(_status(JobState.FAILED, failures=(CAUSE,) * 4))

    assert report.count("ZeroDivisionError") == 1


def test_a_long_record_is_cut():
    long = Failure(FailureKind.FAILED, "boom", sample="x" * 10_000)

    assert (
        max(map(len, failure_report(_status(JobState.FAILED, failures=(long,))).splitlines())) < 400
    )


def test_a_killed_job_says_so():
    assert failure_report(_status(JobState.KILLED)) == "job_7 (WordCount) was killed after 2.5 s"


def test_counters_are_grouped_and_sorted():
    table = counters_table({("words", "long"): 1234567, ("mapred", "b"): 2, ("mapred", "a"): 1})

    assert [line.split() for line in table.splitlines()] == [
        ["Counters"],
        ["mapred"],
        ["a", "1"],
        ["b", "2"],
        ["words"],
        ["long", "1,234,567"],
    ]


def test_the_last_line_has_the_time_and_the_place():
    assert final_line(_status(), took_s=2.46, to_stdout=False) == (
        "job_7 (WordCount) succeeded in 2.5 s: 4 maps, 1 reduce; output in /home/ana/counts"
    )


def test_json_has_counters_and_failures():
    told = json.loads(status_json(_status(counters={("words", "long"): 3}, failures=(CAUSE,))))

    assert told["state"] == "succeeded"
    assert told["counters"] == {"words": {"long": 3}}
    assert told["failures"][0]["offset"] == 4711


def test_a_hot_key_is_named_with_its_records():
    counters = {
        ("task", "reduce_input_records"): 1_000_000,
        (HOT_GROUP, "'the'"): 700_000,
        (HOT_GROUP, "'of'"): 260_000,
    }
    status = _status(reduces=4, counters=counters)
    [line] = hot_keys_lines(status)
    assert line.startswith(
        "hot key: 'the' has 700,000 of 1,000,000 records, all of them in one of 4 reduces."
    )
    assert "hot" not in counters_table(counters)
    assert hot_keys_lines(_status()) == []


@pytest.mark.parametrize(("share", "told"), [(80, True), (70, False)])
def test_of_two_reduces_one_key_may_have_half_as_much_again(share, told):
    counters = {("task", "reduce_input_records"): 100, (HOT_GROUP, "'the'"): share}
    assert bool(hot_keys_lines(_status(reduces=2, counters=counters))) == told
    assert hot_keys_lines(_status(reduces=1, counters=counters)) == []


def test_skipped_records_are_told_with_their_place():
    counters = {("skipped", "bad_records"): 2, ("skipped", "failed_records"): 1}
    assert skipped_line(_status(counters=counters)) == (
        "3 records skipped: see /home/ana/counts/_skipped"
    )
    assert skipped_line(_status()) == ""


def test_a_job_that_goes_on_has_not_failed():
    report = failure_report(_status(JobState.RUNNING, failures=(LOST,), finished_at_s=0.0))
    assert report.splitlines()[0] == "job_7 (WordCount) goes on after what failed"


def test_the_story_of_the_task_stands_below_its_cause():
    told = replace(CAUSE, story=STORY)
    report = failure_report(_status(JobState.FAILED, failures=(told, LOST)))
    assert f"What happened to its task:\n  {STORY[0]}\n" in report
    assert report.index("ZeroDivisionError") < report.index("What happened")
    (first, _) = json.loads(status_json(_status(JobState.FAILED, failures=(told, LOST))))[
        "failures"
    ]
    assert first["story"] == list(STORY)
