"""A job is followed to its end, or killed when the user has enough."""

import dataclasses
import signal

import pytest
from mapred_cli.errors import CommandError, Terminated
from mapred_cli.follow import killed_on_interrupt, terminated_by_signal, to_the_end
from mapred_cli.progress import Silence

from blockstore.errors import UnreachableException
from mapred.model import JobState, JobStatus

MINE = JobStatus(
    job_id="job_1",
    name="Mine",
    user="ana",
    state=JobState.RUNNING,
    map_progress=0.0,
    reduce_progress=0.0,
    maps=1,
    maps_done=0,
    reduces=1,
    reduces_done=0,
    submitted_at_s=0.0,
    finished_at_s=0.0,
    output_uri="bs://h:1/mine",
)
OTHER = dataclasses.replace(MINE, job_id="job_2", output_uri="bs://h:1/other")


class FakeEngine:
    """Two jobs; each status call is answered with the next of a list, or raises it."""

    def __init__(self, *answers):
        self._answers = list(answers)
        self._ended = set()
        self.killed = []

    def status(self, job_id, *, known_version=0, wait_s=0.0):
        if job_id in self._ended:
            return dataclasses.replace(MINE, job_id=job_id, state=JobState.KILLED), 9
        answer = self._answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer, known_version + 1

    def jobs(self):
        return [MINE, OTHER]

    def kill(self, job_id, reason):
        self.killed.append((job_id, reason))
        self._ended.add(job_id)
        return True


class Shown(Silence):
    def __init__(self):
        self.states = []

    def show(self, status):
        self.states.append(status.state)


def test_every_version_is_shown_until_the_end():
    shown = Shown()
    done = dataclasses.replace(MINE, state=JobState.SUCCEEDED)

    assert to_the_end(FakeEngine(MINE, MINE, done), "job_1", shown) is done
    assert shown.states == [JobState.RUNNING, JobState.RUNNING, JobState.SUCCEEDED]


def test_a_lost_jobtracker_is_told_with_the_way_back_to_the_job():
    engine = FakeEngine(MINE, UnreachableException("JobTracker at h:2 doesn't answer"))

    with pytest.raises(CommandError, match="mapred job status job_1"):
        to_the_end(engine, "job_1", Silence())


@pytest.mark.parametrize(
    ("interrupt", "why"), [(KeyboardInterrupt(), "Ctrl-C"), (Terminated(), "SIGTERM")]
)
def test_an_interrupt_kills_the_job_of_this_output_and_no_other(interrupt, why):
    engine = FakeEngine()

    with pytest.raises(type(interrupt)), killed_on_interrupt(engine, "bs://h:1/mine"):
        raise interrupt

    assert engine.killed == [("job_1", f"{why} in mapred submit")]


def test_an_error_kills_nothing():
    engine = FakeEngine()

    with pytest.raises(CommandError), killed_on_interrupt(engine, "bs://h:1/mine"):
        raise CommandError("gone")

    assert engine.killed == []


def test_sigterm_ends_the_block_and_the_old_handler_comes_back():
    before = signal.getsignal(signal.SIGTERM)

    with pytest.raises(Terminated), terminated_by_signal():
        signal.raise_signal(signal.SIGTERM)

    assert signal.getsignal(signal.SIGTERM) is before
