from itertools import count
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orders import Documented, key_lists

from mapred.shuffle.budget import Budget
from mapred.shuffle.frames import FileSegment
from mapred.shuffle.groups import Groups
from mapred.shuffle.merge import merged
from mapred.shuffle.partition import partitions_of
from mapred.shuffle.segments import read_range
from mapred.shuffle.sorter import Sorter

TINY = Budget.of(1)


def hashed(partitions):
    return lambda keys, kind, column: partitions_of(keys, kind, column, partitions)


def map_output(records, folder, *, partitions=2, budget=TINY, rows=64):
    """One map's output: (data file, the sorter)."""
    folder.mkdir(exist_ok=True)
    sorter = Sorter(
        partitions=partitions, partition=hashed(partitions), budget=budget, folder=folder
    )
    for start in range(0, len(records), rows):
        part = records[start : start + rows]
        sorter.add([key for key, _ in part], [value for _, value in part])
    return sorter.finish()[0], sorter


def reduced(outputs, partition, folder, budget=TINY):
    """What a reduce sees: (key, its values) in order."""
    segments = []
    for output in outputs:
        where = read_range(output, partition)
        if where.length:
            segments.append(FileSegment(output, where.start, where.length))
    return [(key, list(values)) for key, values in Groups(merged(segments, budget, folder))]


def shuffled_in_python(maps, partition, partitions):
    """The same by sorting lists: the oracle."""
    records = []
    for items in maps:
        for key, value in items:
            if hashed(partitions)(*_columns(key))[0] == partition:
                records.append((key, value))
    records.sort(key=lambda record: Documented(record[0]))
    groups: list = []
    for key, value in records:
        if groups and Documented(groups[-1][0]) == Documented(key):
            groups[-1][1].append(value)
        else:
            groups.append((key, [value]))
    return groups


def _columns(key):
    from mapred.shuffle.columns import key_column

    return [key], *key_column([key])[:2]


numbers = count()


@settings(max_examples=80, deadline=None)
@given(st.lists(key_lists, min_size=1, max_size=4), st.integers(min_value=1, max_value=3))
def test_a_shuffle_groups_as_python_sorts_also_when_key_types_change(
    tmp_path_factory, maps, partitions
):
    folder = tmp_path_factory.mktemp("shuffle")
    records = [
        [(key, f"{at}:{place}") for place, key in enumerate(keys)] for at, keys in enumerate(maps)
    ]
    outputs = [
        map_output(items, folder / str(at), partitions=partitions, rows=7)[0]
        for at, items in enumerate(records)
    ]
    for partition in range(partitions):
        seen = reduced(outputs, partition, folder)
        expected = shuffled_in_python(records, partition, partitions)
        assert repr(seen) == repr(expected)


def test_many_spills_give_the_same_bytes_as_none(tmp_path: Path):
    rng = np.random.default_rng(5)
    records = [(f"key{number}", int(number) * 3) for number in rng.integers(0, 40_000, 120_000)]
    spilled, sorter = map_output(records, tmp_path / "spilled", partitions=3)
    whole, unspilled = map_output(records, tmp_path / "whole", partitions=3, budget=Budget.of(0))
    # Every record went to disk twice: in a spill and in the merged file.
    assert sorter.spilled_records == 2 * len(records)
    assert unspilled.spilled_records == len(records)
    for partition in range(3):
        assert reduced([spilled], partition, tmp_path) == reduced([whole], partition, tmp_path)
    assert sorted(path.name for path in (tmp_path / "spilled").iterdir()) == [
        "map.data",
        "map.data.index",
    ]


def test_a_map_without_records_leaves_empty_partitions(tmp_path):
    data, _ = map_output([], tmp_path / "empty", partitions=4)
    assert data.stat().st_size == 0
    assert [read_range(data, partition).rows for partition in range(4)] == [0, 0, 0, 0]
    assert reduced([data], 0, tmp_path) == []


def test_values_of_a_key_come_in_order_of_map_and_emission(tmp_path):
    maps = [[("k", (at, place)) for place in range(3000)] for at in range(5)]
    outputs = [
        map_output(items, tmp_path / str(at), partitions=1)[0] for at, items in enumerate(maps)
    ]
    [(key, values)] = reduced(outputs, 0, tmp_path)
    assert key == "k"
    assert values == [value for items in maps for _, value in items]


@pytest.mark.parametrize("size", [300_000, 3_000_000])
def test_one_record_larger_than_the_budget_passes(tmp_path, size):
    records = [("a", b"x" * 10), ("b", b"y" * size), ("c", b"z")]
    data, _ = map_output(records, tmp_path / "big", partitions=1)
    assert reduced([data], 0, tmp_path) == [(key, [value]) for key, value in records]
