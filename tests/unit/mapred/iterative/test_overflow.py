"""What has no room in memory lies in a file: how much, for how long, and with the same results."""

import errno
import os
from collections import Counter

import numpy as np
import pytest

from mapred.embedded import EmbeddedEngine
from mapred.iterative.overflow import Overflow
from mapred.iterative.recordcolumns import NotKeepableError
from tests.unit.mapred.iterative.test_rounds import planned, run

WORDS = [([0, 1], ["a word", "another"]), ([2], ["a third"])]
ARRAYS = [([0], [np.arange(100_000.0)])]


def taken_bytes(file: Overflow) -> int:
    """On the disk."""
    return os.fstat(file._file).st_blocks * 512


def test_several_splits_share_a_file_and_are_read_as_often_as_one_likes(tmp_path):
    file = Overflow(str(tmp_path))
    words, arrays = file.add(WORDS), file.add(ARRAYS)
    for _ in range(2):
        assert list(words) == WORDS
        [(keys, [array])] = arrays
        assert (keys, array.tolist()) == ([0], ARRAYS[0][1][0].tolist())
    assert not array.flags.writeable
    assert file.bytes == words.bytes + arrays.bytes
    assert list(tmp_path.iterdir()) == []


def test_arrays_outlive_the_file_that_they_are_in(tmp_path):
    [(_, [array])] = Overflow(str(tmp_path)).add(ARRAYS)
    assert array.sum() == ARRAYS[0][1][0].sum()


def test_a_file_takes_two_descriptors_however_many_splits_are_in_it_and_gives_them_back(tmp_path):
    def open_now() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = open_now()
    file = Overflow(str(tmp_path))
    kept = [file.add(ARRAYS) for _ in range(20)]
    assert open_now() == before + 2
    del kept, file
    assert open_now() == before


@pytest.mark.parametrize(
    ("batches", "bounds", "error", "words"),
    [
        (ARRAYS, {"bytes_max": 100_000}, OSError, "at most"),
        (ARRAYS, {"free_bytes_min": 1 << 62}, OSError, "No space left"),
        ([([0], [lambda: 1])], {}, NotKeepableError, "pickle"),
    ],
)
def test_of_a_split_that_has_no_room_nothing_stays_and_others_do(
    tmp_path, batches, bounds, error, words
):
    file = Overflow(str(tmp_path))
    kept = file.add(WORDS)
    before, taken = file.bytes, taken_bytes(file)
    # Its first batch has room, the second hasn't.
    with pytest.raises(error, match=words):
        file.add([*WORDS, *batches], **bounds)
    assert (file.bytes, taken_bytes(file)) == (before, taken)
    again = file.add(ARRAYS)
    assert list(kept) == WORDS
    assert next(iter(again))[1][0].tolist() == ARRAYS[0][1][0].tolist()


def test_a_disk_that_takes_no_file_is_an_error_of_the_system():
    with pytest.raises(OSError, match="nowhere") as caught:
        Overflow("/proc/self/nowhere")
    assert caught.value.errno == errno.ENOENT


# (who keeps its input in memory, in files, and not at all)
KINDS = {
    "records": (["ParsedMean"], ["TightMean"], ["ForgetfulMean", "UnkeepableMean"]),
    "columns": (
        ["KeptBatchMean", "KeptListMean"],
        ["TightBatchMean", "TightBlockMean"],
        ["BatchMean", "BlockMean"],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_input_in_files_gives_the_same_bits_and_is_decoded_once(kind, tmp_path):
    path = tmp_path / "numbers.txt"
    path.write_text("".join(f"{n * n % 97 / 7!r}\n" for n in range(400)))
    states, decoded = {}, {}
    in_memory, in_files, nowhere = KINDS[kind]
    with EmbeddedEngine(2) as engine:
        for job in (*in_memory, *in_files, *nowhere):
            spec = planned(str(path), tmp_path / job, job)
            status, loops = run(engine, spec)
            states[job] = loops.result(status.job_id).state.hex()
            splits = len(spec.splits)
            counted = Counter({name: amount for (_, name), amount in status.counters.items()})
            decoded[job] = counted["splits_decoded"] / splits
            rounds = status.rounds_done
    assert len(set(states.values())) == 1
    # Each of two processes decodes each split once at most.
    assert max(decoded[job] for job in (*in_memory, *in_files)) <= 2
    assert {decoded[job] for job in nowhere} == {rounds}
    assert rounds > 2
