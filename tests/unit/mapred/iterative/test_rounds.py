"""Whole loops on the embedded engine: real task processes, local files."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mapred.embedded import EmbeddedEngine
from mapred.errors import JobDefinitionError, NoSuchJobError
from mapred.iterative.checkpoint import Checkpoints, origin_of
from mapred.iterative.ledger import Ledger
from mapred.iterative.loopengine import LoopEngine
from mapred.iterative.status import LoopStatus
from mapred.model import JobSpec, JobState
from mapred.storage.local import LocalStorage
from mapred.submit import plan

LOOPS = Path(__file__).with_name("loops.py")
NUMBERS = [n * n % 97 / 7 for n in range(400)]


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedEngine]:
    with EmbeddedEngine(2) as engine:
        yield engine


@pytest.fixture
def numbers(tmp_path) -> str:
    path = tmp_path / "numbers.txt"
    path.write_text("".join(f"{number!r}\n" for number in NUMBERS))
    return str(path)


def planned(numbers: str, output: Path, job: str = "Mean", reducers: int = 1, **params) -> JobSpec:
    return plan(
        f"{LOOPS}:{job}",
        [numbers],
        output=str(output),
        params={name: str(value) for name, value in params.items()},
        reducers=reducers,
        code_base=f"file://{output.parent}/code",
        workers=2,
    )


def ended(engine: LoopEngine, loop_id: str) -> LoopStatus:
    version = 0
    while True:
        status, version = engine.status(loop_id, known_version=version, wait_s=60)
        if status.state.ended:
            return status


def run(engine, spec: JobSpec, *, resume: bool = False) -> tuple[LoopStatus, LoopEngine]:
    loops = LoopEngine(engine, resume=resume)
    return ended(loops, loops.submit(spec)), loops


def state_of(spec: JobSpec) -> float:
    storage = LocalStorage()
    checkpoint = Checkpoints(spec.output_uri, storage, origin_of(spec)).latest()
    return checkpoint.state


def test_a_loop_runs_its_rounds_and_leaves_its_result(embedded, numbers, tmp_path):
    spec = planned(numbers, tmp_path / "out")
    assert len(spec.splits) > 5
    status, loops = run(embedded, spec)
    assert (status.state, status.converged) == (JobState.SUCCEEDED, True)
    assert status.reason.startswith("the last round moved the state by")
    assert status.metrics["moved"] <= 0.1
    assert status.counters["task", "map_input_records"] == 400 * status.rounds_done

    result = loops.result(status.job_id)
    assert result.state == pytest.approx(sum(NUMBERS) / 400, abs=0.2)
    assert [record.number for record in result.rounds] == list(range(1, status.rounds_done + 1))
    out = tmp_path / "out"
    assert (out / "part-r-00000").read_text() == f"state\t{result.state}\n"
    assert status.output_files == (f"file://{out}/part-r-00000",)
    success = json.loads((out / "_SUCCESS").read_text())
    assert (success["converged"], len(success["rounds"])) == (True, status.rounds_done)
    assert sorted(path.name for path in out.iterdir()) == [
        "_SUCCESS",
        "_checkpoints",
        "part-r-00000",
    ]


class Shrinking:
    """An engine whose machines have ever less memory; remembers the budgets of its jobs."""

    def __init__(self, engine):
        self._engine = engine
        self._slot_mib = 400
        self.budgets = []

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def trackers(self):
        self._slot_mib //= 2
        [own] = self._engine.trackers()
        memory_bytes = self._slot_mib * 2**20 * 2 * own.info.map_slots
        return [replace(own, info=replace(own.info, memory_bytes=memory_bytes))]

    def submit(self, spec):
        self.budgets.append(spec.memory_bytes)
        return self._engine.submit(spec)


def test_all_rounds_and_a_resume_have_the_budget_that_the_loop_began_with(
    embedded, numbers, tmp_path
):
    spec = planned(numbers, tmp_path / "out")
    assert spec.memory_bytes == 0
    engine = Shrinking(embedded)
    loops = LoopEngine(engine, ledger=Ledger(f"file://{tmp_path}/ledger"))
    loop_id = loops.submit(spec)
    status = ended(loops, loop_id)
    assert engine.budgets == [50 * 2**20] * status.rounds_done
    assert Ledger(f"file://{tmp_path}/ledger").read(loop_id).spec.memory_bytes == 50 * 2**20


def test_decoded_input_stays_in_the_workers(embedded, numbers, tmp_path):
    spec = planned(numbers, tmp_path / "out")
    status, _ = run(embedded, spec)
    decoded = status.counters["text", "splits_decoded"]
    kept = status.counters["text", "splits_kept_decoded"]
    assert decoded + kept == len(spec.splits) * status.rounds_done
    # Each of two processes decodes each split once at most.
    assert decoded <= 2 * len(spec.splits)
    # A task for each of two slots.
    assert status.maps == 2 < len(spec.splits)


def test_the_state_is_the_same_bit_for_bit_for_any_number_of_workers(numbers, tmp_path):
    states = set()
    for workers in (1, 2, 3):
        with EmbeddedEngine(workers) as engine:
            spec = planned(numbers, tmp_path / f"out{workers}", reducers=2)
            status, loops = run(engine, spec)
            states.add(loops.result(status.job_id).state.hex())
    assert len(states) == 1


def test_a_worker_killed_in_mid_loop_changes_nothing(embedded, numbers, tmp_path):
    status, _ = run(embedded, planned(numbers, tmp_path / "whole"))
    whole = (tmp_path / "whole" / "part-r-00000").read_bytes()
    hurt, _ = run(embedded, planned(numbers, tmp_path / "hurt", die_in_round=3))
    assert hurt.attempts_failed > 0
    assert hurt.rounds_done == status.rounds_done
    assert (tmp_path / "hurt" / "part-r-00000").read_bytes() == whole


def test_input_that_is_placed_is_read_in_its_parts_and_stays_where_they_were_read(
    embedded, numbers, tmp_path
):
    spec = planned(numbers, tmp_path / "out", job="PlacedMean")
    status, loops = run(embedded, spec)
    assert status.state is JobState.SUCCEEDED
    assert loops.result(status.job_id).state == pytest.approx(sum(NUMBERS) / 400, abs=0.2)
    # Lines once, and then three parts a round, each decoded once by a process at most.
    assert status.counters["task", "map_input_records"] == 400 + 3 * status.rounds_done
    assert 3 <= status.counters["packed", "splits_decoded"] <= 6
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "_SUCCESS",
        "_checkpoints",
        "part-r-00000",
    ]


class Gated:
    """An engine that doesn't begin with one of its jobs before the gate is open."""

    def __init__(self, engine: EmbeddedEngine, job: str) -> None:
        self._engine = engine
        self._job = job
        self.reached, self.open = threading.Event(), threading.Event()

    def submit(self, spec: JobSpec) -> str:
        if spec.name == self._job:
            self.reached.set()
            assert self.open.wait(60)
        return self._engine.submit(spec)

    def __getattr__(self, name: str):
        return getattr(self._engine, name)


class Forgetful:
    """An engine whose JobTracker dies under the third job, and comes back without it."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = engine
        self.submitted: list[str] = []

    def submit(self, spec: JobSpec) -> str:
        self.submitted.append(self._engine.submit(spec))
        return self.submitted[-1]

    def status(self, job_id: str, **more):
        if job_id in self.submitted[2:3]:
            self._engine.kill(job_id, "its JobTracker died")
            ended(self._engine, job_id)
            raise NoSuchJobError(f"no job {job_id}")
        return self._engine.status(job_id, **more)

    def __getattr__(self, name: str):
        return getattr(self._engine, name)


def test_a_round_that_died_with_its_jobtracker_is_submitted_again(embedded, numbers, tmp_path):
    status, _ = run(embedded, planned(numbers, tmp_path / "whole"))
    forgetful = Forgetful(embedded)
    hurt, _ = run(forgetful, planned(numbers, tmp_path / "hurt"))
    assert (hurt.state, hurt.rounds_done) == (JobState.SUCCEEDED, status.rounds_done)
    assert len(forgetful.submitted) == status.rounds_done + 1
    whole = (tmp_path / "whole" / "part-r-00000").read_bytes()
    assert (tmp_path / "hurt" / "part-r-00000").read_bytes() == whole


def test_placed_input_gives_the_same_bits_with_any_workers_one_that_dies_and_a_resume(
    numbers, tmp_path
):
    states = set()
    for workers, more in ((1, {}), (2, {"die_in_round": 2}), (7, {})):
        with EmbeddedEngine(workers) as engine:
            spec = planned(numbers, tmp_path / f"out{workers}", job="PlacedMean", **more)
            status, loops = run(engine, spec)
            assert (status.attempts_failed > 0) == bool(more)
            states.add(loops.result(status.job_id).state.hex())
            if workers == 1:
                # As if it had died before its last checkpoint.
                for name in sorted((tmp_path / "out1" / "_checkpoints").glob("round-*"))[1:]:
                    name.unlink()
                again, loops = run(engine, spec, resume=True)
                assert again.counters["task", "map_input_records"] > 400
                states.add(loops.result(again.job_id).state.hex())
    assert len(states) == 1


@pytest.mark.parametrize("start", [1, 2, 3])
def test_a_light_reducer_runs_in_the_driver_when_maps_leave_little_with_the_same_bits(
    embedded, numbers, tmp_path, start
):
    """Each round goes by what the one before has left; the first is reduced by a task."""
    by_tasks = planned(numbers, tmp_path / "tasks", start=start)
    run(embedded, by_tasks)
    light = planned(numbers, tmp_path / "light", "LightMean", start=start)
    status, _ = run(embedded, light)
    assert state_of(light) == state_of(by_tasks)
    assert reduces(embedded, "LightMean")[: status.rounds_done] == [1] + [0] * (
        status.rounds_done - 1
    )

    padded = planned(numbers, tmp_path / "padded", "PaddedMean", start=start)
    run(embedded, padded)
    assert state_of(padded) == state_of(by_tasks)
    # Much is left by rounds 1 and 4, after which the driver is spared.
    assert reduces(embedded, "PaddedMean")[:6] == [1, 1, 0, 0, 1, 1]


def reduces(embedded: EmbeddedEngine, job: str) -> list[int]:
    """How many reduces the rounds of the last loop of the job had."""
    rounds = [one for one in embedded.jobs() if one.name.startswith(f"{job} round ")]
    rounds.sort(key=lambda one: one.job_id)
    begins = max(at for at, one in enumerate(rounds) if one.name.endswith(" round 1"))
    return [one.reduces for one in rounds[begins:]]


def test_two_reducers_run_as_tasks_however_light_they_are(embedded, numbers, tmp_path):
    spec = planned(numbers, tmp_path / "out", "LightMean", reducers=2)
    run(embedded, spec)
    assert set(reduces(embedded, "LightMean")) == {2}


def test_a_round_that_fails_ends_the_loop_with_its_cause(embedded, numbers, tmp_path):
    status, loops = run(embedded, planned(numbers, tmp_path / "out", fail_in_round=2))
    assert (status.state, status.reason, status.rounds_done) == (
        JobState.FAILED,
        "round 2 failed",
        1,
    )
    cause = status.failures[0]
    assert "no luck in round 2" in cause.reason
    assert 'File "loops.py", line' in cause.traceback
    assert cause.input_uri == f"file://{numbers}"
    assert loops.result(status.job_id) is None
    # Nothing came of it: the same output can be tried again.
    assert not (tmp_path / "out").exists()


def test_what_goes_wrong_between_rounds_is_shown_with_the_users_frames(embedded, numbers, tmp_path):
    status, _ = run(embedded, planned(numbers, tmp_path / "out", job="Wrong"))
    assert status.state is JobState.FAILED
    assert status.failures[0].reason == "ArithmeticError: lost my way"
    assert 'File "loops.py"' in status.failures[0].traceback
    assert "rounds.py" not in status.failures[0].traceback


def test_a_state_that_can_not_travel_is_named(embedded, numbers, tmp_path):
    status, _ = run(embedded, planned(numbers, tmp_path / "out", job="Unpackable"))
    assert status.state is JobState.FAILED
    assert "value is of type set" in status.failures[0].reason


def test_a_loop_goes_on_from_its_last_checkpoint_to_the_same_bits(embedded, numbers, tmp_path):
    spec = planned(numbers, tmp_path / "whole")
    whole, _ = run(embedded, spec)
    expected = state_of(spec).hex()

    out = tmp_path / "out"
    spec = planned(numbers, out)
    gated = Gated(embedded, "Mean round 6")
    loops = LoopEngine(gated)
    loop_id = loops.submit(spec)
    assert gated.reached.wait(60)
    assert loops.kill(loop_id, "enough for today")
    gated.open.set()
    status = ended(loops, loop_id)
    assert (status.state, status.failures[0].reason) == (
        JobState.KILLED,
        "the loop was killed: enough for today",
    )
    assert [path.name for path in out.iterdir()] == ["_checkpoints"]

    done_before = status.rounds_done
    status, loops = run(embedded, spec, resume=True)
    result = loops.result(status.job_id)
    assert result.state.hex() == expected
    assert [record.number for record in result.rounds] == list(range(1, whole.rounds_done + 1))
    assert status.counters["task", "map_input_records"] < 400 * whole.rounds_done
    assert done_before < whole.rounds_done
    # Of a loop that had come to its end, nothing is left to do.
    status, _ = run(embedded, spec, resume=True)
    assert (status.state, status.rounds_done, dict(status.counters)) == (
        JobState.SUCCEEDED,
        whole.rounds_done,
        {},
    )


def test_a_resume_with_other_parameters_is_refused_at_once(embedded, numbers, tmp_path):
    spec = planned(numbers, tmp_path / "out")
    run(embedded, spec)
    # As a client that resumes does: the output is there already.
    other = planned(numbers, tmp_path / "other", start=5)
    moved = JobSpec(
        **{name: getattr(other, name) for name in other.__slots__} | {"output_uri": spec.output_uri}
    )
    with pytest.raises(JobDefinitionError, match="other parameters"):
        LoopEngine(embedded, resume=True).submit(moved)


def test_closing_ends_a_loop_that_runs(numbers, tmp_path):
    engine = EmbeddedEngine(1)
    loops = LoopEngine(engine)
    loop_id = loops.submit(planned(numbers, tmp_path / "out", job="Endless"))
    loops.status(loop_id, known_version=3, wait_s=60)
    loops.close()
    status = ended(loops, loop_id)
    assert (status.state, "program that runs the loop ends" in status.reason) == (
        JobState.KILLED,
        True,
    )
    assert not [thread for thread in threading.enumerate() if thread.name == loop_id]


def test_other_jobs_go_through_as_they_are(embedded, numbers, tmp_path):
    loops = LoopEngine(embedded)
    with pytest.raises(NoSuchJobError):
        loops.status("job_0_0")
    with pytest.raises(NoSuchJobError):
        loops.result("loop_x")
    assert [tracker.info for tracker in loops.trackers()] == [
        tracker.info for tracker in embedded.trackers()
    ]
    run(embedded, planned(numbers, tmp_path / "out"))
    assert any(status.name == "Mean round 1" for status in loops.jobs())
