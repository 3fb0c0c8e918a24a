"""What is gone on with of a copy that another process has begun."""

import os

import pytest

from mapred.iterative.chunks import cut
from mapred.iterative.partialcopy import PartialCopy, copy_in

DATA = os.urandom(10_000)
CHUNKS = cut(DATA, 1000)


def begun(folder, numbers):
    partial = PartialCopy(folder, CHUNKS)
    for number in numbers:
        partial.write(number, DATA[1000 * number : 1000 * (number + 1)])
    partial.close()
    return folder / f"partial-{CHUNKS.sha256}"


def here(folder):
    partial = PartialCopy(folder, CHUNKS)
    partial.close()
    return partial.here


def test_what_is_here_is_gone_on_with(tmp_path):
    begun(tmp_path, [0, 3, 9])
    assert here(tmp_path) == {0, 3, 9}


def test_marks_of_a_file_that_is_gone_count_for_nothing(tmp_path):
    begun(tmp_path, range(10)).unlink()
    assert here(tmp_path) == set()
    # Nor when that one was killed in its turn.
    assert here(tmp_path) == set()


def test_marks_of_bytes_that_were_never_written_count_for_nothing(tmp_path):
    with begun(tmp_path, [0, 3, 9]).open("r+b") as file:
        file.seek(3000)
        file.write(bytes(1000))
    assert here(tmp_path) == {0, 9}


def test_another_ones_unfinished_file_is_never_taken_for_the_copy(tmp_path):
    mine = PartialCopy(tmp_path, CHUNKS)
    for number in range(10):
        mine.write(number, DATA[1000 * number : 1000 * (number + 1)])
    (tmp_path / f"partial-{CHUNKS.sha256}").unlink()
    begun(tmp_path, [1])
    copy = mine.publish()
    mine.close()
    assert copy == copy_in(tmp_path, CHUNKS.sha256)
    with pytest.raises(FileNotFoundError):
        copy.stat()
