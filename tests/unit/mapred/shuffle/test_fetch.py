"""The reduce's side of the shuffle: what is fetched from where, kept where, and complained of."""

import errno
import os
import random
import shutil
import threading
from pathlib import Path

import pytest

from mapred.errors import FetchError
from mapred.model import MapOutput
from mapred.shuffle.columns import rows_of
from mapred.shuffle.fetch import Shuffle
from mapred.shuffle.frames import FileSegment, MemorySegment, to_frame
from mapred.shuffle.segments import SegmentRange, index_path, write_index

# Rows of a segment that isn't small.
LARGE = 5_000


def output(index, number=0, tracker="there", path=""):
    return MapOutput(index, number, tracker, "localhost", 1, path, 0)


def segment_bytes(index, rows=3):
    return to_frame(rows_of([f"k{index}"] * rows, list(range(rows))))


class Trackers:
    """Other trackers, which hold some outputs and fail for others."""

    def __init__(self, held):
        self.held = held
        self.asked = []
        self.closed = False
        self.gate = threading.Event()
        self.gate.set()
        self.at_once, self.at_once_max = 0, 0
        self.lock = threading.Lock()
        self.arrived = threading.Semaphore(0)

    def fetch(self, one, sink):
        with self.lock:
            self.asked.append(one.map_index)
            self.at_once += 1
            self.at_once_max = max(self.at_once_max, self.at_once)
        self.arrived.release()
        assert self.gate.wait(30)
        with self.lock:
            self.at_once -= 1
        data = self.held.get((one.map_index, one.attempt_number))
        if data is None:
            raise FetchError(f"no output of map {one.map_index}")
        for at in range(0, len(data), 50):
            sink.write(data[at : at + 50])

    def close(self):
        self.closed = True


def shuffle_of(
    folder, trackers, maps, budget_bytes=10**6, on_lost=None, short_circuit=True, partition=0
):
    return Shuffle(
        maps=maps,
        partition=partition,
        tracker_id="here",
        folder=folder,
        budget_bytes=budget_bytes,
        remote=lambda: trackers,
        short_circuit=short_circuit,
        on_lost=on_lost or (lambda one, reason: pytest.fail(reason)),
        on_progress=lambda here, maps: None,
        rng=random.Random(1),
    )


def keys_of(segments):
    return [rows.key_list()[0] for segment in segments for rows in segment.frames()]


def test_segments_come_in_order_of_maps_whatever_the_order_of_fetching(tmp_path):
    trackers = Trackers({(index, 0): segment_bytes(index) for index in range(40)})
    shuffle = shuffle_of(tmp_path, trackers, 40)
    shuffle.announce(tuple(output(index) for index in reversed(range(40))))
    assert keys_of(shuffle.fetched()) == [f"k{index}" for index in range(40)]
    assert trackers.asked != sorted(trackers.asked)
    assert shuffle.rows == 120
    assert trackers.closed


def test_a_few_are_fetched_at_once(tmp_path):
    trackers = Trackers({(index, 0): segment_bytes(index) for index in range(12)})
    trackers.gate.clear()
    shuffle = shuffle_of(tmp_path, trackers, 12)
    shuffle.announce(tuple(output(index) for index in range(12)))
    fetching = threading.Thread(target=shuffle.fetched)
    fetching.start()
    for _ in range(5):
        assert trackers.arrived.acquire(timeout=30)
    trackers.gate.set()
    fetching.join(30)
    assert trackers.at_once_max == 5


def test_what_memory_has_no_room_for_goes_to_disk(tmp_path):
    trackers = Trackers({(index, 0): segment_bytes(index, 200) for index in range(8)})
    size = len(segment_bytes(0, 200))
    shuffle = shuffle_of(tmp_path, trackers, 8, budget_bytes=3 * size)
    shuffle.announce(tuple(output(index) for index in range(8)))
    segments = shuffle.fetched()
    held = [segment.length for segment in segments if isinstance(segment, MemorySegment)]
    assert 0 < sum(held) <= 3 * size
    assert sum(isinstance(segment, FileSegment) for segment in segments) == 8 - len(held)
    assert keys_of(segments) == [f"k{index}" for index in range(8)]


@pytest.mark.parametrize(
    ("rows", "budget_bytes", "in_place"), [(LARGE, 10**6, True), (3, 100, True), (3, 10**6, False)]
)
def test_an_output_of_the_same_tracker_is_read_in_place_unless_it_is_small_and_there_is_room(
    tmp_path, rows, budget_bytes, in_place
):
    data, frame = tmp_path / "map.data", segment_bytes(1, rows)
    data.write_bytes(b"other partition" + frame)
    write_index(data, [SegmentRange(15, len(frame), rows)])
    shuffle = shuffle_of(tmp_path, Trackers({}), 1, budget_bytes)
    shuffle.announce((output(0, tracker="here", path=str(data)),))
    at_rest = FileSegment(str(data), 15, len(frame))
    assert shuffle.fetched() == [at_rest if in_place else MemorySegment(frame, f"{data} at 15")]
    assert shuffle.rows == rows


def output_on_disk(folder, index, rows=3, tracker="there"):
    """At its path, as its tracker leaves it."""
    folder.mkdir()
    data = folder / "map.data"
    bytes_ = segment_bytes(index, rows) if rows else b""
    data.write_bytes(b"other partition" + bytes_)
    write_index(data, [SegmentRange(15, len(bytes_), rows)])
    return output(index, tracker=tracker, path=str(data))


@pytest.mark.parametrize("rows", [3, LARGE])
def test_an_output_of_another_tracker_of_this_machine_comes_without_the_wire(tmp_path, rows):
    trackers = Trackers({})
    outputs = tuple(output_on_disk(tmp_path / f"map-{n}", n, rows) for n in range(8))
    shuffle = shuffle_of(tmp_path, trackers, 8)
    shuffle.announce(outputs)
    segments = shuffle.fetched()
    assert (trackers.asked, shuffle.rows) == ([], 8 * rows)
    kind = MemorySegment if rows < LARGE else FileSegment
    assert all(isinstance(one, kind) for one in segments)
    # Its tracker may forget it meanwhile.
    for one in outputs:
        shutil.rmtree(Path(one.path).parent)
    assert keys_of(segments) == [f"k{n}" for n in range(8)]


def test_an_empty_segment_of_another_tracker_of_this_machine_is_left_out(tmp_path):
    trackers = Trackers({})
    shuffle = shuffle_of(tmp_path, trackers, 1)
    shuffle.announce((output_on_disk(tmp_path / "map", 0, rows=0),))
    assert (shuffle.fetched(), trackers.asked) == ([], [])


def test_trackers_that_stand_for_other_machines_are_asked(tmp_path):
    trackers = Trackers({(0, 0): segment_bytes(0)})
    shuffle = shuffle_of(tmp_path, trackers, 1, short_circuit=False)
    shuffle.announce((output_on_disk(tmp_path / "map", 0),))
    assert (keys_of(shuffle.fetched()), trackers.asked) == (["k0"], [0])


def rot(data, index):
    data.write_bytes(data.read_bytes()[:-1] + b"x")


def cut(data, index):
    data.write_bytes(data.read_bytes()[:-1])


def rot_index(data, index):
    index.write_bytes(index.read_bytes()[:-1] + b"x")


def remove(data, index):
    data.unlink()


def no_index(data, index):
    index.unlink()


@pytest.mark.parametrize("rows", [3, LARGE])
@pytest.mark.parametrize("harm", [rot, cut, rot_index, remove, no_index])
def test_what_is_wrong_with_a_file_of_another_tracker_is_for_that_tracker_to_say(
    tmp_path, harm, rows
):
    trackers = Trackers({(0, 0): segment_bytes(0)})
    one = output_on_disk(tmp_path / "map", 0, rows)
    harm(Path(one.path), index_path(one.path))
    shuffle = shuffle_of(tmp_path, trackers, 1)
    shuffle.announce((one,))
    assert (keys_of(shuffle.fetched()), trackers.asked) == (["k0"], [0])
    # Nothing of it is kept.
    assert not list(tmp_path.glob("beside-*"))


def test_files_that_can_t_be_linked_are_fetched(tmp_path, monkeypatch):
    def refused(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    trackers = Trackers({(0, 0): segment_bytes(0)})
    shuffle = shuffle_of(tmp_path, trackers, 1)
    shuffle.announce((output_on_disk(tmp_path / "map", 0, rows=LARGE),))
    assert (keys_of(shuffle.fetched()), trackers.asked) == (["k0"], [0])


def test_empty_segments_are_left_out(tmp_path):
    shuffle = shuffle_of(tmp_path, Trackers({(0, 0): b"", (1, 0): segment_bytes(1)}), 2)
    shuffle.announce((output(0), output(1)))
    assert keys_of(shuffle.fetched()) == ["k1"]


def test_a_lost_output_is_reported_once_an_announcement_and_waited_for(tmp_path):
    trackers = Trackers({(0, 0): segment_bytes(0), (1, 1): segment_bytes(1)})
    lost = []

    def on_lost(one, reason):
        lost.append((one.map_index, one.attempt_number, reason))
        # The same again, as a JobTracker does that doesn't believe it yet; then another attempt's.
        shuffle.announce((output(1, 0) if len(lost) == 1 else output(1, 1),))

    shuffle = shuffle_of(tmp_path, trackers, 2, on_lost=on_lost)
    shuffle.announce((output(0), output(1)))
    assert keys_of(shuffle.fetched()) == ["k0", "k1"]
    assert lost == [(1, 0, "no output of map 1")] * 2


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:-1] + b"x"])
def test_damaged_bytes_are_a_lost_output(tmp_path, damage):
    trackers = Trackers({(0, 0): damage(segment_bytes(0)), (0, 1): segment_bytes(0)})
    lost = []

    def on_lost(one, reason):
        lost.append(reason)
        shuffle.announce((output(0, 1),))

    shuffle = shuffle_of(tmp_path, trackers, 1, on_lost=on_lost)
    shuffle.announce((output(0),))
    assert keys_of(shuffle.fetched()) == ["k0"]
    assert len(lost) == 1
    assert lost[0].startswith("output of map 0 from there")


def test_an_announcement_of_what_is_here_changes_nothing(tmp_path):
    trackers = Trackers({(0, 0): segment_bytes(0), (1, 0): segment_bytes(1)})
    shuffle = shuffle_of(tmp_path, trackers, 2)
    shuffle.announce((output(0), output(0), output(1)))
    segments = shuffle.fetched()
    assert keys_of(segments) == ["k0", "k1"]
    assert sorted(trackers.asked) == [0, 1]


def test_a_map_without_maps_is_done_at_once(tmp_path):
    assert shuffle_of(tmp_path, Trackers({}), 0).fetched() == []
