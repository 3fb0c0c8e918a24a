from blockstore.runtime.clock import FakeClock
from mapred.task.messages import OutputLost, TaskProgress
from mapred.task.reporter import Reporter


def test_progress_is_told_at_most_four_times_a_second():
    clock, told = FakeClock(), []
    reporter = Reporter(told.append, clock.monotonic)
    for step in range(100):
        clock.advance(0.01)
        reporter.tick(step / 100, "map")
    assert len(told) == 4
    assert told[0] == TaskProgress(0.24, "map")


def test_a_status_is_told_with_the_next_sign_of_life():
    clock, told = FakeClock(), []
    reporter = Reporter(told.append, clock.monotonic)
    reporter.tick(2.0, "reduce")
    reporter.status("busy")
    assert told == []
    clock.advance(1)
    reporter.alive()
    assert told == [TaskProgress(1.0, "reduce", "busy")]


def test_a_lost_output_is_told_at_once():
    told = []
    Reporter(told.append, FakeClock().monotonic).output_lost(3, 1, "gone")
    assert told == [OutputLost(3, 1, "gone")]
