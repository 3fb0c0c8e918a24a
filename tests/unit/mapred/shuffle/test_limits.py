"""The limits, each really exceeded: budgets, descriptors, the size of a record and of a column."""

import random
import resource
import tracemalloc
from itertools import groupby

import pyarrow as pa
import pytest
from test_fetch import Trackers, output, shuffle_of
from test_sorter import map_output, reduced

from mapred.shuffle import columns
from mapred.shuffle.budget import Budget
from mapred.shuffle.columns import rows_of
from mapred.shuffle.frames import FileSegment, to_frame
from mapred.shuffle.groups import Groups
from mapred.shuffle.merge import merged
from mapred.shuffle.segments import SegmentRange, read_range, write_index

TINY = Budget.of(1)


@pytest.fixture
def few_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def small_columns(monkeypatch):
    """As if a column held 64 KB and not 2 GiB."""
    monkeypatch.setattr(columns, "COLUMN_BYTES_MAX", 64_000)


def test_a_shuffle_of_ten_times_the_summed_budgets_completes(tmp_path):
    rng = random.Random(4)
    outputs, all_bytes = [], 0
    for at in range(3):
        records = [(f"k{rng.randrange(10**6):06}", f"{at}" * 20_000) for _ in range(900)]
        all_bytes += sum(len(key) + len(value) for key, value in records)
        path, sorter = map_output(records, tmp_path / str(at), rows=10)
        # They went to disk more than once.
        assert sorter.spilled_records > len(records)
        outputs.append(path)
    # Of three maps and two reduces.
    assert all_bytes > 10 * 5 * TINY.memory_bytes
    seen = 0
    for partition in (0, 1):
        last = ""
        for key, values in _streamed(outputs, partition, tmp_path):
            assert last < key
            last, seen = key, seen + sum(1 for _ in values)
    assert seen == 2_700


def _streamed(outputs, partition, folder):
    places = [(path, read_range(path, partition)) for path in outputs]
    segments = [FileSegment(path, where.start, where.length) for path, where in places]
    return Groups(merged(segments, TINY, folder))


def test_a_value_that_no_column_holds_is_refused_with_the_limit(tmp_path, monkeypatch):
    whole = columns.pa.array

    def array(items, *kinds):
        # As Arrow does with an item of 2 GiB and more.
        if items == ["too large"]:
            raise columns.pa.ArrowCapacityError("array cannot contain more than 2147483646 bytes")
        return whole(items, *kinds)

    monkeypatch.setattr(columns.pa, "array", array)
    with pytest.raises(ValueError, match=r"a record has more than 2147483647 bytes .* cut it"):
        map_output([("k", "too large")], tmp_path)


def test_5000_by_1000_tiny_partitions_do_not_exhaust_descriptors(tmp_path, few_descriptors):
    frame = to_frame(rows_of(["a", "b"], [1, 2]))
    path = tmp_path / "map.data"
    path.write_bytes(frame * 1000)
    write_index(path, [SegmentRange(at * len(frame), len(frame), 2) for at in range(1000)])
    here = [output(at, tracker="here", path=str(path)) for at in range(2500)]
    there = Trackers({(at, 0): frame for at in range(2500, 5000)})
    # Room for a few: the others lie on disk until they are merged.
    shuffle = shuffle_of(tmp_path, there, 5000, budget_bytes=10 * len(frame))
    shuffle.announce((*here, *(output(at) for at in range(2500, 5000))))
    groups = Groups(merged(shuffle.fetched(), TINY, tmp_path))
    assert {key: sum(values) for key, values in groups} == {"a": 5000, "b": 10000}


def test_a_key_with_half_of_all_records_streams(tmp_path):
    def record(at):
        return ("hot" if at % 2 else f"k{at}", "x" * 100)

    paths = [
        map_output([record(at) for at in range(start, 60_000, 2 if start else 3)], folder)[0]
        for start, folder in ((1, tmp_path / "1"), (0, tmp_path / "0"))
    ]
    counts = []
    for partition in (0, 1):
        for key, values in _streamed(paths, partition, tmp_path):
            if key == "hot":
                before = in_columns = pa.total_allocated_bytes()
                tracemalloc.start()
                count = 0
                for _ in values:
                    count += 1
                    if count % 100 == 0:
                        in_columns = max(in_columns, pa.total_allocated_bytes())
                peak = tracemalloc.get_traced_memory()[1] + in_columns - before
                tracemalloc.stop()
                counts.append(count)
                # The values have four times the budget.
                assert peak < 2 * TINY.memory_bytes
    assert counts == [40_000]


def test_one_record_larger_than_all_budgets_goes_through(tmp_path):
    huge = "h" * (20 * TINY.memory_bytes)
    records = [("a", "1"), ("b", huge), ("c", "2"), ("b", "3")]
    path, _ = map_output(records, tmp_path / "m", partitions=1, rows=2)
    assert reduced([path, path], 0, tmp_path) == [
        ("a", ["1"] * 2),
        ("b", [huge, "3"] * 2),
        ("c", ["2"] * 2),
    ]


@pytest.mark.parametrize("value", ["text", b"bytes", ("a", "tuple")])
def test_values_of_more_than_a_column_holds_go_in_several(tmp_path, small_columns, value):
    def sized(at):
        return value if at % 5 else ("x" * 20_000 if value == "text" else (b"x" * 20_000))

    maps = [[(f"k{at % 3}", sized(at)) for at in range(40)] for _ in range(4)]
    paths = [
        map_output(records, tmp_path / str(at), partitions=1, rows=20)[0]
        for at, records in enumerate(maps)
    ]
    everything = sorted((pair for records in maps for pair in records), key=lambda pair: pair[0])
    assert reduced(paths, 0, tmp_path) == [
        (key, [one for _, one in run]) for key, run in groupby(everything, lambda pair: pair[0])
    ]


def test_a_record_of_more_than_a_column_holds_is_refused_with_the_limit(tmp_path, small_columns):
    with pytest.raises(ValueError, match=r"64000 bytes .* cut it into several"):
        map_output([("a", "x"), ("b", "x" * 70_000)], tmp_path / "m")
