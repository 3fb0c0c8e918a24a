"""Estimates of long work."""

from blockstore.namenode.pace import STEADY_S, Pace


def test_nothing_is_told_of_what_has_hardly_begun():
    pace = Pace()
    pace.note(3_700_000_000, 0.0)
    # A block of some bytes was the first that went: 600 days to go.
    pace.note(3_699_999_910, 1.3)
    assert pace.seconds_left is None
    pace.note(3_000_000_000, STEADY_S)
    assert pace.seconds_left == 3_000_000_000 / (700_000_000 / STEADY_S)


def test_a_work_that_stands_still_has_no_estimate():
    pace = Pace()
    for now in (0.0, 10.0):
        pace.note(100, now)
    assert pace.seconds_left is None
