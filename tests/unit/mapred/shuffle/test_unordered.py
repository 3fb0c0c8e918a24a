"""Map output that isn't sorted: parted in order of emission, and sorted by who must have it so."""

from functools import partial

import pytest

from mapred.shuffle.budget import Budget
from mapred.shuffle.columns import joined
from mapred.shuffle.folding import folded_sorted
from mapred.shuffle.folds import Fold
from mapred.shuffle.frames import FileSegment, MemorySegment
from mapred.shuffle.merge import merged
from mapred.shuffle.partition import partitions_of
from mapred.shuffle.segments import read_range
from mapred.shuffle.sorter import Sorter
from mapred.shuffle.unordered import InOrder, likely_keys

TINY = Budget.of(1)
# Several spills of the tiny budget; keys come again.
PAIRS = [(f"key {number * 7919 % 20_011:06}", number) for number in range(30_000)]


def output(folder, partitions, *, ordered=False, after=0):
    """A map's output; `after` so many pairs it's told to keep the order."""
    folder.mkdir(exist_ok=True)
    sorter = Sorter(
        partitions=partitions,
        partition=lambda keys, kind, column: partitions_of(keys, kind, column, partitions),
        budget=TINY,
        folder=folder,
        ordered=ordered,
    )
    for start in range(0, len(PAIRS), 1000):
        if after and start >= after:
            sorter.keep_order()
        sorter.add(*map(list, zip(*PAIRS[start : start + 1000], strict=True)))
    data, _ = sorter.finish()
    return [segment(data, number) for number in range(partitions)]


def segment(data, number):
    where = read_range(data, number)
    return FileSegment(data, where.start, where.length)


def pairs_of(one):
    return joined(list(one.frames())).pairs()


@pytest.mark.parametrize("partitions", [1, 2, 7])
def test_each_partition_has_its_pairs_in_order_of_emission(tmp_path, partitions):
    segments = output(tmp_path, partitions)
    assert not any(one.ordered for one in segments)
    # Sorted output is the oracle of which pair is where.
    expected = [set(pairs_of(one)) for one in output(tmp_path / "s", partitions, ordered=True)]
    for one, pairs in zip(segments, expected, strict=True):
        assert pairs_of(one) == [pair for pair in PAIRS if pair in pairs]


def test_frames_say_in_memory_and_in_files_whether_they_are_ordered(tmp_path):
    for ordered in (True, False):
        one = output(tmp_path / str(ordered), 1, ordered=ordered)[0]
        data = one.path.read_bytes()
        assert one.ordered == MemorySegment(data, "it").ordered == ordered


def test_order_can_be_asked_for_until_something_was_spilled(tmp_path):
    early = output(tmp_path / "early", 1, after=1000)[0]
    assert early.ordered
    assert pairs_of(early) == sorted(PAIRS)
    late = output(tmp_path / "late", 1, after=29_000)[0]
    assert not late.ordered
    assert pairs_of(late) == PAIRS


def test_a_reduce_that_needs_order_makes_it_and_values_stay_in_order_of_maps(tmp_path):
    segments = [
        output(tmp_path / str(at), 1, ordered=ordered)[0]
        for at, ordered in enumerate([False, True, False, False])
    ]
    sorting = InOrder(TINY, tmp_path, None)
    runs = sorting.of(segments)
    assert all(run.ordered for run in runs)
    assert len(runs) > len(segments)
    found = [pair for rows in merged(runs, TINY, tmp_path) for pair in rows.pairs()]
    assert found == sorted(4 * PAIRS, key=lambda pair: pair[0])


def test_runs_are_folded_where_that_can_be(tmp_path):
    fold = partial(folded_sorted, fold=Fold.SUM)
    sorting = InOrder(Budget.of(0), tmp_path, fold)
    (run,) = sorting.of(output(tmp_path, 1))
    sums: dict[str, int] = {}
    for key, value in PAIRS:
        sums[key] = sums.get(key, 0) + value
    assert pairs_of(run) == sorted(sums.items())
    assert sorting.folded_records == len(PAIRS) - len(sums)


@pytest.mark.parametrize("keys", [50_000, 1_000_000])
def test_how_many_keys_there_are_is_guessed_from_those_that_came_again(keys):
    rows, seen, at = 20_000, set(), 1
    for _ in range(rows):
        at = at * 6364136223846793005 % (1 << 64)
        seen.add((at >> 33) % keys)
    assert keys / 2 < likely_keys(rows, len(seen)) < 2 * keys
    assert likely_keys(10, 10) >= 10
