import io

import numpy as np
import pytest

from mapred.errors import InputError
from mapred.formats import input_format, output_format, packed
from mapred.formats.packed import read_pairs
from mapred.iterative.packed import PackedError
from mapred.model import Split
from mapred.storage.local import LocalStorage


def written(*batches) -> io.BytesIO:
    file = io.BytesIO()
    writer = output_format("packed").writer(file)
    for batch in batches:
        writer.write(batch)
    writer.close()
    assert writer.bytes_written == len(file.getvalue())
    return io.BytesIO(file.getvalue())


def test_pairs_come_back_with_their_types():
    pairs = list(read_pairs(written([("a", (1, 2.5)), (None, b"x")], [], [(3, np.arange(2.0))])))
    assert pairs[:2] == [("a", (1, 2.5)), (None, b"x")]
    assert pairs[2][0] == 3
    np.testing.assert_array_equal(pairs[2][1], np.arange(2.0))


def test_a_part_cut_short_is_refused_anywhere():
    whole = written([("a", 1)], [("b", 2)]).getvalue()
    border = len(whole) // 2
    for length in set(range(1, len(whole))) - {border}:
        with pytest.raises(PackedError, match="cut short"):
            list(read_pairs(io.BytesIO(whole[:length])))


def test_what_can_not_be_packed_fails_where_it_is_written():
    with pytest.raises(PackedError, match="of type set"):
        written([("a", {1})])


def test_files_of_pairs_are_input_and_others_are_refused_by_name(tmp_path):
    path = tmp_path / "pairs.packed"
    whole = written([("a", 1)], [("b", (2, 3.5))]).getvalue()

    def read(data: bytes):
        path.write_bytes(data)
        reader = input_format("packed").reader(Split(path.as_uri(), 0, len(data)), LocalStorage())
        return [
            (key, value) for batch in reader.batches() for key, value in zip(*batch, strict=True)
        ]

    assert read(whole) == [("a", 1), ("b", (2, 3.5))]
    with pytest.raises(InputError, match=r"pairs\.packed isn't what 'packed' writes: cut short"):
        read(whole[:-1])
    # A length of 7 EB, and one that no read can be asked for.
    for nonsense in (b"some text, not pairs", b"\xff" * 20):
        with pytest.raises(InputError, match=r"isn't what 'packed' writes: cut short"):
            read(nonsense)


def test_a_frame_larger_than_what_is_read_at_once_comes_whole(monkeypatch):
    monkeypatch.setattr(packed, "_BELIEVED_BYTES", 100)
    pairs = [("a", "x" * 990), ("b", 2)]
    file = written(pairs, [("c", 3)])
    assert list(read_pairs(file)) == [*pairs, ("c", 3)]
