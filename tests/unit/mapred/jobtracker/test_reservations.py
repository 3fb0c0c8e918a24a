"""Tasks that need much memory get their turn; a step of the scheduler has a bound."""

from dataclasses import replace

from mapred.jobtracker.assigning import LAUNCHES_A_STEP_MAX
from mapred.jobtracker.entries import AttemptLaunched
from mapred.model import AttemptFailed, Failure, FailureKind, TaskKind
from tests.unit.mapred.jobtracker.conftest import FakeTracker, Master


def test_a_task_that_needs_much_memory_does_not_starve_behind_small_ones(master: Master) -> None:
    a = _roomy(master)
    master.submit(40, task_memory_bytes=30)
    a.beat()
    assert list(a.running) == ["m0.0", "m1.0", "m2.0"]
    large = _submit_large(master)
    rounds = 0
    while not any(attempt.job_id == large for attempt in a.running.values()):
        master.after(1.0)
        # One small one ends at a time: by chance there is never room for the large one.
        a.done(next(iter(a.running)))
        rounds += 1
        assert rounds < 12
    assert len(a.running) == 1


def test_nothing_is_kept_for_a_job_that_has_gone(master: Master) -> None:
    a = _roomy(master)
    master.submit(40, task_memory_bytes=30)
    a.beat()
    large = _submit_large(master)
    master.after(1.0).after(3.0)
    a.done("m0.0")
    assert len(a.running) == 2, "a slot is kept free"

    master.kill(large)
    master.perform()
    master.after(0.1)
    a.beat()
    assert len(a.running) == 3


def test_nothing_is_kept_where_the_task_may_not_go_any_more(master: Master) -> None:
    a, b = _roomy(master), _roomy(master, "b")
    master.output = "file:///older"
    # Its output directory takes its time.
    master.submit(1, request="older", prepare=False, task_memory_bytes=90)
    older, master.actions = master.actions, []
    large = _submit_large(master)
    first, other = (a, b) if a.beat().running else (b, a)
    other.beat()
    master.output = "file:///small"
    first.failed("m0.0")
    assert list(other.beat().running) == ["m0.1"], f"{large} goes where it hasn't failed"
    master.submit(40, request="small", task_memory_bytes=30)
    assert len(first.beat().running) == 3
    for _ in range(6):
        # The other one dies.
        master.after(10.0)
        first.beat()
    first.done(next(iter(first.running)))
    assert len(first.beat().running) == 2, "it is kept for the large one, which has failed there"

    master.actions = older
    master.perform()
    other.register(keeps=False)
    assert len(other.beat().running) == 1
    master.after(0.1)

    assert len(first.beat().running) == 3, "there is another one for it, once that is free"
    other.done("m0.0")
    assert [attempt.job_id for attempt in other.beat().running.values()] == [large]


def test_a_kept_tracker_still_runs_the_maps_that_a_reduce_there_waits_for(master: Master) -> None:
    a = _roomy(master)
    master.submit(3, reducers=1, slowstart=0.3, task_memory_bytes=30)
    a.beat()
    assert list(a.running) == ["m0.0", "m1.0", "m2.0"]
    large = _submit_large(master)
    master.reducers = 1
    a.done("m0.0")
    assert "r0.0" in a.beat().running
    master.after(1.0).after(3.0)
    a.failed("m1.0")
    assert "m1.1" in a.beat().running

    a.done("m1.1").done("m2.0").beat().done("r0.0")
    assert [attempt.job_id for attempt in a.beat().running.values()] == [large]


def test_a_reduce_gives_up_the_memory_that_a_map_of_its_job_needs(master: Master) -> None:
    a = _roomy(master)
    master.submit(2, reducers=1, slowstart=0.5, task_memory_bytes=60)
    a.beat().done("m0.0")
    a.beat()
    if "m1.0" in a.running:
        a.done("m1.0")
    assert "r0.0" in a.running
    a.held.clear()
    a.register(keeps=True)
    master.after(0.1).after(2.5)
    assert "kill r0.0" in a.beat().said
    a.failed("r0.0", "killed", FailureKind.KILLED)
    a.beat()
    assert any(name.startswith("m") for name in a.running), "the map goes first"


def test_a_tracker_that_may_not_have_the_map_does_not_hide_that_it_finds_its_memory_nowhere(
    master: Master,
) -> None:
    a, b = _roomy(master), _roomy(master, "b")
    master.submit(2, reducers=1, slowstart=0.5, task_memory_bytes=90)
    a.beat()
    b.beat()
    a.done("m0.0").beat()
    assert list(a.running) == ["r0.0"]
    b.failed("m1.0").beat()
    assert not b.running, "it has failed there"

    for _ in range(30):
        master.after(0.1)
    a.beat()
    assert "kill r0.0" in a.said
    a.failed("r0.0", "killed", FailureKind.KILLED).beat()
    assert list(a.running) == ["m1.1"]


def test_a_task_that_needs_more_memory_than_its_job_asked_for_does_not_starve(
    master: Master,
) -> None:
    a = _roomy(master)
    large = _submit_large(master, task_memory_bytes=45)
    first = a.beat().running.pop("m0.0")
    master.output = "file:///small"
    master.submit(40, request="small", task_memory_bytes=30)
    a.beat(AttemptFailed(first, Failure(FailureKind.FAILED, "too large", peak_bytes=50))).beat()
    assert list(a.running) == ["m0.0", "m1.0", "m2.0"]
    rounds = 0
    while not any(attempt.job_id == large for attempt in a.running.values()):
        master.after(1.0)
        a.done(next(iter(a.running)))
        rounds += 1
        assert rounds < 12


def test_a_map_that_lacked_memory_and_came_back_by_itself_holds_up_no_reduce(
    master: Master,
) -> None:
    a = _roomy(master)
    job = master.core.book.jobs[master.submit(1, reducers=1, slowstart=1.0, task_memory_bytes=60)]
    a.beat()
    job.cramped_since[TaskKind.MAP] = master.now
    a.done("m0.0")
    job.cramped_since[TaskKind.MAP] = master.now
    master.after(0.1)
    assert "r0.0" in a.beat().running


def test_the_reduce_of_a_small_job_runs_where_its_map_has_run(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    for request in ("r", "s", "t"):
        master.output = f"file:///{request}"
        master.submit([("host-b",)], reducers=1, request=request, slowstart=1.0)
        a.beat()
        b.beat().done("m0.0")
        assert (list(a.beat().running), list(b.running)) == ([], ["r0.0"])
        b.done("r0.0")
        master.perform()


def test_a_reduce_that_its_maps_tracker_does_not_take_goes_elsewhere(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    master.submit([("host-b",)], reducers=1, slowstart=1.0)
    b.beat().done("m0.0").failed("r0.0")
    assert "r0.1" not in b.beat().running, "it has failed there"

    master.after(0.5)
    assert list(a.beat().running) == ["r0.1"]


def test_one_step_launches_so_many_and_the_next_goes_on(master: Master) -> None:
    slots = LAUNCHES_A_STEP_MAX + 20
    a = master.tracker("a", slots=slots)
    master.submit(slots)
    assert _launched(master) == LAUNCHES_A_STEP_MAX
    a.beat()
    assert _launched(master) == slots
    assert master.core.trackers.live["a"].free(TaskKind.MAP) == 0


def _roomy(master: Master, name: str = "a") -> FakeTracker:
    a = master.tracker(name, slots=4)
    a.info = replace(a.info, memory_bytes=100)
    a.register()
    return a


def _submit_large(master: Master, task_memory_bytes: int = 90) -> str:
    master.output = "file:///large"
    return master.submit(1, request="large", task_memory_bytes=task_memory_bytes)


def _launched(master: Master) -> int:
    return sum(isinstance(entry, AttemptLaunched) for entry in master.entries)
