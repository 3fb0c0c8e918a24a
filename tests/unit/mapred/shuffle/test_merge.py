import math
import resource
import tracemalloc
from itertools import groupby

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orders import Documented, key_lists, same

from mapred.shuffle.budget import Budget
from mapred.shuffle.columns import rows_of
from mapred.shuffle.frames import FileSegment, FrameWriter, MemorySegment, to_frame
from mapred.shuffle.groups import Groups
from mapred.shuffle.merge import merged

TINY = Budget.of(1)


def segment(path, frames):
    """A segment with exactly these frames."""
    data = b"".join(to_frame(rows_of(keys, values)) for keys, values in frames)
    path.write_bytes(data)
    return FileSegment(path, 0, len(data))


def test_more_segments_than_the_budget_has_room_for_keep_their_order(tmp_path):
    # 200 maps that all have the same keys, in frames of some KB: several levels of merging.
    keys = [f"{number:05}" for number in range(300)]
    segments = []
    for at in range(200):
        values = [(at, "padding" * 10)] * len(keys)
        segments.append(segment(tmp_path / f"s{at}", [(keys, values)]))
    seen, runs = [], set()
    for key, values in Groups(merged(segments, TINY, tmp_path)):
        seen.append(key)
        runs.update(tmp_path.glob("run-*"))
        assert [at for at, _ in values] == list(range(200))
    assert seen == keys
    # It went over the disk, and only what the last level needs was still there.
    assert 0 < len(runs) < 20
    assert list(tmp_path.glob("run-*")) == []


def test_merging_thousands_of_segments_holds_few_descriptors(tmp_path):
    segments = [segment(tmp_path / f"s{at}", [([at % 7], [at])]) for at in range(1500)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    try:
        groups = {key: list(values) for key, values in Groups(merged(segments, TINY, tmp_path))}
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert groups == {key: list(range(key, 1500, 7)) for key in range(7)}


def test_equal_keys_across_frames_and_segments_keep_the_order_of_segments(tmp_path):
    first = segment(tmp_path / "1", [(["a", "b"], [11, 12]), (["b", "b"], [13, 14]), (["c"], [15])])
    second = segment(tmp_path / "2", [(["b"], [21]), (["b"], [22]), (["b", "d"], [23, 24])])
    third = segment(tmp_path / "3", [(["b", "c"], [31, 32])])
    groups = Groups(merged([first, second, third], TINY, tmp_path))
    assert {key: list(values) for key, values in groups} == {
        "a": [11],
        "b": [12, 13, 14, 21, 22, 23, 31],
        "c": [15, 32],
        "d": [24],
    }


def test_a_group_larger_than_the_budget_streams(tmp_path):
    # 16 MB of values under one key against a budget of 1 MiB.
    segments = []
    for at in range(4):
        path = tmp_path / f"s{at}"
        with open(path, "wb") as file:
            writer = FrameWriter(file, TINY.frame_bytes)
            writer.write(rows_of(["a"], [b"first"]))
            for number in range(40):
                values = [b"%d-%d-%d" % (at, number, place) + b"x" * 990 for place in range(100)]
                writer.write(rows_of(["hot"] * 100, values))
            writer.end_segment()
        segments.append(FileSegment(path, 0, writer.position))
    expected = (
        b"%d-%d-%d" % (at, number, place)
        for at in range(4)
        for number in range(40)
        for place in range(100)
    )
    arrow_before, arrow_peak = pa.total_allocated_bytes(), 0
    tracemalloc.start()
    try:
        groups = iter(Groups(merged(segments, TINY, tmp_path)))
        assert [list(values) for _, values in [next(groups)]] == [[b"first"] * 4]
        key, values = next(groups)
        for value in values:
            assert value.startswith(next(expected))
            arrow_peak = max(arrow_peak, pa.total_allocated_bytes() - arrow_before)
        assert (key, next(expected, None), next(groups, None)) == ("hot", None, None)
        _, python_peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert python_peak + arrow_peak < 3 * TINY.memory_bytes


def test_a_reduce_that_leaves_values_unread_gets_the_next_group_whole(tmp_path):
    frames = [
        (["a", "b"], [1, 2]),
        (["b", "b"], [3, 4]),
        (["b", "c"], [5, 6]),
        (["c", "d"], [7, 8]),
    ]
    seen = []
    groups = Groups(merged([segment(tmp_path / "s", frames)], TINY, tmp_path))
    for key, values in groups:
        seen.append((key, next(values)))
    assert seen == [("a", 1), ("b", 2), ("c", 6), ("d", 8)]
    assert (groups.groups, groups.records) == (4, 8)


def test_segments_of_different_key_kinds_merge_in_the_total_order(tmp_path):
    parts = [[None, 2.5, 3, "a", ("a", 1)], [1, 2, 3], ["", "a"], [1.0, 2.5]]
    segments = [
        segment(tmp_path / str(at), [(keys, [at] * len(keys))]) for at, keys in enumerate(parts)
    ]
    seen = [(key, list(values)) for key, values in Groups(merged(segments, TINY, tmp_path))]
    assert seen == [
        (None, [0]),
        (1, [1, 3]),
        (2, [1]),
        (2.5, [0, 3]),
        (3, [0, 1]),
        ("", [2]),
        ("a", [0, 2]),
        (("a", 1), [0]),
    ]
    assert repr(seen[1][0]) == "1"


# Of few keys, which meet at the borders of frames, in columns of one kind and of several.
floats = st.lists(st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, 2.0]))
ints = st.lists(st.integers(0, 3))
strs = st.lists(st.sampled_from(["", "a", "b"]))
mixed = st.lists(st.sampled_from([None, False, True, 1, 1.0, 2, math.nan, "", "a", b"", (1, "a")]))
maps_of_keys = st.one_of(
    *(
        st.lists(kind, min_size=2, max_size=4)
        for kind in (floats, ints, strs, mixed, st.one_of(floats, ints, strs, mixed), key_lists)
    )
)


@settings(max_examples=100, deadline=None)
@given(maps_of_keys, st.integers(1, 3))
def test_frames_that_come_one_at_a_time_merge_in_the_total_order_whatever_their_kinds(
    tmp_path_factory, maps, frame_rows
):
    folder = tmp_path_factory.mktemp("merge")
    ordered = [sorted(keys, key=Documented) for keys in maps]
    segments = []
    for at, keys in enumerate(ordered):
        rows = rows_of(keys, [f"{at}:{place}" for place in range(len(keys))]) if keys else []
        parts = range(0, len(keys), frame_rows)
        data = b"".join(to_frame(rows.slice(start, frame_rows)) for start in parts)
        segments.append(MemorySegment(data, str(at)))
    # Of every segment just one frame is open.
    seen = [(key, list(values)) for key, values in Groups(merged(segments, Budget(0), folder))]
    everything = [
        (Documented(key), f"{at}:{place}")
        for at, keys in enumerate(ordered)
        for place, key in enumerate(keys)
    ]
    everything.sort(key=lambda pair: pair[0])
    expected = [
        (key.key, [value for _, value in run])
        for key, run in groupby(everything, key=lambda pair: pair[0])
    ]
    assert [values for _, values in seen] == [values for _, values in expected]
    assert all(same(key, wanted) for (key, _), (wanted, _) in zip(seen, expected, strict=True))


def test_no_segments_are_no_groups(tmp_path):
    assert list(Groups(merged([], TINY, tmp_path))) == []


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_segment_in_memory_reads_as_one_on_disk(tmp_path, frames):
    data = b"".join(to_frame(rows_of([at], [at])) for at in range(frames))
    assert [rows.key_list() for rows in MemorySegment(data, "m").frames()] == [
        [at] for at in range(frames)
    ]
