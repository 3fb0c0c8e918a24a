"""Small segments that are decoded together are what each of them would have been."""

import random

import pytest
from test_fetch import output, shuffle_of

from mapred.shuffle.budget import Budget
from mapred.shuffle.columns import joined, rows_of
from mapred.shuffle.frames import FrameWriter, MemorySegment, to_frame
from mapred.shuffle.merge import merged
from mapred.shuffle.segments import SegmentRange, write_index
from mapred.shuffle.tiny import TINY_BYTES, Together, gathered

BUDGET = Budget.of(1)
AMPLE = 1 << 20


def in_memory(keys, values):
    return MemorySegment(to_frame(rows_of(keys, values)), "it")


def small(rng, at):
    """Sorted; keys come again within it and in others, as keys that are equal but not the same."""
    kind = rng.choice([int, float, str, lambda key: (key, key), lambda key: rng.choice([1, 1.0])])
    keys = sorted(kind(rng.randrange(9)) for _ in range(rng.randrange(1, 6)))
    value = rng.choice([lambda row: row, str, lambda row: (row, "x" * 200)])
    return in_memory(keys, [value(100 * at + row) for row in range(len(keys))])


def records(segments, folder):
    return [
        (type(key), key, value)
        for rows in merged(segments, BUDGET, folder)
        for key, value in rows.pairs()
    ]


@pytest.mark.parametrize("seed", range(20))
def test_a_merge_gives_the_same_records_in_the_same_order(tmp_path, seed):
    rng = random.Random(seed)
    segments = [small(rng, at) for at in range(60)]
    # Neighbours alike, most of them.
    segments.sort(key=lambda one: one.data[16:18])
    fewer = gathered(segments, AMPLE)
    assert len(fewer) < len(segments) / 2
    assert sum(one.length for one in fewer) == sum(one.length for one in segments)
    assert records(fewer, tmp_path) == records(segments, tmp_path)
    for rows in (rows for one in fewer for rows in one.frames()):
        # A merge with what isn't in memory as a whole relies on it.
        order = rows.order.to_pylist()
        assert order == sorted(order)


def test_rows_that_are_not_sorted_stay_as_they_came(tmp_path):
    path = tmp_path / "frames"
    segments = []
    for at in range(5):
        with open(path, "wb") as file:
            writer = FrameWriter(file, AMPLE, ordered=False)
            writer.write(rows_of(["b", "a", "b"], [at, at + 1, at + 2]))
            writer.end_segment()
        segments.append(MemorySegment(path.read_bytes(), "it"))
    (one,) = gathered(segments, AMPLE)
    assert not one.ordered
    apart = [pair for segment in segments for pair in joined(list(segment.frames())).pairs()]
    assert joined(list(one.frames())).pairs() == apart


def test_only_neighbours_that_are_small_and_alike_are_put_together():
    tiny, other = in_memory([1], [1]), in_memory(["a"], [1])
    large = in_memory([2], [random.Random(1).randbytes(TINY_BYTES)])
    two_frames = MemorySegment(tiny.data + tiny.data, "it")
    segments = [tiny, tiny, other, tiny, large, tiny, tiny, tiny, two_frames, tiny]
    found = gathered(segments, AMPLE)
    assert [type(one) for one in found] == [
        Together,
        *[MemorySegment] * 3,
        Together,
        *[MemorySegment] * 2,
    ]
    assert [one.length for one in found[:2]] == [2 * tiny.length, other.length]
    assert found[1:4] == [other, tiny, large]
    assert found[5:] == [two_frames, tiny]


def test_what_is_decoded_together_is_bounded():
    one = in_memory([1], [1])
    raw_bytes = one.length - 20
    found = gathered([one] * 10, 4 * raw_bytes)
    assert [segment.length for segment in found] == [4 * one.length, 4 * one.length, 2 * one.length]


def test_compressed_frames_are_decoded_too():
    segments = [in_memory([at], ["again " * 500]) for at in range(3)]
    assert all(one.length < 500 for one in segments)
    (one,) = gathered(segments, AMPLE)
    assert joined(list(one.frames())).pairs() == [(at, "again " * 500) for at in range(3)]


@pytest.mark.parametrize("harm", ["rot", "cut"])
def test_a_small_segment_that_is_damaged_is_lost_by_name(tmp_path, harm):
    frame = to_frame(rows_of(["a"], [1]))
    for at in range(2):
        path = tmp_path / f"map-{at}.data"
        path.write_bytes(frame)
        write_index(path, [SegmentRange(0, len(frame), 1)])
    bad = tmp_path / "map-1.data"
    bad.write_bytes(frame[:-1] + b"x" if harm == "rot" else frame[:-1])
    lost = []

    def on_lost(one, reason):
        lost.append((one.map_index, reason))
        # Its tracker has run it once more.
        bad.write_bytes(frame)
        shuffle.announce((output(1, 1, "here", str(bad)),))

    shuffle = shuffle_of(tmp_path, None, 2, on_lost=on_lost)
    shuffle.announce(
        tuple(output(at, 0, "here", str(tmp_path / f"map-{at}.data")) for at in range(2))
    )
    (one,) = gathered(shuffle.fetched(), AMPLE)
    assert joined(list(one.frames())).pairs() == [("a", 1), ("a", 1)]
    [(index, reason)] = lost
    assert index == 1
    assert str(bad) in reason
    assert ("checksum" if harm == "rot" else "too early") in reason
