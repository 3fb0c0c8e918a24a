"""Decoded splits that stay: whose, how many, and what is never kept."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from mapred.iterative.broadcast import RoundSettings, Sent
from mapred.iterative.invariants import HIT, MISS, Pinned, bytes_of
from mapred.model import JobSpec, Split


@dataclass
class Reader:
    """Reads a split of three batches, and knows how often."""

    rows: int = 100
    bytes_read: int = 0
    reads: int = 0
    batch_rows: list[int] = field(default_factory=list)

    def batches(self):
        self.reads += 1
        for number in range(3):
            yield [number], [np.full(self.rows, float(number))]
        self.bytes_read = 10

    def counters(self):
        return {"lines_passed_over": 2}


def spec(lineage: str = "loop_1", room: int = 1_000_000) -> JobSpec:
    settings = RoundSettings(Sent("file:///s", "00"), 1, lineage, room).settings()
    return JobSpec("K", "ana", "c0de", "file:///c", "k", "K", (), 1, "file:///o", settings=settings)


SPLIT = Split("file:///a", 0, 10, format="matrix")


def take(pinned: Pinned, reader: Reader, job: JobSpec, split: Split = SPLIT):
    found = pinned.reader(job, split, lambda: reader)
    values = [value for _, batch in found.batches() for value in batch]
    return values, found.counters(), found.bytes_read


def test_a_split_is_decoded_once_a_loop():
    pinned, reader = Pinned(), Reader()
    first = take(pinned, reader, spec())
    again = take(pinned, reader, spec())
    assert reader.reads == 1
    assert all(a is b for a, b in zip(first[0], again[0], strict=True))
    assert (first[1], first[2]) == ({"lines_passed_over": 2, MISS: 1}, 10)
    assert (again[1], again[2]) == ({"lines_passed_over": 2, HIT: 1}, 10)


def test_user_code_can_not_change_what_is_kept():
    (value, *_), _, _ = take(Pinned(), Reader(), spec())
    with pytest.raises(ValueError, match="read-only"):
        value += 1


def test_what_a_mapper_prepares_is_made_once_and_can_not_be_changed():
    pinned, made = Pinned(), []

    def prepare(key, value):
        made.append(key)
        return value + 1.0, value.astype(np.int64)

    for _ in range(2):
        reader = pinned.reader(spec(), SPLIT, Reader, prepare)
        values = [value for _, batch in reader.batches() for value in batch]
        assert [more[0] for more, _ in values] == [1.0, 2.0, 3.0]
    assert made == [0, 1, 2]
    assert pinned.bytes > 3 * 2 * 100 * 8
    with pytest.raises(ValueError, match="read-only"):
        values[0][0][0] = 7.0


def test_a_job_that_is_no_round_keeps_nothing():
    pinned, reader = Pinned(), Reader()
    for _ in range(2):
        take(pinned, reader, replace(spec(), settings={}))
    assert (reader.reads, pinned.bytes) == (2, 0)


def test_another_loop_takes_all_the_room():
    pinned, reader = Pinned(), Reader()
    take(pinned, reader, spec("loop_1"))
    take(pinned, reader, spec("loop_2"))
    assert repr(pinned).startswith("Pinned(1 splits")
    take(pinned, reader, spec("loop_1"))
    assert reader.reads == 3


def test_the_least_recently_used_goes_first():
    pinned, reader = Pinned(), Reader()
    job = spec(room=3 * 1200 * 2)
    splits = [replace(SPLIT, start=start) for start in (0, 10, 20)]
    for index in (0, 1, 0, 2):
        take(pinned, reader, job, splits[index])
    assert reader.reads == 3
    take(pinned, reader, job, splits[0])
    assert reader.reads == 3
    take(pinned, reader, job, splits[1])
    assert reader.reads == 4
    assert 0 < pinned.bytes <= 3 * 1200 * 2


def test_a_split_larger_than_the_room_pushes_nothing_out():
    pinned, reader = Pinned(), Reader()
    job = spec(room=5_000)
    take(pinned, reader, job)
    take(pinned, Reader(rows=10_000), job, replace(SPLIT, start=10))
    take(pinned, reader, job)
    assert reader.reads == 1


def test_a_split_that_was_not_read_to_its_end_is_not_kept():
    pinned, reader = Pinned(), Reader()
    next(pinned.reader(spec(), SPLIT, lambda: reader).batches())
    take(pinned, reader, spec())
    assert reader.reads == 2


def test_memory_is_estimated_from_the_items():
    words = ["word" * 10] * 1000
    assert bytes_of((list(range(1000)), words)) == pytest.approx(1000 * (8 + 28 + 8 + 89), rel=0.2)
    assert bytes_of(([], [])) == 0
    assert bytes_of(([0], [np.zeros(1000)])) == pytest.approx(8000, rel=0.1)
