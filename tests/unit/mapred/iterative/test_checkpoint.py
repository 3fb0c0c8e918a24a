"""Checkpoints: the newest whole one counts, and only for the loop that it is of."""

import logging
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mapred.errors import JobDefinitionError
from mapred.iterative.checkpoint import (
    Checkpoint,
    Checkpoints,
    RoundRecord,
    origin_of,
    saved_splits,
)
from mapred.iterative.conditions import Stop
from mapred.model import JobSpec, Split
from mapred.storage.local import LocalStorage
from mapred.storage.uris import path_of

SPEC = JobSpec(
    name="KMeans",
    user="ana",
    code_sha256="c0de",
    code_uri="file:///code.zip",
    module="kmeans",
    job_class="KMeans",
    splits=(Split("file:///a", 0, 10), Split("file:///a", 10, 5)),
    reducers=1,
    output_uri="file:///out",
)


def checkpoints(tmp_path, spec: JobSpec = SPEC) -> Checkpoints:
    return Checkpoints(f"file://{tmp_path}", LocalStorage(), origin_of(spec))


def checkpoint(number: int, stop: Stop | None = None) -> Checkpoint:
    records = tuple(RoundRecord(n, 0.5, {"loss": 1 / n}) for n in range(1, number + 1))
    return Checkpoint(number, {"x": np.full(3, float(number))}, records, stop)


def files(tmp_path) -> list[str]:
    return sorted(path.name.partition("-")[0] for path in (tmp_path / "_checkpoints").iterdir())


def test_the_newest_is_taken_with_all_it_had(tmp_path):
    ours = checkpoints(tmp_path)
    assert ours.latest() is None
    for number in (5, 10):
        ours.save(checkpoint(number, Stop("done") if number == 10 else None))
    found = ours.latest()
    assert (found.round, found.stop, found.rounds) == (10, Stop("done"), checkpoint(10).rounds)
    assert found.state["x"].tolist() == [10.0] * 3
    found.state["x"] += 1


def test_a_metric_that_is_not_finite_does_no_harm(tmp_path):
    ours = checkpoints(tmp_path)
    metrics = {"loss": float("inf"), "moved": 0.5}
    ours.save(Checkpoint(1, {}, (RoundRecord(1, 0.5, metrics),)))
    (record,) = ours.latest().rounds
    assert np.isnan(record.metrics["loss"])
    assert record.metrics["moved"] == 0.5


def test_the_last_two_are_kept(tmp_path):
    ours = checkpoints(tmp_path)
    for number in (1, 2, 3, 4):
        ours.save(checkpoint(number))
    assert files(tmp_path) == ["round", "round", "state", "state"]
    assert ours.latest().round == 4


def test_a_state_that_did_not_change_is_kept_once(tmp_path):
    ours = checkpoints(tmp_path)
    for number in (1, 2, 3):
        ours.save(replace(checkpoint(1), round=number))
    assert files(tmp_path) == ["round", "round", "state"]
    assert ours.latest().round == 3


def test_what_is_carried_is_kept_with_its_checkpoint_which_is_none_without_it(tmp_path):
    ours = checkpoints(tmp_path)
    directory = tmp_path / "_checkpoints"
    for number in (1, 2, 3):
        (directory / f"carried-00000{number}-a1").mkdir(parents=True)
        (directory / f"carried-00000{number}-a1" / "first").write_bytes(b"pairs")
        # As far as a driver came that died then; that of the next round is being written.
        (directory / f"carried-00000{number}-torn").mkdir()
        carried = (f"carried-00000{number}-a1/first", "")
        (directory / f"carried-00000{number + 1}-b2").mkdir()
        ours.save(replace(checkpoint(number), before={"x": number - 1}, carried=carried))
    assert files(tmp_path) == ["carried"] * 3 + ["round"] * 2 + ["state"] * 4
    assert (directory / "carried-000004-b2").is_dir()
    found = ours.latest()
    assert (found.round, found.before) == (3, {"x": 2})
    assert found.carried == (f"file://{directory}/carried-000003-a1/first", "")
    lengths = [split.length for split in saved_splits(found, LocalStorage())]
    assert lengths == [5, 0]

    (directory / "carried-000003-a1" / "first").unlink()
    assert ours.latest().round == 2


@pytest.mark.parametrize("what", ["round-000002.json", "state-"])
@pytest.mark.parametrize("harm", [lambda path: path.unlink(), lambda path: path.write_bytes(b"{")])
def test_a_damaged_one_is_passed_over_and_told(tmp_path, caplog, what, harm):
    ours = checkpoints(tmp_path)
    ours.save(checkpoint(1))
    kept = set((tmp_path / "_checkpoints").iterdir())
    ours.save(checkpoint(2))
    (newest,) = [
        path
        for path in (tmp_path / "_checkpoints").iterdir()
        if path not in kept and path.name.startswith(what)
    ]
    harm(newest)
    with caplog.at_level(logging.WARNING):
        assert ours.latest().round == 1
    if newest.exists():
        assert "can't be used" in caplog.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"job_class": "Other"}, "another job"),
        ({"code_sha256": "beef"}, "other code"),
        ({"params_json": '{"clusters": 4}'}, "other parameters"),
        ({"splits": SPEC.splits[:1]}, "other input"),
        ({"splits": SPEC.splits[::-1]}, "other input"),
    ],
)
def test_one_of_something_else_is_refused(tmp_path, change, words):
    checkpoints(tmp_path).save(checkpoint(1))
    with pytest.raises(JobDefinitionError, match=words):
        checkpoints(tmp_path, replace(SPEC, **change)).latest()


def test_where_the_input_lies_is_no_part_of_the_loop(tmp_path):
    checkpoints(tmp_path).save(checkpoint(1))
    moved = replace(SPEC, splits=tuple(replace(split, hosts=("b",)) for split in SPEC.splits))
    assert checkpoints(tmp_path, moved).latest().round == 1


class Slow(LocalStorage):
    """Writes once it may; then says what is wrong, if anything is."""

    def __init__(self) -> None:
        self.go_on, self.wrong = threading.Event(), ""

    def open_write(self, uri, *, overwrite=False):
        assert self.go_on.wait(60)
        if self.wrong:
            raise OSError(self.wrong)
        return super().open_write(uri, overwrite=overwrite)


def slowly(tmp_path) -> tuple[Checkpoints, Slow]:
    storage = Slow()
    return Checkpoints(f"file://{tmp_path}", storage, origin_of(SPEC)), storage


def test_a_round_waits_for_no_checkpoint_and_the_loops_end_for_all(tmp_path):
    ours, storage = slowly(tmp_path)
    five = checkpoint(5)
    ours.put(five)
    # A step may do so.
    five.state["x"] += 1
    assert ours.latest() is None

    storage.go_on.set()
    ours.put(checkpoint(7, Stop("done")))

    assert files(tmp_path) == ["round", "round", "state", "state"]
    assert ours.latest().round == 7
    (tmp_path / "_checkpoints" / "round-000007.json").unlink()
    assert (ours.latest().round, ours.latest().state["x"].tolist()) == (5, [5.0] * 3)
    ours.close()


def test_a_loop_that_fails_leaves_the_checkpoint_that_was_on_its_way(tmp_path):
    ours, storage = slowly(tmp_path)
    ours.put(checkpoint(5))
    storage.go_on.set()
    ours.close()
    assert ours.latest().round == 5


def test_the_next_checkpoint_tells_that_one_could_not_be_written(tmp_path):
    ours, storage = slowly(tmp_path)
    storage.wrong = "no room"
    ours.put(checkpoint(5))
    storage.go_on.set()
    with pytest.raises(OSError, match="no room"):
        ours.put(checkpoint(10))
    ours.close()


class Died(BaseException):
    """Its process is gone: nothing more of it is done."""


class Dying(LocalStorage):
    """As the block store shows files: from their first byte on, under their names. Dies before
    one of its steps."""

    def __init__(self, steps: float = float("inf")) -> None:
        self._left = steps
        self.taken = 0

    def step(self) -> None:
        if self._left <= 0:
            raise Died
        self._left -= 1
        self.taken += 1

    def open_write(self, uri, *, overwrite=False):
        self.step()
        path = Path(path_of(uri))
        path.parent.mkdir(parents=True, exist_ok=True)
        return Seen(self, open(path, "wb" if overwrite else "xb", buffering=0))

    def rename(self, source, target):
        self.step()
        super().rename(source, target)

    def delete(self, uri):
        self.step()
        return super().delete(uri)


class Seen:
    def __init__(self, storage, file) -> None:
        self._storage, self._file = storage, file

    def write(self, data):
        for byte_range in (data[: len(data) // 2], data[len(data) // 2 :]):
            self._storage.step()
            self._file.write(byte_range)

    def commit(self):
        self._storage.step()
        self._file.close()

    def discard(self):
        self._file.close()
        self._storage.step()


def save_until(steps: float, folder: Path) -> Dying:
    """Three checkpoints, the middle one anew: as a loop writes it that has gone back."""
    storage = Dying(steps)
    ours = Checkpoints(f"file://{folder}", storage, origin_of(SPEC))
    for number in (1, 2, 2, 3):
        ours.save(checkpoint(number))
    return storage


def test_one_that_can_be_seen_is_whole_whenever_its_driver_dies(tmp_path):
    steps = save_until(float("inf"), tmp_path / "all").taken
    for died_after in range(steps):
        folder = tmp_path / str(died_after)
        with pytest.raises(Died):
            save_until(died_after, folder)
        seen = sorted(path.stem for path in folder.glob("_checkpoints/round-*.json"))
        found = checkpoints(folder).latest()
        assert seen[-1:] == ([f"round-{found.round:06d}"] if found else [])
        # The next driver tidies up.
        checkpoints(folder).save(checkpoint(4))
        assert set(files(folder)) == {"round", "state"}
        assert checkpoints(folder).latest().round == 4
