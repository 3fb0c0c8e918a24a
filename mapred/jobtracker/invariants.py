"""What must be true of a JobTracker after every step, whatever was lost, late or repeated."""

from mapred.jobtracker.attempts import State
from mapred.jobtracker.book import Book
from mapred.jobtracker.jobs import Job, Phase
from mapred.jobtracker.trackers import Trackers
from mapred.jobtracker.turns import wants
from mapred.model import TaskKind


def check(book: Book, trackers: Trackers) -> None:
    """Raises AssertionError, with the story of the task."""
    for job in book.jobs.values():
        for kind in TaskKind:
            for task in job.tasks[kind]:
                _check_task(job, kind, task.id.index)
        _check_sums(job)
    for tracker in trackers:
        for kind in TaskKind:
            assert tracker.idle(kind) >= 0, f"{tracker}: more {kind.name} attempts than slots"
            queued = tracker.queued[kind]
            first = next(iter(queued.values()), None)
            idle = tracker.idle(kind)
            assert not first or first.slots > idle, f"{tracker}: {queued} wait for nothing"
    _check_slots_are_accounted(book, trackers)
    _check_turns(book)


def _check_turns(book: Book) -> None:
    pools = {job.spec.pool for job in book.jobs.values()}
    for kind in TaskKind:
        listed = {job.id for job in book.wanting.jobs(kind)}
        true = {job.id for job in book.jobs.values() if wants(job, kind)}
        assert listed == true, f"{kind.name}: in turn are {listed}, and {true} want slots"
        for pool in pools:
            running = sum(j.slots_of(kind) for j in book.jobs.values() if j.spec.pool == pool)
            assert book.wanting.running(kind, pool) == running, f"pool {pool}: {running} run"


def _check_task(job: Job, kind: TaskKind, index: int) -> None:
    task = job.tasks[kind][index]
    states = [attempt.state for attempt in task.attempts.values()]
    won = states.count(State.SUCCEEDED)
    committing = states.count(State.COMMITTING)
    assert won + committing <= 1, f"{task.id}: two attempts won or commit\n{task.story()}"
    assert (task.winner is not None) == (won == 1), f"{task.id}: winner\n{task.story()}"
    live = [attempt for attempt in task.attempts.values() if attempt.live]
    for attempt in live:
        assert job.live.get(attempt.id) is attempt, f"{attempt.id} lives unlisted"
    waits = index in job.pending[kind]
    if job.phase is not Phase.ENDING:
        assert waits == (not won and not live), (
            f"{task.id}: waits={waits} with {task!r}\n{task.story()}"
        )
    failed = states.count(State.FAILED)
    assert failed == task.failures, f"{task.id}: {failed} failed, {task.failures} counted"
    assert failed <= job.spec.attempts_max + len(live), f"{task.id}: too many tries"


def _check_sums(job: Job) -> None:
    for kind in TaskKind:
        done = sum(1 for task in job.tasks[kind] if task.done)
        assert done == job.done[kind], f"{job!r}: {done} {kind.name} done, {job.done[kind]} counted"
    held = {
        task.id.index
        for task in job.tasks[TaskKind.MAP]
        if task.winner is not None and task.winner.output is not None
    }
    assert held == set(job.outputs), f"{job!r}: outputs {sorted(job.outputs)}, held {sorted(held)}"
    assert held == {index for on in job.outputs_on.values() for index in on}


def _check_slots_are_accounted(book: Book, trackers: Trackers) -> None:
    for job in book.jobs.values():
        for attempt in job.live.values():
            tracker = trackers.live.get(attempt.tracker_id)
            if attempt.state is State.RUNNING and tracker is not None:
                assert attempt.id in tracker.occupied, f"{attempt.id} runs without a slot"
                queued = attempt.id in tracker.queued[attempt.id.kind]
                assert queued is attempt.queued, f"{attempt.id}: queued is {attempt.queued}"
