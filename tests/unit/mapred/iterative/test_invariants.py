"""Decoded splits that stay: whose, how many, and what is never kept."""

import weakref
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from mapred.iterative.broadcast import RoundSettings, Sent
from mapred.iterative.invariants import HIT, MISS, Pinned
from mapred.iterative.taken import bytes_of
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


def spec(lineage: str = "loop_1", room: int = 1_000_000, pinned_for: str = "") -> JobSpec:
    loop = RoundSettings(Sent("file:///s", "00"), 1, lineage, room, pinned_for=pinned_for)
    settings = loop.settings()
    return JobSpec("K", "ana", "c0de", "file:///c", "k", "K", (), 1, "file:///o", settings=settings)


SPLIT = Split("file:///a", 0, 10, format="matrix")


# No file can be made there: what has no room is dropped.
NOWHERE = "/proc/self/nowhere"


def take(pinned: Pinned, reader: Reader, job: JobSpec, split: Split = SPLIT, folder: str = NOWHERE):
    found = pinned.reader(job, split, lambda: reader, folder=folder)
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
        reader = pinned.reader(spec(), SPLIT, Reader, prepare, folder=NOWHERE)
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


def test_what_has_no_room_in_memory_is_mapped_from_a_file_without_a_name(tmp_path):
    pinned, reader = Pinned(), Reader()
    job = spec(room=3_000)
    splits = [replace(SPLIT, start=start) for start in (0, 10, 20)]
    first = [take(pinned, reader, job, split, str(tmp_path)) for split in splits]
    again = [take(pinned, reader, job, split, str(tmp_path)) for split in splits]
    assert reader.reads == 3
    for (values, *_), (mapped, counters, _) in zip(first, again, strict=True):
        assert [value.tolist() for value in mapped] == [value.tolist() for value in values]
        assert counters == {"lines_passed_over": 2, HIT: 1}
    assert list(tmp_path.iterdir()) == []
    assert pinned.bytes <= 3_000 < pinned.mapped_bytes
    with pytest.raises(ValueError, match="read-only"):
        again[0][0][0][0] = 1.0


def test_a_split_larger_than_the_room_goes_into_a_file_and_pushes_nothing_out(tmp_path):
    pinned, small, large = Pinned(), Reader(), Reader(rows=10_000)
    job, other = spec(room=5_000), replace(SPLIT, start=10)
    for _ in range(2):
        take(pinned, small, job, SPLIT, str(tmp_path))
        take(pinned, large, job, other, str(tmp_path))
    assert (small.reads, large.reads) == (1, 1)
    assert 0 < pinned.bytes < 5_000


class Words(Reader):
    """A batch of lists of words."""

    def batches(self):
        self.reads += 1
        yield [0, 1], [["word", "another"] * 500, []]


def test_records_that_have_no_room_are_made_again_from_the_file(tmp_path):
    pinned, reader = Pinned(), Words()
    taken = [take(pinned, reader, spec(room=100), SPLIT, str(tmp_path))[0] for _ in range(3)]
    assert (reader.reads, pinned.bytes) == (1, 0)
    assert 0 < pinned.mapped_bytes < 10_000
    assert taken == [[["word", "another"] * 500, []]] * 3
    # Whoever changes a record of a file changes it for nobody else.
    taken[1][0].clear()
    assert taken[2][0]


def test_what_fits_into_no_file_is_decoded_again_and_told_once_a_loop(tmp_path, caplog):
    pinned, reader = Pinned(), Reader()

    def prepare(_, value):
        return (value, lambda: value)

    splits = [replace(SPLIT, start=start) for start in (0, 10)]
    for loop in ("loop_1", "loop_2"):
        for split in 2 * splits:
            found = pinned.reader(
                spec(loop, room=100), split, lambda: reader, prepare, folder=str(tmp_path)
            )
            assert [value[0][0] for _, batch in found.batches() for value in batch] == [0, 1, 2]
            assert found.counters()[MISS] == 1
    assert (reader.reads, pinned.bytes, pinned.mapped_bytes) == (8, 0, 0)
    assert len(caplog.messages) == 2
    assert "file:///a" in caplog.messages[0]
    assert "lambda" in caplog.messages[0]


class Large(Reader):
    """More batches than there is room for; knows how many arrays were alive at once."""

    most = 0
    last = None

    def batches(self):
        seen = []
        for number in range(40):
            array = np.full(10_000, float(number))
            seen.append(weakref.ref(array))
            yield [number], [array]
            del array
            self.most = max(self.most, sum(one() is not None for one in seen))
        if self.last:
            yield [40], [self.last]


@pytest.mark.parametrize("where", ["file", "nowhere"])
def test_a_split_larger_than_the_room_takes_no_more_memory_while_it_is_read(where, tmp_path):
    pinned, reader = Pinned(), Large()
    folder = str(tmp_path) if where == "file" else NOWHERE
    for _ in range(2):
        found = pinned.reader(spec(room=3 * 80_000), SPLIT, lambda: reader, folder=folder)
        total = 0.0
        for _, values in found.batches():
            total += sum(map(np.sum, values))
            del values
        assert total == 10_000 * 780
    assert (HIT in found.counters()) == (where == "file")
    assert 0 < reader.most <= 4
    assert pinned.bytes == 0
    assert pinned.mapped_bytes >= (40 * 80_000 if where == "file" else 0)


def test_a_split_whose_end_no_file_takes_gives_back_the_room_of_its_beginning(tmp_path):
    pinned, reader, other = Pinned(), Large(), replace(SPLIT, start=10)
    reader.last = lambda: 1
    job = spec(room=3 * 80_000)
    take(pinned, Reader(rows=20_000), job, other, str(tmp_path))
    before = pinned.mapped_bytes
    values, counters, _ = take(pinned, reader, job, SPLIT, str(tmp_path))
    assert (len(values), MISS in counters) == (41, True)
    assert pinned.mapped_bytes == before > 0
    values, counters, _ = take(pinned, Reader(), job, other, str(tmp_path))
    assert ([value[0] for value in values], HIT in counters) == ([0.0, 1.0, 2.0], True)


def test_what_a_loop_has_prepared_in_a_file_goes_when_the_next_one_of_the_fit_begins(tmp_path):
    pinned, reader = Pinned(), Reader(rows=2_000)
    text, folder = replace(SPLIT, uri="file:///a.csv"), str(tmp_path)
    sizes = []
    for loop in ("loop_1", "loop_2", "loop_3"):
        job = spec(loop, room=100, pinned_for="fit_1")
        for _ in range(2):
            found = pinned.reader(
                job, text, lambda: reader, lambda _, value: (value,), folder=folder
            )
            assert [value[0][0] for _, batch in found.batches() for value in batch] == [0, 1, 2]
        sizes.append(pinned.mapped_bytes)
    # The text was parsed once for all.
    assert reader.reads == 1
    assert sizes[0] == sizes[1] == sizes[2] > 2 * 3 * 2_000 * 8


def test_a_loop_without_room_keeps_nothing(tmp_path):
    pinned, reader = Pinned(), Reader()
    for _ in range(2):
        take(pinned, reader, spec(room=0), SPLIT, str(tmp_path))
    assert (reader.reads, pinned.bytes, pinned.mapped_bytes) == (2, 0, 0)


def test_loops_that_read_the_same_find_what_the_others_have_decoded():
    pinned, reader = Pinned(), Reader()
    first, second = (spec(name, pinned_for="fit_1") for name in ("loop_1", "loop_2"))
    take(pinned, reader, first)
    values, counters, _ = take(pinned, reader, second)
    assert (reader.reads, counters[HIT]) == (1, 1)

    def twice(_, value):
        return (2 * value,)

    found = pinned.reader(second, SPLIT, lambda: reader, twice, folder=NOWHERE)
    prepared = [value for _, batch in found.batches() for value in batch]
    assert [one[0][0] for one in prepared] == [2 * value[0] for value in values]
    assert (reader.reads, found.counters()) == (1, {"lines_passed_over": 2, HIT: 1})
    # What a loop has prepared is its own.
    third = spec("loop_3", pinned_for="fit_1")
    plain = [value[0] for value in take(pinned, reader, third)[0]]
    assert (reader.reads, plain) == (1, [0.0, 1.0, 2.0])
    take(pinned, reader, spec("loop_4", pinned_for="fit_2"))
    assert reader.reads == 2


def test_an_array_that_is_read_as_fast_as_it_was_decoded_is_kept_as_it_was_prepared_only():
    pinned, array = Pinned(), replace(SPLIT, uri="file:///a.npy")
    job = spec(pinned_for="fit_1")
    found = pinned.reader(job, array, Reader, lambda _, value: (value,), folder=NOWHERE)
    assert len(list(found.batches())) == 3
    assert repr(pinned).startswith("Pinned(1 splits")


def test_the_few_records_of_a_split_are_kept_as_one_batch_and_many_as_they_were_read():
    pinned, reader = Pinned(), Reader()
    take(pinned, reader, spec())
    ((keys, values),) = pinned.reader(spec(), SPLIT, Reader, folder=NOWHERE).batches()
    assert (keys, [value[0] for value in values]) == ([0, 1, 2], [0.0, 1.0, 2.0])

    class Lines(Reader):
        def batches(self):
            yield list(range(200)), ["line"] * 200
            yield list(range(200, 400)), ["line"] * 200

    lines = replace(SPLIT, uri="file:///b")
    take(pinned, Lines(), spec(), lines)
    kept = pinned.reader(spec(), lines, Reader, folder=NOWHERE).batches()
    assert [len(keys) for keys, _ in kept] == [200, 200]


def test_a_split_that_was_not_read_to_its_end_is_not_kept():
    pinned, reader = Pinned(), Reader()
    next(pinned.reader(spec(), SPLIT, lambda: reader, folder=NOWHERE).batches())
    take(pinned, reader, spec())
    assert reader.reads == 2


def test_memory_is_estimated_from_the_items():
    words = ["word" * 10] * 1000
    assert bytes_of((list(range(1000)), words)) == pytest.approx(1000 * (8 + 28 + 8 + 89), rel=0.2)
    assert bytes_of(([], [])) == 0
    assert bytes_of(([0], [np.zeros(1000)])) == pytest.approx(8000, rel=0.1)
