"""A large state comes to a machine once, and its processes share the memory."""

import hashlib
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from mapred.iterative.broadcast import Receiver, Sender, StateError
from mapred.iterative.nodecopy import BYTES_MIN, NotWholeError, copy_in, node_copy
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
def folder(tmp_path) -> Path:
    """The loop's, on one machine."""
    (tmp_path / "loop").mkdir()
    return tmp_path / "loop"


def test_the_processes_of_a_machine_fetch_a_large_state_once(sender, folder, tmp_path):
    sent = sender.send({"weights": np.arange(NUMBERS), "step": 3})
    first, second = Receiver(), Receiver()
    state = first.receive(sent, folder)
    for file in (tmp_path / "store").iterdir():
        file.unlink()
    with pytest.raises(FileNotFoundError):
        Receiver().receive(sent)
    other = second.receive(sent, folder / ".." / "loop")

    assert (other["weights"] == np.arange(NUMBERS)).all()
    assert (state["step"], other["step"]) == (3, 3)
    assert state["weights"].ctypes.data % 64 == 0
    with pytest.raises(ValueError, match="read-only"):
        other["weights"][0] = 1


def test_who_goes_on_to_the_next_state_takes_the_copy_away_and_nobody_loses_it(sender, folder):
    before = sender.send({"weights": np.zeros(NUMBERS), "same": np.ones(NUMBERS)})
    quick, slow = Receiver(), Receiver()
    old = slow.receive(before, folder)
    same = quick.receive(before, folder)["same"]
    assert len(list(folder.iterdir())) == 2

    after = sender.send({"weights": np.full(NUMBERS, 2.0), "same": np.ones(NUMBERS)})
    assert quick.receive(after, folder)["same"] is same

    names = {f"state-{part.sha256}" for part in after.parts}
    assert {path.name for path in folder.iterdir()} == names
    assert not old["weights"].any()
    assert slow.receive(after, folder)["weights"][-1] == 2.0
    assert {path.name for path in folder.iterdir()} == names


def test_a_process_waits_for_another_that_fetches(folder, tmp_path):
    (tmp_path / "file").write_bytes(bytes(BYTES_MIN))
    digest = hashlib.sha256(bytes(BYTES_MIN)).hexdigest()
    storage, found = Counting(), []

    def fetch() -> None:
        data = node_copy(f"file://{tmp_path}/file", digest, copy_in(folder, digest), storage)
        found.append(bytes(data))

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert storage.reading.wait(WAIT_S)
    storage.go_on.set()
    for thread in threads:
        thread.join(WAIT_S)

    assert found == [bytes(BYTES_MIN)] * 3
    assert len(storage.opened) == 1


def test_other_bytes_than_were_sent_are_refused_and_not_kept(sender, folder):
    sent = sender.send({"weights": np.zeros(NUMBERS)})
    (part,) = sent.parts
    file = Path(part.uri.removeprefix("file://"))
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")

    with pytest.raises(StateError, match="bytes of another hash"):
        Receiver().receive(sent, folder)
    with pytest.raises(NotWholeError, match="bytes of another hash"):
        node_copy(part.uri, part.sha256, copy_in(folder, part.sha256), LocalStorage())

    assert os.listdir(folder) == []


def test_without_room_on_the_machine_a_process_reads_for_itself(sender, tmp_path):
    sent = sender.send({"weights": np.arange(NUMBERS)})

    state = Receiver().receive(sent, tmp_path / "missing")

    assert (state["weights"] == np.arange(NUMBERS)).all()
