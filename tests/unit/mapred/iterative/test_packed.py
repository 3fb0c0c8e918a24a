"""Values through bytes and back; damaged bytes are refused, whatever they say."""

import contextlib
import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mapred.iterative.packed import ALIGNMENT, PackedError, pack, unpack

ARRAYS = hnp.arrays(
    hnp.scalar_dtypes().filter(lambda kind: kind.kind in "biufcSUmM"),
    hnp.array_shapes(min_dims=0, min_side=0, max_side=4),
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
VALUES = st.recursive(
    PLAIN | ARRAYS,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.integers()), inner)
    ),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    """Equal in type and, bit for bit, in value: NaN is itself, 0.0 is not -0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray | np.generic):
        a, b = np.asarray(a), np.asarray(b)
        little = a.dtype.newbyteorder("<")
        return (
            b.dtype == little and a.shape == b.shape and a.astype(little).tobytes() == b.tobytes()
        )
    if isinstance(a, float):
        return np.float64(a).tobytes() == np.float64(b).tobytes()
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a), list(b)) and same(list(a.values()), list(b.values()))
    return bool(a == b)


@given(VALUES)
def test_a_value_comes_back_as_it_was(value: Any):
    assert same(value, unpack(pack(value)))
    assert same(value, unpack(pack(value), copy=False))


@given(VALUES)
def test_equal_values_have_equal_bytes(value: Any):
    assert pack(value) == pack(unpack(pack(value)))


def test_the_format_does_not_change():
    value = {"centres": np.arange(6.0).reshape(2, 3), "n": (1, -128, 2**70, None, True, "é", b"\0")}
    # Checkpoints outlive versions: a new format needs a new version byte.
    assert (
        hashlib.sha256(pack(value)).hexdigest()
        == "e3bee6bafc702744da55b75e1d22216bfa24fafaa63deab4a18da7938a87297d"
    )


@given(st.data())
def test_a_damaged_value_is_refused_or_read_as_another(data: st.DataObject):
    whole = bytearray(pack(data.draw(VALUES)))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(PackedError):
        unpack(whole)


@given(st.data())
def test_a_value_cut_short_is_refused(data: st.DataObject):
    whole = pack(data.draw(VALUES))
    with pytest.raises(PackedError):
        unpack(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(PackedError, match="1 bytes too many"):
        unpack(whole + b"\0")


class Fancy(dict[str, int]):
    """A subclass: it would come back as a plain dict."""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": [1, {2}]}, r"value\['a'\]\[1\] is of type set"),
        (Fancy(), "value is of type Fancy"),
        (np.array([None]), "array of object"),
        (np.zeros(1, "i4,f8"), "no plain bytes"),
        (print, "builtin_function"),
    ],
)
def test_what_cannot_be_packed_is_named(value: Any, words: str):
    with pytest.raises(PackedError, match=words):
        pack(value)


def test_endless_nesting_is_refused_on_both_sides():
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(PackedError, match="nested deeper"):
        pack(endless)
    with pytest.raises(PackedError, match="nested deeper"):
        unpack(pack([])[:-9] + (b"l" + (1).to_bytes(8, "little")) * 100 + b"N")


def test_views_are_aligned_and_read_only():
    data = bytearray(pack(["x", np.arange(10.0)]))
    view = unpack(data, copy=False)[1]
    assert (view.ctypes.data - np.frombuffer(data, np.uint8).ctypes.data) % ALIGNMENT == 0
    assert unpack(bytes(data), copy=False)[1].flags.writeable is False
    assert unpack(data)[1].flags.writeable is True
