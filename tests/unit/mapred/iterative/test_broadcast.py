from pathlib import Path

import numpy as np
import pytest

from mapred.iterative.broadcast import (
    PART_BYTES_MIN,
    Receiver,
    RoundSettings,
    Sender,
    Sent,
    StateError,
    read,
    round_settings,
    send,
)
from mapred.storage.local import LocalStorage

STORAGE = LocalStorage()


@pytest.fixture
def place(tmp_path) -> str:
    return f"file://{tmp_path}"


def test_equal_states_are_one_file(place, tmp_path):
    first = send({"centres": np.arange(4.0)}, place, STORAGE)
    (written,) = tmp_path.iterdir()
    before = written.stat().st_mtime_ns
    assert send({"centres": np.arange(4.0)}, place, STORAGE) == first
    assert written.stat().st_mtime_ns == before
    assert send({"centres": np.arange(5.0)}, place, STORAGE) != first


def test_a_torn_file_is_written_again(place, tmp_path):
    sent = send([1, 2, 3], place, STORAGE)
    (written,) = tmp_path.iterdir()
    written.write_bytes(written.read_bytes()[:5])
    assert send([1, 2, 3], place, STORAGE) == sent
    assert read(sent, STORAGE) == [1, 2, 3]


def test_other_bytes_than_were_sent_are_refused(place, tmp_path):
    sent = send("right", place, STORAGE)
    (written,) = tmp_path.iterdir()
    written.write_bytes(written.read_bytes().replace(b"right", b"wrong"))
    with pytest.raises(StateError, match="bytes of another hash"):
        read(sent, STORAGE)


def test_a_process_reads_a_state_once_and_can_not_change_it(place, tmp_path):
    sent = send(np.arange(3.0), place, STORAGE)
    receiver = Receiver()
    state = receiver.receive(sent)
    (written,) = tmp_path.iterdir()
    Path(written).unlink()
    assert receiver.receive(sent) is state
    with pytest.raises(ValueError, match="read-only"):
        state[0] = 1.0


def test_the_settings_of_a_round_come_back():
    loop = RoundSettings(Sent("file:///x", "ab"), 3, "loop_1", 100)
    assert round_settings({"other": "x", **loop.settings()}) == loop
    assert round_settings({"other": "x"}) is None


def test_a_small_state_travels_in_the_settings_and_leaves_no_file(place, tmp_path):
    state = {"centres": np.arange(4.0), "round": 3}
    sent = send(state, place, STORAGE, inline_max=1000)
    assert list(tmp_path.iterdir()) == []
    loop = round_settings(RoundSettings(sent, 3, "loop_1", 100).settings())
    assert loop is not None
    received = Receiver().receive(loop.state)
    assert received["centres"].tolist() == [0.0, 1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="read-only"):
        received["centres"][0] = 1.0
    large = send({"centres": np.arange(400.0)}, place, STORAGE, inline_max=1000)
    assert (large.inline, len(list(tmp_path.iterdir()))) == ("", 1)


def test_a_state_that_was_damaged_in_the_settings_is_refused(place):
    sent = send("right", place, STORAGE, inline_max=1000)
    other = send("wrong", place, STORAGE, inline_max=1000)
    with pytest.raises(StateError, match=r"the state has \d+ bytes of another hash"):
        Receiver().receive(Sent("", sent.sha256, other.inline))
    with pytest.raises(StateError, match="damaged"):
        Receiver().receive(Sent("", sent.sha256, "!" + sent.inline))


def test_arrays_that_stay_the_same_are_sent_and_read_once(place, tmp_path):
    sender, receiver = Sender(place, STORAGE, inline_max=1000), Receiver()
    large, other = np.arange(PART_BYTES_MIN // 8), np.ones(PART_BYTES_MIN // 8)
    first = sender.send({"a": 1, "edges": large, "ranks": other, "z": "z"})
    loop = round_settings(RoundSettings(first, 1, "loop_1", 100).settings())
    assert loop is not None
    assert loop.state == first
    state = receiver.receive(first)
    assert list(state) == ["a", "edges", "ranks", "z"]
    assert (state["edges"] == large).all()
    assert (state["ranks"] == 1).all()

    second = sender.send({"a": 2, "edges": large, "ranks": other + 1, "z": "z"})
    (kept,) = first.uris & second.uris
    Path(kept.removeprefix("file://")).unlink()
    again = receiver.receive(second)
    assert again["edges"] is state["edges"]
    assert (again["a"], again["ranks"][0]) == (2, 2.0)
    with pytest.raises(ValueError, match="read-only"):
        again["edges"][0] = 1


def test_an_array_that_was_changed_in_its_place_is_sent_anew(place):
    sender, receiver = Sender(place, STORAGE), Receiver()
    ranks = np.zeros(PART_BYTES_MIN // 8)
    before = sender.send({"ranks": ranks})
    assert receiver.receive(before)["ranks"][3] == 0
    ranks[3] = 5.0
    assert receiver.receive(sender.send({"ranks": ranks}))["ranks"][3] == 5.0


def test_large_arrays_with_other_bytes_than_were_sent_are_refused(place, tmp_path):
    sent = Sender(place, STORAGE).send({"ranks": np.zeros(PART_BYTES_MIN // 8)})
    (part,) = sent.parts
    file = Path(part.uri.removeprefix("file://"))
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    with pytest.raises(StateError, match="bytes of another hash"):
        Receiver().receive(sent)
