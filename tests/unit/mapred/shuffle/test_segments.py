import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapred.errors import FetchError
from mapred.shuffle.columns import rows_of
from mapred.shuffle.frames import FileSegment, FrameWriter, MemorySegment, to_frame
from mapred.shuffle.segments import (
    FRAME_HEAD,
    SegmentRange,
    index_path,
    read_range,
    verify,
    verify_file,
    write_index,
)

FRAMES = to_frame(rows_of(["a", "b"], [1, 2])) + to_frame(rows_of(["c"] * 500, list(range(500))))


def test_an_index_tells_where_every_partition_is(tmp_path):
    data = tmp_path / "map.data"
    ranges = [SegmentRange(0, 10, 2), SegmentRange(10, 0, 0), SegmentRange(10, 7, 1)]
    write_index(data, ranges)
    assert [read_range(data, partition) for partition in range(3)] == ranges
    assert read_range(index_path(data), 2) == ranges[2]


def test_a_partition_that_is_not_there_is_refused(tmp_path):
    write_index(tmp_path / "map.data", [SegmentRange(0, 0, 0)])
    with pytest.raises(FetchError, match="has 1 partitions, and no number 1"):
        read_range(tmp_path / "map.data", 1)


def test_a_missing_index_names_the_file(tmp_path):
    with pytest.raises(FetchError, match=r"map\.data\.index can't be read: No such file"):
        read_range(tmp_path / "map.data", 0)


@settings(max_examples=100, deadline=None)
@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_any_changed_byte_of_an_index_is_noticed(tmp_path_factory, at, change):
    data = tmp_path_factory.mktemp("index") / "map.data"
    write_index(data, [SegmentRange(0, 10, 2), SegmentRange(10, 5, 1)])
    content = bytearray(index_path(data).read_bytes())
    # Bytes 6 and 7 say nothing yet.
    at = [place for place in range(len(content)) if place not in (6, 7)][at % (len(content) - 2)]
    content[at] ^= change
    index_path(data).write_bytes(content)
    with pytest.raises(FetchError):
        read_range(data, 1)


@settings(max_examples=200, deadline=None)
@given(st.integers(min_value=0, max_value=len(FRAMES) - 1), st.integers(min_value=1, max_value=255))
def test_any_changed_byte_of_a_segment_is_noticed(at, change):
    data = bytearray(FRAMES)
    data[at] ^= change
    with pytest.raises(FetchError, match="map 7"):
        verify(bytes(data), what="map 7")
    with pytest.raises(FetchError, match="map 7"):
        list(MemorySegment(bytes(data), "map 7").frames())


@given(st.integers(min_value=1, max_value=len(FRAMES) - 1))
def test_a_cut_off_segment_is_noticed_unless_it_ends_with_a_frame(length):
    whole_frames = len(to_frame(rows_of(["a", "b"], [1, 2])))
    if length == whole_frames:
        assert verify(FRAMES[:length], what="map 7") == 2
    else:
        with pytest.raises(FetchError):
            verify(FRAMES[:length], what="map 7")


def test_a_segment_in_a_file_is_checked_frame_by_frame(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"before" + FRAMES + b"after")
    assert verify_file(path, 6, len(FRAMES)) == 502
    assert sum(map(len, FileSegment(path, 6, len(FRAMES)).frames())) == 502
    with pytest.raises(FetchError):
        verify_file(path, 6, len(FRAMES) + 5)
    with pytest.raises(FetchError, match="can't be read"):
        verify_file(tmp_path / "none", 0, 10)


def test_frames_that_compressing_makes_hardly_smaller_are_stored_as_they_are(tmp_path):
    noise, text = random.Random(4).randbytes(20_000), b"the same again " * 1_000
    path = tmp_path / "frames"
    with open(path, "wb") as file:
        writer = FrameWriter(file, 16 * 1024)
        for value in [text, noise, *[text] * 20, b"too short to tell", noise, text]:
            writer.write(rows_of([1], [value]))
            writer.end_segment()
    data, smaller = path.read_bytes(), []
    while data:
        payload_bytes, raw_bytes, *_ = FRAME_HEAD.unpack_from(data)
        smaller.append(payload_bytes < raw_bytes)
        data = data[FRAME_HEAD.size + payload_bytes :]
    # After noise fifteen aren't tried, whatever they are.
    assert smaller == [True] + [False] * 16 + [True] * 5 + [False] * 3
    read = [
        value
        for rows in FileSegment(path, 0, writer.position).frames()
        for _, value in rows.pairs()
    ]
    assert read == [text, noise, *[text] * 20, b"too short to tell", noise, text]
