"""Services: tasks that never end, beside the maps and reduces of a job. No job file asks for them
yet; this is what a JobTracker would do with them."""

from dataclasses import replace

import pytest

from mapred.errors import RefusedError
from mapred.jobtracker.attempts import Attempt, Event, IllegalTransition, Task
from mapred.model import AttemptDone, AttemptId, FailureKind, TaskId
from tests.unit.mapred.jobtracker.conftest import FakeTracker, Master


def test_services_run_beside_maps_and_end_when_the_job_is_complete(master: Master) -> None:
    a = _serving(master, "a", services=2)
    job = master.submit(1, services=2)
    assert a.beat().said == ["launch s0.0", "launch s1.0", "launch m0.0"]

    a.done("m0.0")
    master.perform()
    assert sorted(a.beat().said) == ["kill s0.0", "kill s1.0"]
    for name in ("s0.0", "s1.0"):
        a.failed(name, "killed", FailureKind.KILLED)
    master.after(0.1)
    master.perform()
    status = master.status(job)
    assert (status.state.value, status.attempts_killed) == ("succeeded", 2)


def test_a_job_of_services_alone_runs_until_it_is_killed(master: Master) -> None:
    a = _serving(master, "a")
    job = master.submit(0, services=1, reducers=0)
    assert a.beat().said == ["launch s0.0"]
    for _ in range(50):
        master.after(20.0)
        a.beat()
    assert master.status(job).state.value == "running"

    master.kill(job)
    assert a.beat().said == ["kill s0.0"]


def test_the_service_of_a_lost_tracker_starts_elsewhere_under_a_higher_epoch(
    master: Master,
) -> None:
    a, b = _serving(master, "a"), _serving(master, "b")
    master.submit(1, services=1)
    first = next(t for t in (a, b) if "s0.0" in t.beat().running)
    other = b if first is a else a
    assert "launch s0.0" not in other.beat().said

    for _ in range(4):
        # It is heard of, and the other isn't.
        other.beat()
        master.after(10.0)
    assert "launch s0.1" in other.beat().said
    # The lost one comes back with what it took for its own: its word counts for nothing.
    first.register()
    assert "kill s0.0" in first.beat().said


def test_epochs_of_a_service_rise_over_restarts_of_the_jobtracker(master: Master) -> None:
    a = _serving(master, "a")
    master.submit(1, services=1)
    before = a.beat().running["s0.0"]
    master.restart()
    a.register(keeps=False)
    after = next(attempt for name, attempt in a.beat().running.items() if name[0] == "s")
    assert (after.task, after.number > before.number) == (before.task, True)


def test_a_service_that_ends_by_itself_has_failed(master: Master) -> None:
    a = _serving(master, "a")
    job = master.submit(1, services=1)
    for number in range(4):
        attempt = a.beat().running.pop(f"s0.{number}")
        a.beat(AttemptDone(attempt, {}, None, "", "part"))
    master.after(0.1)
    reasons = [failure.reason for failure in master.core.book.jobs[job].failures]
    assert ["ended by itself" in reason for reason in reasons] == [True] * 4
    assert master.core.book.jobs[job].verdict is not None, "its attempts are used up"


def test_no_attempt_of_a_service_succeeds() -> None:
    task = Task(TaskId("job_1", "s", 0))
    task.launch(Attempt(AttemptId(task.id, 0), "t", "h"))
    with pytest.raises(IllegalTransition, match="a service succeeds never"):
        task.apply(0, Event.OUTPUT_MADE)


def test_a_drained_tracker_hands_its_services_on(master: Master) -> None:
    a, b = _serving(master, "a"), _serving(master, "b")
    master.submit(1, services=1)
    first = next(t for t in (a, b) if "s0.0" in t.beat().running)
    other = b if first is a else a
    other.beat()
    _, _, ready = master.core.drain(first.info.tracker_id, master.now)
    master.take(ready)
    assert "kill s0.0" in first.beat().said
    assert "launch s0.1" in other.beat().said


def test_services_have_no_second_attempts_for_slowness(master: Master) -> None:
    master.settings = replace(master.settings, speculation=True)
    busy = Master(replace(master.settings, speculation=True))
    a, b = _serving(busy, "a", services=4), _serving(busy, "b", services=4)
    busy.submit(1, services=5)
    a.beat(), b.beat()
    for _ in range(50):
        busy.after(5.0)
        a.beat(), b.beat()
    assert not [name for t in (a, b) for name in t.running if name[0] == "s" and name[-1] != "0"]


def test_a_job_with_services_is_refused_where_no_tracker_has_slots_for_them(
    master: Master,
) -> None:
    master.tracker("a")

    with pytest.raises(RefusedError, match=r"wants 1 slots for services .* has 0"):
        master.submit(1, services=1)


def test_no_tracker_is_kept_for_a_task_that_never_fits_beside_a_service(master: Master) -> None:
    a, b = _serving(master, "a"), master.tracker("b")
    for tracker in (a, b):
        tracker.info = replace(tracker.info, memory_bytes=100)
        tracker.register()
    master.submit(9, services=1, task_memory_bytes=30)
    for tracker in (a, b):
        tracker.beat()
    assert "s0.0" in a.running
    master.output = "file:///large"
    master.submit(1, request="large", task_memory_bytes=90)
    for _ in range(4):
        master.after(1.0)
        for tracker in (a, b):
            tracker.beat()
            if done := next((name for name in tracker.running if name[0] == "m"), None):
                tracker.done(done)
    assert not master.core._assigning._reservations.keeps(master.core.trackers.live["a"])


def _serving(master: Master, name: str, services: int = 1) -> FakeTracker:
    tracker = master.tracker(name)
    tracker.info = replace(tracker.info, service_slots=services)
    tracker.register()
    return tracker
