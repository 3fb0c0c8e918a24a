"""What comes counted already is not hashed again; the sums are right, whatever comes first."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from mapred.shuffle.budget import Budget
from mapred.shuffle.folds import Fold
from mapred.shuffle.frames import FileSegment
from mapred.shuffle.fromarrow import rows_from
from mapred.shuffle.hashfold import HashFold
from mapred.shuffle.segments import read_range
from mapred.shuffle.sorter import Sorter
from mapred.task import foldtable
from mapred.task.foldtable import FoldTable

BATCH = 100


@pytest.fixture(autouse=True)
def small_looks(monkeypatch):
    monkeypatch.setattr(foldtable, "_FIRST_ROWS", 200)
    monkeypatch.setattr(foldtable, "_TOLD_ROWS", 1000)


@pytest.fixture
def hashed(monkeypatch):
    """How many rows have gone into hash tables."""
    rows_hashed = []
    add = HashFold.add

    def counting(self, rows):
        rows_hashed.append(len(rows))
        return add(self, rows)

    monkeypatch.setattr(HashFold, "add", counting)
    return rows_hashed


def output_of(keys, folder, reduces_bytes=1 << 26):
    """A count of each key, as the map's output has it, the number of its rows, and whether they
    are in order."""
    sorter = Sorter(
        partitions=1,
        partition=lambda keys, kind, column: np.zeros(len(keys), np.uint32),
        budget=Budget.of(0),
        folder=folder,
        ordered=False,
    )
    table = FoldTable(Fold.SUM, None, sorter, 1 << 24, floats=True, reduces_bytes=reduces_bytes)
    for start in range(0, len(keys), BATCH):
        some = keys[start : start + BATCH]
        table.add_rows(rows_from((pa.array(some), pa.array([1] * len(some)))))
    table.finish()
    assert table.records_in == len(keys)
    path, _ = sorter.finish()
    where = read_range(path, 0)
    found, rows_out = Counter(), 0
    segment = FileSegment(path, where.start, where.length)
    for rows in segment.frames():
        for key, count in rows.pairs():
            found[key] += count
            rows_out += 1
    assert table.records_out == rows_out
    return found, rows_out, segment.ordered


@pytest.mark.parametrize(
    ("keys", "rows", "looked_up"),
    [
        pytest.param([f"word-{number}" for number in range(900)], 900, 200, id="once"),
        pytest.param([f"word-{number % 50}" for number in range(900)], 50, 900, id="again"),
    ],
)
def test_rows_are_hashed_only_at_first_where_keys_come_once(
    keys, rows, looked_up, tmp_path, hashed
):
    found, rows_out, _ = output_of(keys, tmp_path)
    assert found == Counter(keys)
    assert rows_out == rows
    assert sum(hashed) == looked_up


def test_a_second_look_finds_keys_that_come_again_later(tmp_path, hashed):
    keys = [f"once-{number}" for number in range(1000)]
    keys += [f"often-{number % 20}" for number in range(3000)]
    found, rows, _ = output_of(keys, tmp_path)
    assert found == Counter(keys)
    assert rows == 1000 + 20
    assert sum(hashed) == 200 + 3000


def test_rows_of_another_kind_after_unhashed_ones_are_counted_too(tmp_path):
    keys = [f"word-{number}" for number in range(500)]
    numbers = [number % 7 for number in range(500)]
    found, _, _ = output_of(keys + numbers, tmp_path)
    assert found == Counter(keys + numbers)


@pytest.mark.parametrize(("reduces_bytes", "ordered"), [(10_000, True), (1 << 26, False)])
def test_unhashed_keys_are_sorted_here_where_reduces_have_no_room_for_them(
    tmp_path, reduces_bytes, ordered
):
    keys = [f"word-{number}" for number in range(900)]
    assert output_of(keys, tmp_path, reduces_bytes) == (Counter(keys), 900, ordered)
