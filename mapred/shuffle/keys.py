"""The total order of keys, and the bytes that sort in this order.

    None < False < True < numbers < str < bytes < date < datetime < tuple < Descending

- Numbers compare by value, whatever their type: 1 and 1.0 are one key, and so are 0.0 and -0.0.
  True is not 1. Infinities are the outermost numbers, and NaN (all of them one key) comes after.
- str compares by code points, also with lone surrogates; bytes by their values.
- A date is never a datetime. Datetimes without a time zone come before those with one; the latter
  compare by their instant, so that one instant in two zones is one key.
- Tuples compare element by element in this same order; a tuple comes before its extensions.
- Descending(key) sorts the other way round; among other keys it comes last.
- Instances of subclasses (a namedtuple, an IntEnum) and numpy's numbers sort as what they are.
  Any other type is refused: it has no order that every process could agree on.

`encode` gives equal keys equal bytes, and unequal keys bytes in their order. What it writes:

    00                           end of a tuple
    01                           None
    02, 03                       False, True
    10                           -infinity
    11 magnitude, bits inverted  a negative number
    12                           zero
    13 magnitude                 a positive number
    14, 15                       infinity, NaN
    20 utf-8 escaped 00 00       str
    30 escaped 00 00             bytes
    34 u32                       date: its ordinal
    36, 37 u64                   datetime without, with a zone: microseconds + 2^63 (with: of UTC)
    40 elements… 00              tuple
    50 bytes of the key inverted Descending; no key's bytes are the beginning of another's

    escaped      every 00 is followed by FF, so that the end 00 00 sorts before any continuation
    magnitude    exponent u32 + 2^31 | the first 64 bits after the binary point | 00, or
                 01 and the further bits, escaped, 00 00 (integers of more than 64 bits)
                 for a number 0.1bbbb… × 2^exponent; big-endian
"""

import math
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, Final

_EXPONENT_BIAS: Final = 1 << 31
_MANTISSA_BITS: Final = 64
_DAY_US: Final = 24 * 60 * 60 * 1_000_000
_INSTANT_BIAS: Final = 1 << 63
_INVERTED: Final = bytes(255 - byte for byte in range(256))


def encode(key: Any) -> bytes:
    """Bytes that sort as the key does.

    Raises:
        TypeError: a type that has no place in the order.
    """
    kind = type(key)
    writer = _WRITERS.get(kind)
    return writer(key) if writer else _encode_other(key)


def _encode_none(key: None) -> bytes:
    return b"\x01"


def _encode_bool(key: bool) -> bytes:
    return b"\x03" if key else b"\x02"


def _encode_int(key: int) -> bytes:
    if key == 0:
        return b"\x12"
    size = abs(key)
    exponent = size.bit_length()
    if exponent <= _MANTISSA_BITS:
        magnitude = _magnitude(exponent, size << (_MANTISSA_BITS - exponent), b"\x00")
    else:
        if exponent >= _EXPONENT_BIAS:
            raise TypeError(f"an integer of {exponent} bits is too large for a key")
        rest_bits = exponent - _MANTISSA_BITS
        rest = size & ((1 << rest_bits) - 1)
        padding = -rest_bits % 8
        tail = (rest << padding).to_bytes((rest_bits + padding) // 8).rstrip(b"\x00")
        more = b"\x01" + _escaped(tail) if tail else b"\x00"
        magnitude = _magnitude(exponent, size >> rest_bits, more)
    return b"\x13" + magnitude if key > 0 else b"\x11" + magnitude.translate(_INVERTED)


def _encode_float(key: float) -> bytes:
    if key == 0:
        return b"\x12"
    if not math.isfinite(key):
        return b"\x15" if math.isnan(key) else b"\x14" if key > 0 else b"\x10"
    mantissa, exponent = math.frexp(abs(key))
    magnitude = _magnitude(exponent, int(math.ldexp(mantissa, _MANTISSA_BITS)), b"\x00")
    return b"\x13" + magnitude if key > 0 else b"\x11" + magnitude.translate(_INVERTED)


def _magnitude(exponent: int, mantissa: int, more: bytes) -> bytes:
    return ((exponent + _EXPONENT_BIAS) << _MANTISSA_BITS | mantissa).to_bytes(12) + more


def _escaped(data: bytes) -> bytes:
    return data.replace(b"\x00", b"\x00\xff") + b"\x00\x00"


def _encode_str(key: str) -> bytes:
    # UTF-8 sorts as code points do; a lone surrogate takes its place among them.
    return b"\x20" + _escaped(key.encode("utf-8", "surrogatepass"))


def _encode_bytes(key: bytes) -> bytes:
    return b"\x30" + _escaped(key)


def _encode_date(key: date) -> bytes:
    return b"\x34" + key.toordinal().to_bytes(4)


def _encode_datetime(key: datetime) -> bytes:
    seconds = (key.hour * 60 + key.minute) * 60 + key.second
    instant = key.toordinal() * _DAY_US + seconds * 1_000_000 + key.microsecond
    offset = key.utcoffset()
    if offset is None:
        return b"\x36" + (instant + _INSTANT_BIAS).to_bytes(8)
    # Whole numbers, because the instant in UTC may be before the year 1.
    return b"\x37" + (instant - offset // timedelta(microseconds=1) + _INSTANT_BIAS).to_bytes(8)


def _encode_tuple(key: tuple[Any, ...]) -> bytes:
    return b"".join((b"\x40", *map(encode, key), b"\x00"))


class Descending:
    """A key in reverse order, alone or as an element of a tuple."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Descending) and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash((Descending, self.value))

    def __str__(self) -> str:
        return str(self.value)

    def __repr__(self) -> str:
        return f"desc({self.value!r})"


def _encode_descending(key: Descending) -> bytes:
    return b"\x50" + encode(key.value).translate(_INVERTED)


def head_of(key: Any, count: int) -> Any:
    """The first element of a tuple, or the tuple of the first `count`; 0: the key itself.

    Raises:
        TypeError: no tuple, or one with fewer elements.
    """
    if not count:
        return key
    if not isinstance(key, tuple) or len(key) < count:
        raise TypeError(
            f"the job groups by the first {count} of a key's elements (group_by), and "
            f"{_short(key)} is no tuple of so many"
        )
    return key[0] if count == 1 else key[:count]


_WRITERS: Final[dict[type, Callable[[Any], bytes]]] = {
    type(None): _encode_none,
    bool: _encode_bool,
    int: _encode_int,
    float: _encode_float,
    str: _encode_str,
    bytes: _encode_bytes,
    date: _encode_date,
    datetime: _encode_datetime,
    tuple: _encode_tuple,
    Descending: _encode_descending,
}


# What a subclass instance holds, whatever its own __str__ or __int__ say.
_PLAIN: Final[dict[type, Callable[[Any], Any]]] = {
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
    bytes: lambda key: bytes.__getitem__(key, slice(None)),
    # Before date, which datetime derives from.
    datetime: lambda key: datetime.combine(key.date(), key.timetz()),
    date: lambda key: date.fromordinal(key.toordinal()),
    tuple: lambda key: tuple.__getitem__(key, slice(None)),
}


def plain(key: Any) -> Any:
    """A key of a subclass, or one of numpy's, as the built-in type that it sorts as."""
    if type(key) in _WRITERS:
        return key
    # Exactly numpy's scalars, without importing numpy here.
    if type(key).__module__ == "numpy" and hasattr(key, "item"):
        value = key.item()
        # Times that Python's can't hold become ints there: these are no numbers.
        return key if isinstance(value, int) and "time" in type(key).__name__ else value
    for kind, value_of in _PLAIN.items():
        if isinstance(key, kind):
            return value_of(key)
    return key


def _encode_other(key: Any) -> bytes:
    value = plain(key)
    if type(value) in _WRITERS:
        return _WRITERS[type(value)](value)
    raise TypeError(
        f"a key can't be of type {type(key).__name__}: {_short(key)}. Keys are None, bool, int, "
        "float, str, bytes, date, datetime, or tuples of these; what belongs to no order goes into "
        "the value"
    )


def _short(key: Any) -> str:
    text = repr(key)
    return text if len(text) <= 100 else f"{text[:100]}…"
