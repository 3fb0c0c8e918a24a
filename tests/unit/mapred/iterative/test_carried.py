"""Loops whose records go on from round to round, on the embedded engine."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from mapred.embedded import EmbeddedEngine
from mapred.errors import JobDefinitionError
from mapred.iterative.loopengine import LoopEngine
from mapred.iterative.status import LoopStatus
from mapred.model import JobSpec, JobState
from mapred.shuffle.partition import partition_of
from mapred.submit import plan
from tests.unit.mapred.iterative import spreading

FILE = Path(spreading.__file__)
VERTICES = 60
ROUNDS = 9
PARTITIONS = 3
LINES = [
    f"v{at} " + " ".join(f"v{(at * step + 1) % VERTICES}" for step in range(1, 2 + at % 5))
    for at in range(VERTICES)
]


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedEngine]:
    with EmbeddedEngine(2) as engine:
        yield engine


@pytest.fixture
def edges(tmp_path) -> str:
    path = tmp_path / "edges.txt"
    path.write_text("".join(f"{line}\n" for line in LINES))
    return str(path)


def planned(edges: str, output: Path, job: str = "Spreading", **params) -> JobSpec:
    return plan(
        f"{FILE}:{job}",
        [edges],
        output=str(output),
        params={name: str(value) for name, value in params.items()},
        code_base=f"file://{output.parent}/code",
        workers=2,
    )


def ended(loops: LoopEngine, loop_id: str) -> LoopStatus:
    version = 0
    while True:
        status, version = loops.status(loop_id, known_version=version, wait_s=60)
        if status.state.ended:
            return status


def run(engine, spec: JobSpec, *, resume: bool = False) -> LoopStatus:
    loops = LoopEngine(engine, resume=resume)
    return ended(loops, loops.submit(spec))


def written(output: Path) -> list[str]:
    return [part.read_text() for part in sorted(output.glob("part-r-*"))]


def by_hand(rounds: int = ROUNDS) -> list[str]:
    """The same loop in two waves a round, without an engine: all values of a key in order of who
    sent them."""
    state, sent, reduced = 1.0, [], []

    def instance(kind, number, told):
        made = kind()
        params = SimpleNamespace(die_in_round=-1, fail_in_round=-1)
        made.ctx = SimpleNamespace(
            state=state, round=number, params=params, to_step=lambda _, total: told.append(total)
        )
        made.setup()
        return made

    mapper = instance(spreading.Vertices, 0, [])
    sent = [[pair for line in LINES for pair in mapper.map(0, line)]]
    for number in range(1, rounds + 1):
        told, reduced = [], []
        for partition in range(PARTITIONS):
            groups = {}
            for key, value in (pair for pairs in sent for pair in pairs):
                if partition_of(key, PARTITIONS) == partition:
                    groups.setdefault(key, []).append(value)
            reducer = instance(spreading.Gather, number, told)
            reduced.append([p for key in sorted(groups) for p in reducer.reduce(key, groups[key])])
            reducer.cleanup()
        mapper = instance(spreading.Share, number, [])
        sent = [[p for pair in pairs for p in mapper.map(*pair)] for pairs in reduced]
        state = sum(told) / 1000
    return ["".join(f"{key}\t{value[0].hex()}\n" for key, value in part) for part in reduced]


class Watched:
    """An engine that remembers its jobs, and does something before some of them."""

    def __init__(self, engine, before=lambda name: None):
        self._engine = engine
        self._before = before
        self.jobs = []

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def submit(self, spec):
        self._before(spec.name)
        self.jobs.append(spec)
        return self._engine.submit(spec)


def test_a_fused_round_does_what_a_map_and_a_reduce_do_to_the_last_bit(embedded, edges, tmp_path):
    out = tmp_path / "out"
    spec = planned(edges, out)
    assert len(spec.splits) > 2
    status = run(embedded, spec)
    assert (status.state, status.rounds_done) == (JobState.SUCCEEDED, ROUNDS), status.failures
    assert written(out) == by_hand()
    names = ["_SUCCESS", "_checkpoints", *(f"part-r-{at:05d}" for at in range(PARTITIONS))]
    assert sorted(path.name for path in out.iterdir()) == names
    assert status.output_files == tuple(f"file://{out}/{name}" for name in names[2:])
    success = json.loads((out / "_SUCCESS").read_text())
    assert (success["files"], len(success["rounds"])) == (names[2:], ROUNDS)


def test_a_round_is_one_wave_of_tasks_and_nothing_of_it_is_in_files_of_the_store(
    embedded, edges, tmp_path
):
    seen = []
    loop = tmp_path / "out" / "_loop"
    engine = Watched(embedded, lambda _: seen.extend(path.name for path in loop.rglob("*")))
    spec = planned(edges, tmp_path / "out", job="Unsaved")
    assert run(engine, spec).state is JobState.SUCCEEDED

    opening, *rounds, end = engine.jobs
    assert [job.name for job in rounds] == [f"Unsaved round {n}" for n in range(1, ROUNDS + 1)]
    assert {(len(job.splits), job.reducers) for job in (*rounds, end)} == {(PARTITIONS, 0)}
    assert opening.reducers == 0
    # All that is small is in the names of files.
    assert seen == []
    done = {job.name: job for job in embedded.jobs()}
    assert all((done[job.name].maps, done[job.name].reduces) == (PARTITIONS, 0) for job in rounds)


def test_the_bytes_are_the_same_for_any_number_of_workers_one_of_which_dies(edges, tmp_path):
    for workers, more in ((1, {}), (3, {"die_in_round": 4})):
        with EmbeddedEngine(workers) as engine:
            out = tmp_path / f"out{workers}"
            status = run(engine, planned(edges, out, **more))
            assert (status.attempts_failed > 0) == bool(more)
            assert written(out) == by_hand()


def goings_back(caplog):
    return [told for told in caplog.messages if "goes back" in told]


@pytest.mark.parametrize(("job", "to"), [("Spreading", "round 5"), ("Unsaved", "opening")])
def test_what_is_lost_is_made_anew_from_the_last_checkpoint_or_the_start(
    edges, tmp_path, caplog, job, to
):
    work = tmp_path / "work"

    def lose(name):
        if name.endswith("round 6") and not goings_back(caplog):
            shutil.rmtree(work / "carried", ignore_errors=True)

    with EmbeddedEngine(2, str(work)) as engine:
        watched = Watched(engine, lose)
        status = run(watched, planned(edges, tmp_path / "out", job=job))
    assert (status.state, status.rounds_done) == (JobState.SUCCEEDED, ROUNDS), status.failures
    assert written(tmp_path / "out") == by_hand()
    names = [spec.name.removeprefix(f"{job} ") for spec in watched.jobs]
    lost = names.index("round 6")
    again = names[lost + 1 :]
    first = 5 if job == "Spreading" else 1
    assert again[:2] == ["opening", f"round {first}"], to
    [told] = goings_back(caplog)
    assert told.startswith(f"the loop goes back from round 5 to {first - 1}: what the round before")
    assert "can't be read" in told
    # As if nothing had been: what the rounds count is counted once.
    reduced = status.counters["task", "reduce_input_groups"]
    assert reduced == VERTICES * (ROUNDS + 1)


def test_what_is_counted_is_counted_once_whichever_checkpoint_it_goes_back_to(
    edges, tmp_path, caplog
):
    work, saved = tmp_path / "work", tmp_path / "out" / "_checkpoints"

    def lose(name):
        if name.endswith("round 6") and not goings_back(caplog):
            # It's written beside the rounds.
            wait_for(saved / "round-000004.json")
            for folder in saved.glob("carried-000004-*"):
                shutil.rmtree(folder)
            shutil.rmtree(work / "carried", ignore_errors=True)

    with EmbeddedEngine(2, str(work)) as engine:
        status = run(Watched(engine, lose), planned(edges, tmp_path / "out"))
    [told] = goings_back(caplog)
    assert told.startswith("the loop goes back from round 5 to 2")
    assert written(tmp_path / "out") == by_hand()
    assert status.counters["task", "reduce_input_groups"] == VERTICES * (ROUNDS + 1)


def wait_for(path: Path) -> None:
    until = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until, path
        time.sleep(0.01)


def test_a_loop_that_comes_no_further_ends_and_says_what_to_do(edges, tmp_path):
    work = tmp_path / "work"

    def lose(name):
        if "round 3" in name:
            shutil.rmtree(work / "carried", ignore_errors=True)

    with EmbeddedEngine(2, str(work)) as engine:
        status = run(Watched(engine, lose), planned(edges, tmp_path / "out", job="Unsaved"))
    assert status.state is JobState.FAILED
    reason = status.failures[0].reason
    assert reason.startswith("the loop went back 5 times and came no further than round 2")
    assert "checkpoint_every" in reason


def test_a_loop_whose_driver_ended_goes_on_from_what_it_saved(embedded, edges, tmp_path):
    gate, out = tmp_path / "gate", tmp_path / "out"
    spec = planned(edges, out, gate=gate, gate_round=7)
    loops = LoopEngine(embedded)
    loop_id = loops.submit(spec)
    version = 0
    while True:
        status, version = loops.status(loop_id, known_version=version, wait_s=60)
        if status.rounds_done == 6:
            break
    loops.kill(loop_id, "enough")
    gate.touch()
    assert ended(loops, loop_id).state is JobState.KILLED
    assert [path.name for path in out.iterdir()] == ["_checkpoints"]
    saved = sorted(path.name.rpartition("-")[0] for path in out.glob("_checkpoints/carried-*"))
    assert saved == ["carried-000004", "carried-000006"]

    engine = Watched(embedded)
    assert run(engine, spec, resume=True).state is JobState.SUCCEEDED
    names = [job.name for job in engine.jobs]
    assert names[:2] == ["Spreading opening", "Spreading round 7"]
    assert written(out) == by_hand()
    # Of a loop that had come to its end nothing is left to do.
    engine = Watched(embedded)
    assert run(engine, spec, resume=True).state is JobState.SUCCEEDED
    assert engine.jobs == []
    assert written(out) == by_hand()
    assert len(json.loads((out / "_SUCCESS").read_text())["files"]) == PARTITIONS


def test_what_was_carried_leaves_the_disk_with_the_loop(edges, tmp_path):
    work = tmp_path / "work"
    fits = []

    def left() -> list[str]:
        return [path.name for path in (work / "carried").glob("job_*")]

    def few(most: int) -> bool:
        # It goes behind the jobs' backs: on a busy machine some are still on their way out.
        deadline = time.monotonic() + 20
        while len(left()) > most and time.monotonic() < deadline:
            time.sleep(0.01)
        return len(left()) <= most

    with EmbeddedEngine(1, str(work)) as engine:
        # Of the round at hand, that before, and one that is being removed.
        run(Watched(engine, lambda _: fits.append(few(4))), planned(edges, tmp_path / "out"))
        status = engine.jobs()[0]
        run(engine, planned(edges, tmp_path / "next"))
        assert few(3)
        assert status.job_id not in left()
    assert all(fits)


def test_records_are_written_as_they_were_carried_without_an_ending(embedded, edges, tmp_path):
    run(embedded, planned(edges, tmp_path / "out", job="Plain"))
    first = written(tmp_path / "out")[0].splitlines()[0]
    vertex, _, value = first.partition("\t")
    assert vertex.startswith("v")
    assert value.endswith("'])")


def test_an_error_in_a_fused_round_is_told_with_its_key(embedded, edges, tmp_path):
    status = run(embedded, planned(edges, tmp_path / "out", fail_in_round=3))
    assert (status.state, status.reason) == (JobState.FAILED, "round 3 failed")
    cause = status.failures[0]
    assert "no luck with v" in cause.reason
    assert 'File "spreading.py"' in cause.traceback
    assert cause.sample.startswith("key ")


def test_a_task_that_tells_too_much_is_told_so(embedded, edges, tmp_path):
    status = run(embedded, planned(edges, tmp_path / "out", job="Chattering"))
    assert "a task can tell step 10,000 pairs. Add up" in status.failures[0].reason


def test_what_is_placed_is_read_once_and_gives_the_bits_that_it_gave_when_it_was_carried(
    edges, tmp_path
):
    for workers, more in ((1, {}), (3, {"die_in_round": 4})):
        with EmbeddedEngine(workers) as engine:
            out, watched = tmp_path / f"out{workers}", Watched(engine)
            status = run(watched, planned(edges, out, job="Laid", **more))
            assert status.state is JobState.SUCCEEDED, status.failures
            assert written(out) == by_hand()
            names = [job.name.removeprefix("Laid ") for job in watched.jobs]
            assert names[:3] == ["placement", "opening", "round 1"]
            assert names.count("placement") == 1
            assert status.counters["placed", "vertices"] == VERTICES
            read = status.counters["packed", "splits_decoded"]
            kept = status.counters["packed", "splits_kept_decoded"]
            # The end asks for nothing. Who dies has what it had read again.
            assert read + kept == PARTITIONS * ROUNDS
            assert PARTITIONS <= read <= PARTITIONS * (workers + bool(more))
    # What is carried has no edges any more.
    with EmbeddedEngine(1) as engine:
        whole = run(engine, planned(edges, tmp_path / "whole"))
    assert status.counters["task", "map_output_bytes"] < whole.counters["task", "map_output_bytes"]


def test_what_is_placed_stays_when_the_loop_goes_back_and_is_placed_anew_by_a_resume(
    edges, tmp_path, caplog
):
    work, out = tmp_path / "work", tmp_path / "out"

    def lose(name):
        if name.endswith("round 6") and not goings_back(caplog):
            shutil.rmtree(work / "carried", ignore_errors=True)

    spec = planned(edges, out, job="Laid")
    with EmbeddedEngine(2, str(work)) as engine:
        watched = Watched(engine, lose)
        status = run(watched, spec)
    assert len(goings_back(caplog)) == 1
    assert [job.name for job in watched.jobs].count("Laid placement") == 1
    assert written(out) == by_hand()
    assert status.counters["task", "reduce_input_groups"] == VERTICES * (ROUNDS + 2)
    assert status.counters["placed", "vertices"] == VERTICES

    # As if its driver had died before the end.
    (out / "_checkpoints" / "round-000009.json").unlink()
    for part in (*out.glob("part-r-*"), out / "_SUCCESS"):
        part.unlink()
    with EmbeddedEngine(2) as engine:
        watched = Watched(engine)
        status = run(watched, spec, resume=True)
    assert [job.name.removeprefix("Laid ") for job in watched.jobs] == [
        "placement",
        "opening",
        "round 9",
        "output",
    ]
    assert written(out) == by_hand()


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ("Early", "a mapper of the loop's input has none"),
        ("Unlaid", "nothing is placed for this job"),
        ("Ambiguous", "two values for the key 'v"),
    ],
)
def test_who_can_not_have_what_is_placed_is_told_why(embedded, edges, tmp_path, job, words):
    status = run(embedded, planned(edges, tmp_path / "out", job=job))
    assert status.state is JobState.FAILED
    assert words in status.failures[0].reason


@pytest.mark.parametrize(
    ("job", "params", "words"),
    [
        ("Columns", {}, "of records, not of batches"),
        ("Apart", {}, "must have the partitioner of Apart"),
        ("Parted", {}, "a part for each of its reducers"),
        ("Ends", {}, "ending is for loops with  carries = True"),
        ("Spreading", {"job.on_error": "skip"}, "can't set any aside"),
    ],
)
def test_what_can_not_be_carried_is_refused_at_once(embedded, edges, tmp_path, job, params, words):
    with pytest.raises(JobDefinitionError, match=words):
        LoopEngine(embedded).submit(planned(edges, tmp_path / "out", job=job, **params))
