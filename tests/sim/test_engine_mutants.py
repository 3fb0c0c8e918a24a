"""Proof that runs of the engine alone can fail: each of their promises is broken once, and seen."""

from collections.abc import Callable
from typing import Any

import pytest
from simulator import mutants
from simulator.jobsscenario import JobsScenario
from simulator.memorystore import MemoryOutlet, MemoryStorage
from simulator.mutants import DoubleCountingJobTracker, HastyJobTracker
from simulator.world import World

from mapred.jobtracker import flow, jobs, memory
from mapred.jobtracker.attempts import Event
from mapred.jobtracker.book import Book
from mapred.jobtracker.core import JobTracker
from mapred.jobtracker.endings import Endings
from mapred.jobtracker.entries import AttemptMoved
from mapred.jobtracker.flow import Flow
from mapred.jobtracker.scheduler import Field
from mapred.tasktracker.core import TaskTracker

pytestmark = pytest.mark.sim

# Within so many seeds every mutant shows.
SEEDS = 60


def caught(make: Callable[[World], JobsScenario] = JobsScenario) -> str:
    return mutants.caught(make, range(SEEDS))


class HastyJobs(JobsScenario):
    jobtracker_type = HastyJobTracker


def test_answers_before_the_history_is_durable() -> None:
    assert caught(HastyJobs) != "nothing"


def test_counters_doubled_by_retries() -> None:
    story = caught(lambda world: JobsScenario(world, jobtracker_core=DoubleCountingJobTracker))
    assert "counted" in story


def test_an_attempts_id_used_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "NUMBERS_PER_EPOCH", 0)
    assert "was started on" in caught()


def test_lost_outputs_that_nobody_makes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flow, "output_lost", lambda *_, **__: None)
    assert "for ever" in caught()


def test_outputs_made_again_that_nothing_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "needs_outputs_of", lambda *_: True)
    assert "nothing needs it" in caught()


def test_lost_attempts_that_count_as_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    def record(self: Flow, entry: Any, real: Any = Flow.record) -> None:
        if isinstance(entry, AttemptMoved) and entry.event is Event.NODE_LOST:
            entry = AttemptMoved(entry.attempt, Event.FAILED, entry.failure)
        real(self, entry)

    monkeypatch.setattr(Flow, "record", record)
    assert "is said to have failed" in caught()


def test_a_job_sent_again_to_the_tracker_that_fails_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "FAILURES_TO_AVOID_TRACKER", 99)
    assert "has failed the job" in caught()


def test_work_given_to_a_drained_tracker(monkeypatch: pytest.MonkeyPatch) -> None:
    def field(self: Field, trackers: Any, drained: Any = (), *others: Any, **named: Any) -> None:
        real(self, trackers, (), *others, **named)

    real = Field.__init__
    monkeypatch.setattr(Field, "__init__", field)
    assert "is drained" in caught()


def test_no_more_memory_for_a_task_that_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MORE", 1)
    assert "it should be" in caught()


def test_an_output_published_while_killed_attempts_write(monkeypatch: pytest.MonkeyPatch) -> None:
    # Those that a tracker out of reach runs on aren't waited for: they look by themselves.
    monkeypatch.setattr(Endings, "_draining", lambda *_: False)
    monkeypatch.setattr(MemoryOutlet, "is_late", lambda *_: False)
    assert "differ" in caught()


def test_an_output_left_behind_by_a_failed_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryStorage, "delete", lambda *_: False)
    assert "differ" in caught()


def test_a_drain_that_a_restart_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot(self: Book, real: Any = Book.snapshot) -> Any:
        before, self.drained = self.drained, type(self.drained)()
        try:
            return real(self)
        finally:
            self.drained = before

    monkeypatch.setattr(JobTracker, "snapshot", lambda self: snapshot(self.book))
    assert "the history came back" in caught()


def test_a_job_that_a_restart_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    def replay(self: JobTracker, entries: Any) -> None:
        self.book.replay(list(entries)[:-2])

    monkeypatch.setattr(JobTracker, "replay", replay)
    assert caught() != "nothing"


def test_a_hanging_task_that_nobody_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TaskTracker, "tick", lambda *_: [])
    assert "for ever" in caught()
