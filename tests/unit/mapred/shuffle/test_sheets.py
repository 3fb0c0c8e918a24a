"""What maps of many tiny partitions leave gives reduces the very rows that segments would."""

import random
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fetch import Trackers, output, shuffle_of
from test_sorter import hashed

from mapred.errors import FetchError
from mapred.shuffle import sheetfetch
from mapred.shuffle.announced import Batch
from mapred.shuffle.budget import Budget
from mapred.shuffle.columns import joined
from mapred.shuffle.folding import folded_sorted
from mapred.shuffle.folds import Fold
from mapred.shuffle.merge import merged
from mapred.shuffle.packs import PACKS, Pack, Shelves, is_sheet, making, shared_out
from mapred.shuffle.pieces import interleaved
from mapred.shuffle.sheetfetch import Pieces, taken_here
from mapred.shuffle.sheets import (
    SHEET_BYTES_MAX,
    SHEET_PARTITIONS_MIN,
    read_sheet,
    sheet_bytes,
)
from mapred.shuffle.sink import Memory
from mapred.shuffle.sorter import Sorter
from mapred.shuffle.tiny import gathered

PARTITIONS = 7
BUDGET = Budget.of(1)
AMPLE = 1 << 20

KEYS = st.one_of(st.integers(0, 9), st.sampled_from(["a", "b", "ß", ""]), st.just(1.0))
# Most maps have keys of one type.
MAPS = st.lists(
    st.one_of(
        st.lists(st.tuples(st.integers(0, 20), st.integers(-5, 5)), max_size=20),
        st.lists(st.tuples(st.sampled_from("abcdef"), st.text(max_size=3)), max_size=20),
        st.lists(st.tuples(KEYS, st.integers(0, 9)), max_size=20),
    ),
    min_size=1,
    max_size=9,
)


def left_by(records, folder, *, sheet=True, ordered=True, fold=None):
    """The path of what a map leaves."""
    folder.mkdir(parents=True)
    sorter = Sorter(
        partitions=PARTITIONS,
        partition=hashed(PARTITIONS),
        budget=BUDGET,
        folder=folder,
        fold=fold,
        ordered=ordered,
        sheet_bytes=AMPLE if sheet else 0,
    )
    sorter.add([key for key, _ in records], [value for _, value in records])
    path, size = sorter.finish()
    assert size == path.stat().st_size
    return str(path)


def left_by_all(maps, job, **kind):
    return [left_by(one, job / f"m-{at}", **kind) for at, one in enumerate(maps)]


def outputs_at(paths, tracker="here"):
    return tuple(output(at, tracker=tracker, path=path) for at, path in enumerate(paths))


def fetched(folder, paths, partition, budget_bytes=10**6, on_lost=None):
    shuffle = shuffle_of(
        folder, None, len(paths), budget_bytes, on_lost=on_lost, partition=partition
    )
    shuffle.announce(outputs_at(paths))
    return gathered(shuffle.fetched(), BUDGET.frame_bytes), shuffle.rows


def records(segments, folder):
    return [
        (type(key), key, value)
        for rows in merged(segments, BUDGET, folder)
        for key, value in rows.pairs()
    ]


def random_maps(seed=1, maps=12, rows=30):
    rng = random.Random(seed)
    return [[(rng.randrange(60), (at, row)) for row in range(rows)] for at in range(maps)]


@settings(max_examples=60, deadline=None)
@given(MAPS)
def test_a_reduce_gets_the_same_records_in_the_same_order(tmp_path_factory, maps):
    folder = tmp_path_factory.mktemp("job")
    sheets = left_by_all(maps, folder / "job_1")
    plain = left_by_all(maps, folder / "job_2", sheet=False)
    assert all(is_sheet(path) for path in sheets)
    for partition in range(PARTITIONS):
        found, rows = fetched(folder, sheets, partition)
        expected, as_many = fetched(folder, plain, partition)
        assert (records(found, folder), rows) == (records(expected, folder), as_many)
        # A merge with what isn't in memory as a whole relies on it.
        for batch in (batch for one in found for batch in one.frames()):
            order = batch.order.to_pylist()
            assert order == sorted(order)


@settings(max_examples=30, deadline=None)
@given(MAPS)
def test_rows_that_are_not_sorted_stay_as_they_came(tmp_path_factory, maps):
    folder = tmp_path_factory.mktemp("job")
    sheets = left_by_all(maps, folder / "job_1", ordered=False)
    plain = left_by_all(maps, folder / "job_2", ordered=False, sheet=False)
    for partition in range(PARTITIONS):
        both = []
        for paths in (sheets, plain):
            found, _ = fetched(folder, paths, partition)
            assert not any(one.ordered for one in found)
            both.append([pair for one in found for rows in one.frames() for pair in rows.pairs()])
        assert both[0] == both[1]


def test_a_map_folds_what_it_puts_on_a_sheet(tmp_path):
    def fold(rows):
        return folded_sorted(rows, Fold.SUM)

    maps = [[(key % 9, 1) for key in range(50)] for _ in range(3)]
    sheets = left_by_all(maps, tmp_path / "job_1", fold=fold)
    plain = left_by_all(maps, tmp_path / "job_2", fold=fold, sheet=False)
    for partition in range(PARTITIONS):
        found, rows = fetched(tmp_path, sheets, partition)
        expected, as_many = fetched(tmp_path, plain, partition)
        assert (records(found, tmp_path), rows) == (records(expected, tmp_path), as_many)


def test_reduces_read_so_many_pieces_as_there_are_packs_whatever_the_number_of_maps(tmp_path):
    sheets = left_by_all(random_maps(maps=30), tmp_path / "job_1")
    for partition in range(PARTITIONS):
        (one,), _ = fetched(tmp_path, sheets, partition)
        assert len(list(one.frames())) == 1
    assert len(list((tmp_path / "job_1" / PACKS).glob("*.index"))) == 1


def test_what_memory_has_no_room_for_is_read_when_it_is_needed(tmp_path):
    maps = random_maps()
    sheets = left_by_all(maps, tmp_path / "job_1")
    ample, _ = fetched(tmp_path, sheets, 2)
    scarce, _ = fetched(tmp_path, sheets, 2, budget_bytes=200)
    assert records(scarce, tmp_path) == records(ample, tmp_path)


def test_segments_out_of_pieces_have_so_many_bytes_at_most(tmp_path):
    sheets = left_by_all(random_maps(), tmp_path / "job_1")
    memory = Memory(AMPLE)
    outputs = Batch({one.map_index: one for one in outputs_at(sheets)})
    (piece,) = taken_here(outputs, Pieces(2, memory, tmp_path, AMPLE)).pieces
    step = piece.row_bytes * 5
    found = interleaved([piece], {}, int(step))
    assert len(found) > 3
    assert sum(one.rows for one in found) == piece.counts.sum()
    assert all(one.rows <= 5 or one.rows in piece.counts for one in found)
    assert records(found, tmp_path) == records(interleaved([piece], {}, AMPLE), tmp_path)


def rot(path, at=-1):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("harm", ["frame", "list", "cut", "gone"])
def test_a_damaged_sheet_is_that_maps_loss_and_the_others_arrive(tmp_path, harm):
    maps = random_maps()
    sheets = left_by_all(maps, tmp_path / "job_1")
    whole, _ = fetched(tmp_path, left_by_all(maps, tmp_path / "job_2"), 2)
    bad = Path(sheets[5])
    good = bad.read_bytes()
    if harm == "gone":
        bad.unlink()
    elif harm == "cut":
        bad.write_bytes(good[:-9])
    else:
        rot(bad, -1 if harm == "frame" else 24)
    lost = []

    def on_lost(one, reason):
        lost.append((one.map_index, reason))
        # Its tracker has run it once more.
        again = tmp_path / "job_1" / "m-5-again" / "map.sheet"
        again.parent.mkdir()
        again.write_bytes(good)
        shuffle.announce((output(5, 1, "here", str(again)),))

    shuffle = shuffle_of(tmp_path, None, len(sheets), on_lost=on_lost, partition=2)
    shuffle.announce(outputs_at(sheets))
    found = shuffle.fetched()
    [(index, reason)] = lost
    assert index == 5
    assert str(bad) in reason
    assert records(found, tmp_path) == records(whole, tmp_path)


@pytest.mark.parametrize("which", ["data", "index"])
def test_a_damaged_pack_is_made_anew_and_no_map_is_lost(tmp_path, which, monkeypatch):
    sheets = left_by_all(random_maps(), tmp_path / "job_1")
    before, _ = fetched(tmp_path, sheets, 2)
    before = records(before, tmp_path)
    folder = tmp_path / "job_1" / PACKS
    (index,) = folder.glob("*.index")
    if which == "index":
        rot(index)
    else:
        pack = folder / index.name.removesuffix(".index")
        for at in range(0, pack.stat().st_size, 50):
            rot(pack, at)
    # As another process, which hasn't seen it whole.
    monkeypatch.setattr(sheetfetch, "SHELVES", Shelves())
    after, _ = fetched(tmp_path, sheets, 2)
    assert records(after, tmp_path) == before
    assert not index.exists()
    again, _ = fetched(tmp_path, sheets, 2)
    assert records(again, tmp_path) == before


def test_where_no_pack_can_be_made_sheets_are_read(tmp_path):
    maps = random_maps()
    sheets = left_by_all(maps, tmp_path / "job_1")
    (tmp_path / "job_1" / PACKS).write_text("a file, as if the disk took no directory")
    found, _ = fetched(tmp_path, sheets, 2)
    whole, _ = fetched(tmp_path, left_by_all(maps, tmp_path / "job_2"), 2)
    assert records(found, tmp_path) == records(whole, tmp_path)


def test_reduces_that_come_at_the_same_time_make_one_pack(tmp_path):
    sheets = left_by_all(random_maps(), tmp_path / "job_1")
    found = {}

    def reduce(partition):
        found[partition] = fetched(tmp_path, sheets, partition)[1]

    threads = [threading.Thread(target=reduce, args=(at,)) for at in range(PARTITIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(found.values()) == 12 * 30
    assert len(list((tmp_path / "job_1" / PACKS).glob("*.index"))) == 1


def test_while_another_party_makes_packs_one_waits_and_then_goes_without(tmp_path):
    with making(tmp_path / "p", 0) as one, making(tmp_path / "p", 0) as other:
        assert (one, other) == (True, False)
    with making(tmp_path / "p", 0) as next_one:
        assert next_one


def test_an_attempt_is_taken_from_one_pack_and_another_attempts_rows_from_none():
    first = Pack("first", {0: 0, 1: 0, 2: 0}, [])
    second = Pack("second", {2: 0, 3: 1}, [])
    shares, left = shared_out({0: 0, 1: 1, 2: 0, 3: 1, 4: 0}, [first, second])
    assert [(one.pack.path, one.maps) for one in shares] == [
        ("first", frozenset({0, 2})),
        ("second", frozenset({3})),
    ]
    assert left == {1: 1, 4: 0}


def test_rows_of_an_attempt_that_was_replaced_are_left_out(tmp_path):
    maps = random_maps()
    sheets = left_by_all(maps, tmp_path / "job_1")
    fetched(tmp_path, sheets, 2)
    # Map 3 has run again, elsewhere, and its new output is no sheet.
    plain = left_by(maps[3], tmp_path / "job_1" / "again", sheet=False)
    shuffle = shuffle_of(tmp_path, None, len(sheets), partition=2)
    outputs = list(outputs_at(sheets))
    outputs[3] = output(3, 1, "here", plain)
    shuffle.announce(tuple(outputs))
    whole, _ = fetched(tmp_path, left_by_all(maps, tmp_path / "job_2"), 2)
    assert records(shuffle.fetched(), tmp_path) == records(whole, tmp_path)


def test_an_output_of_many_bytes_or_few_partitions_is_no_sheet():
    assert sheet_bytes(SHEET_PARTITIONS_MIN - 1, 1 << 30) == 0
    assert sheet_bytes(10**6, 1 << 40) == SHEET_BYTES_MAX
    assert sheet_bytes(10**6, 32 << 20) == 1 << 20
    assert 0 < sheet_bytes(SHEET_PARTITIONS_MIN, 1 << 30) < SHEET_BYTES_MAX


def test_a_sheet_names_only_partitions_that_have_rows(tmp_path):
    path = Path(left_by([(1, 1)] * 3, tmp_path / "m"))
    sheet = read_sheet(path.read_bytes(), what="it")
    assert (sheet.partitions, sheet.counts.tolist()) == (PARTITIONS, [3])
    assert joined([sheet.rows]).pairs() == [(1, 1)] * 3
    empty = Path(left_by([], tmp_path / "n"))
    assert read_sheet(empty.read_bytes(), what="it").rows is None


def test_a_tracker_that_does_not_answer_is_complained_of_by_few_of_its_maps(tmp_path):
    sheets = left_by_all(random_maps(), tmp_path / "job_1")

    class Deaf(Trackers):
        def fetch_sheets(self, batch, pieces):
            raise FetchError("nobody there")

    lost = []

    def on_lost(one, reason):
        lost.append(one.map_index)
        if len(lost) == 5:
            # It is dead: its maps have run elsewhere.
            shuffle.announce(outputs_at(sheets))

    shuffle = shuffle_of(tmp_path, Deaf({}), len(sheets), on_lost=on_lost, partition=2)
    shuffle.announce(outputs_at(sheets, tracker="there"))
    whole, _ = fetched(tmp_path, left_by_all(random_maps(), tmp_path / "job_2"), 2)
    assert records(shuffle.fetched(), tmp_path) == records(whole, tmp_path)
    assert len(lost) == 5
