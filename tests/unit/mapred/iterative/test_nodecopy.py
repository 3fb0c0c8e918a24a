"""A large state comes to a machine once, and its processes share the memory."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from mapred.iterative.broadcast import Receiver, Sender, StateError
from mapred.iterative.chunks import BYTES_MIN, chunks_in, cut
from mapred.iterative.gather import NotWholeError, Traffic
from mapred.iterative.nodecopy import Node, node_copy
from mapred.iterative.partialcopy import COMING, PartialCopy
from mapred.storage.local import LocalStorage

NUMBERS = BYTES_MIN // 8
WAIT_S = 60


class Counting(LocalStorage):
    """Counts what is opened; the first reader waits until it may go on."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.reading, self.go_on = threading.Event(), threading.Event()

    def open_read(self, uri):
        self.opened.append(uri)
        self.reading.set()
        assert self.go_on.wait(WAIT_S)
        return super().open_read(uri)


@pytest.fixture
def sender(tmp_path) -> Sender:
    (tmp_path / "store").mkdir()
    return Sender(f"file://{tmp_path}/store", LocalStorage(), inline_max=1000)


@pytest.fixture
def node(tmp_path) -> Node:
    """One machine, with the loop's folder."""
    return Node(tmp_path / "loop")


def test_the_processes_of_a_machine_fetch_a_large_state_once(sender, node, tmp_path):
    sent = sender.send({"weights": np.arange(NUMBERS), "step": 3})
    first, second = Receiver(), Receiver()
    traffic = Traffic()
    state = first.receive(sent, node, traffic)
    for file in (tmp_path / "store").iterdir():
        file.unlink()
    with pytest.raises(FileNotFoundError):
        Receiver().receive(sent)
    other = second.receive(sent, Node(node.folder / ".." / "loop"), traffic)

    # And what isn't large, once by the first.
    assert NUMBERS * 8 < traffic.from_store < NUMBERS * 8 + 1000
    assert traffic.from_peers == 0
    assert (other["weights"] == np.arange(NUMBERS)).all()
    assert (state["step"], other["step"]) == (3, 3)
    assert state["weights"].ctypes.data % 64 == 0
    with pytest.raises(ValueError, match="read-only"):
        other["weights"][0] = 1


def test_who_goes_on_to_the_next_state_takes_the_copy_away_and_nobody_loses_it(sender, node):
    before = sender.send({"weights": np.zeros(NUMBERS), "same": np.ones(NUMBERS)})
    quick, slow = Receiver(), Receiver()
    old = slow.receive(before, node)
    same = quick.receive(before, node)["same"]
    assert len(list(node.folder.iterdir())) == 2

    after = sender.send({"weights": np.full(NUMBERS, 2.0), "same": np.ones(NUMBERS)})
    assert quick.receive(after, node)["same"] is same

    names = {f"state-{part.sha256}" for part in after.parts}
    assert {path.name for path in node.folder.iterdir()} == names
    assert not old["weights"].any()
    assert slow.receive(after, node)["weights"][-1] == 2.0
    assert {path.name for path in node.folder.iterdir()} == names


def test_what_a_process_that_was_killed_has_left_goes_with_the_next_state(sender, node):
    before = sender.send({"weights": np.zeros(NUMBERS)})
    Receiver().receive(before, node)
    PartialCopy(node.folder, cut(b"half of another")).close()
    after = sender.send({"weights": np.ones(NUMBERS)})

    Receiver().receive(after, node)

    assert os.listdir(node.folder) == [f"state-{after.parts[0].sha256}"]


def test_what_a_process_that_was_killed_has_gathered_is_not_read_again(sender, node):
    state = {"weights": np.arange(NUMBERS)}
    (part,) = sender.send(state).parts
    data = Path(part.uri.removeprefix("file://")).read_bytes()
    chunks = cut(data, len(data) // 4)
    node.folder.mkdir()
    killed = PartialCopy(node.folder, chunks)
    killed.write(1, data[chunks.start(1) : chunks.start(2)])
    killed.mark(2, COMING)
    killed.close()

    traffic = Traffic()
    found = node_copy(part.uri, chunks, LocalStorage(), node, traffic)

    assert found == data
    assert traffic.from_store == len(data) - chunks.size(1)


def test_a_process_waits_for_another_that_gathers(node, tmp_path):
    data = os.urandom(BYTES_MIN)
    (tmp_path / "file").write_bytes(data)
    storage, found = Counting(), []

    def fetch() -> None:
        copy = node_copy(f"file://{tmp_path}/file", cut(data), storage, node, Traffic())
        found.append(bytes(copy))

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert storage.reading.wait(WAIT_S)
    storage.go_on.set()
    for thread in threads:
        thread.join(WAIT_S)

    assert found == [data] * 3
    assert len(storage.opened) == 1


def test_other_bytes_than_were_sent_are_refused_and_not_kept(sender, node):
    sent = sender.send({"weights": np.zeros(NUMBERS)})
    (part,) = sent.parts
    file = Path(part.uri.removeprefix("file://"))
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")

    with pytest.raises(StateError, match="other bytes than were sent, in its chunk 0 of 1"):
        Receiver().receive(sent, node)
    with pytest.raises(StateError, match="bytes of another hash"):
        Receiver().receive(sent)
    with pytest.raises(NotWholeError, match="other bytes than were sent"):
        node_copy(part.uri, chunks_in(part.chunks), LocalStorage(), node, Traffic())

    assert [name for name in os.listdir(node.folder) if name.startswith("state-")] == []


def test_without_room_on_the_machine_a_process_reads_for_itself(sender, tmp_path):
    sent = sender.send({"weights": np.arange(NUMBERS)})

    (tmp_path / "file").touch()
    traffic = Traffic()
    state = Receiver().receive(sent, Node(tmp_path / "file" / "loop"), traffic)

    assert traffic.from_store > NUMBERS * 8

    assert (state["weights"] == np.arange(NUMBERS)).all()
