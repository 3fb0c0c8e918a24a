"""What is placed beside the records of a loop, in one process."""

import pickle

import numpy as np
import pytest

from mapred.errors import InputError
from mapred.formats.packed import PackedOutput
from mapred.iterative.broadcast import RoundSettings, Sent
from mapred.iterative.carried import CarrySettings
from mapred.iterative.invariants import PINNED
from mapred.iterative.placed import Table, placed_for
from mapred.model import JobSpec
from mapred.storage.local import LocalStorage

VALUES = {f"k{at}": np.full(20_000, float(at)) for at in range(8)}


@pytest.fixture(autouse=True)
def _nothing_pinned():
    yield
    PINNED._forget_others("", "")


def lay(tmp_path, partition: int, pairs) -> None:
    file = LocalStorage().open_write(f"file://{tmp_path}/part-r-{partition:05d}.packed")
    writer = PackedOutput().writer(file)
    for pair in pairs:
        writer.write([pair])
    file.commit()


def task(tmp_path, partition: int, pinned_bytes: int):
    """What it finds, and how it was found."""
    sources = Sent("", "hash", "inline")
    loop = RoundSettings(Sent("", "hash"), 3, f"loop {tmp_path}", pinned_bytes)
    carry = CarrySettings(2, sources, placed_uri=f"file://{tmp_path}")
    spec = JobSpec(
        name="Loop",
        user="ana",
        code_sha256="c0de",
        code_uri="file:///code.zip",
        module="loop",
        job_class="Loop",
        splits=(),
        reducers=0,
        output_uri="file:///out",
        settings=loop.settings() | carry.settings(),
    )
    counted = []
    found = placed_for(spec, partition, str(tmp_path), lambda *one: counted.append(one[1]))
    return found, counted


@pytest.mark.parametrize("room", [1 << 30, 400_000, 1])
def test_a_partition_that_has_no_room_in_memory_is_mapped_from_a_file(tmp_path, room):
    for partition in range(2):
        lay(tmp_path, partition, list(VALUES.items())[partition::2])
    for again in (False, True):
        for partition in range(2):
            found, counted = task(tmp_path, partition, room)
            assert counted == (["splits_kept_decoded"] if again else ["splits_decoded"])
            assert found.keys() == set(list(VALUES)[partition::2])
            assert all(np.array_equal(found[key], VALUES[key]) for key in found)
    assert PINNED.bytes <= room
    assert bool(PINNED.mapped_bytes) == (room < 1 << 30)


def test_a_partition_without_pairs_is_empty(tmp_path):
    lay(tmp_path, 0, [])
    found, _ = task(tmp_path, 0, 1 << 20)
    assert dict(found) == {}


def test_two_values_for_a_key_are_refused(tmp_path):
    lay(tmp_path, 0, [("a", 1), ("b", 2), ("a", 1)])
    with pytest.raises(InputError, match="two values for the key 'a'"):
        task(tmp_path, 0, 1 << 20)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.update(b=2),
        lambda table: table.__setitem__("b", 2),
        lambda table: table.pop("a"),
        lambda table: table.setdefault("b", 2),
        lambda table: table.clear(),
    ],
)
def test_what_is_placed_can_not_be_changed(change):
    table = pickle.loads(pickle.dumps(Table([("a", 1)])))
    with pytest.raises(TypeError, match="can't be changed"):
        change(table)
    assert table == {"a": 1}
