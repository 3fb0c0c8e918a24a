"""Whom to believe when a map output can't be fetched."""

from mapred.jobtracker.fetchreports import FetchReports, Verdict
from mapred.model import AttemptId, TaskId


def _reduce(index):
    return AttemptId(TaskId("job_1", "r", index), 0)


def _complaints(reports, reduce, outputs):
    return [reports.complain(reduce, index, 0, tracker_id=tracker) for index, tracker in outputs]


def test_two_reduces_condemn_an_output():
    reports = FetchReports()

    assert _complaints(reports, _reduce(0), [(7, "a")]) == [Verdict.TRY_AGAIN]
    assert _complaints(reports, _reduce(1), [(7, "a")]) == [Verdict.OUTPUT_LOST]


def test_one_reduce_that_insists_condemns_an_output():
    reports = FetchReports()

    assert _complaints(reports, _reduce(0), [(7, "a")] * 3) == [
        Verdict.TRY_AGAIN,
        Verdict.TRY_AGAIN,
        Verdict.OUTPUT_LOST,
    ]


def test_a_reduce_that_reaches_no_tracker_is_cut_off():
    reports = FetchReports()
    outputs = [(0, "a"), (1, "a"), (2, "b"), (3, "b"), (4, "b")]

    assert _complaints(reports, _reduce(0), outputs)[-1] is Verdict.REDUCE_CUT_OFF


def test_a_reduce_is_not_blamed_for_a_tracker_that_just_died():
    reports = FetchReports()
    outputs = [(index, "a") for index in range(20)]

    verdicts = _complaints(reports, _reduce(0), outputs)
    assert set(verdicts) == {Verdict.TRY_AGAIN}


def test_an_ended_reduce_complains_no_more():
    reports = FetchReports()
    _complaints(reports, _reduce(0), [(7, "a")])
    reports.forget_reduce(_reduce(0))

    assert _complaints(reports, _reduce(1), [(7, "a")]) == [Verdict.TRY_AGAIN]
