"""Plain values and NumPy arrays as bytes, the same bytes for the same value: states, statistics.

Unlike a pickle it can't run code when it is read, and equal states have equal hashes.

    file    = magic "MRPK" version(u8=1) value
    value   = tag(1 byte) body

    tag   value           body
    N     None            –
    T F   True, False     –
    i     int             length(u32) two's complement, little-endian, as short as it can be
    f     float           f64
    s     str             length(u64) UTF-8
    b     bytes           length(u64) bytes
    t l   tuple, list     count(u64) values
    d     dict            count(u64) key, value, key, value… in insertion order
    a     ndarray         dtype(s) dimensions(u8) shape(u64…) zeros up to a multiple of 64 from
                          the start of the file, then the elements in C order
    g     NumPy scalar    as an array without dimensions

Numbers are little-endian. Arrays hold bools, integers, floats, complex numbers, fixed-length
strings or times: no objects. What is not in the table (a set, an instance) is refused.
"""

import struct
from typing import Any, Final

import numpy as np
import numpy.typing as npt

MAGIC: Final = b"MRPK\x01"
# Arrays start at a cache line, so that they can be used where they lie.
ALIGNMENT: Final = 64
# Deeper nesting than this is a mistake, or an attack on the stack.
DEPTH_MAX: Final = 64
# Kinds of dtype (numpy.dtype.kind) whose elements are plain bytes.
ARRAY_KINDS: Final = "biufcSUmM"

_U8, _U32, _U64, _F64 = (struct.Struct(code) for code in ("<B", "<I", "<Q", "<d"))


class PackedError(ValueError):
    """A value that can't be packed, or bytes that aren't a packed value."""


def pack(value: Any) -> bytes:
    """The bytes of a value.

    Raises:
        PackedError: some part of it is of a type that isn't in the table; says which and where.
    """
    writer = _Writer()
    writer.value(value, "value", 0)
    return bytes(writer.data)


def unpack(data: bytes | bytearray | memoryview, *, copy: bool = True) -> Any:
    """The value in the bytes; without `copy` its arrays are read-only views into `data`.

    Raises:
        PackedError: they are cut short, damaged, or something else.
    """
    reader = _Reader(memoryview(data), copy=copy)
    found = reader.value(0)
    if reader.at != len(reader.data):
        raise PackedError(f"{len(reader.data) - reader.at} bytes too many after the value")
    return found


class _Writer:
    """Appends values to `data`; `place` names a part of the value in errors."""

    def __init__(self) -> None:
        self.data = bytearray(MAGIC)

    def value(self, value: Any, place: str, depth: int) -> None:
        if depth > DEPTH_MAX:
            raise PackedError(f"{place} is nested deeper than {DEPTH_MAX}")
        # Exact types only: a subclass would come back as something else.
        match value:
            case None | True | False:
                self.data += {None: b"N", True: b"T", False: b"F"}[value]
            case np.ndarray():
                self._array(b"a", value, place)
            case np.generic():
                self._array(b"g", np.asarray(value), place)
            case int() if type(value) is int:
                self._sized(b"i", _U32, _int_bytes(value))
            case float() if type(value) is float:
                self.data += b"f" + _F64.pack(value)
            case str() if type(value) is str:
                self._sized(b"s", _U64, value.encode("utf-8", "surrogatepass"))
            case bytes() if type(value) is bytes:
                self._sized(b"b", _U64, value)
            case tuple() | list() if type(value) in (tuple, list):
                self.data += (b"t" if type(value) is tuple else b"l") + _U64.pack(len(value))
                for index, item in enumerate(value):
                    self.value(item, f"{place}[{index}]", depth + 1)
            case dict() if type(value) is dict:
                self.data += b"d" + _U64.pack(len(value))
                for key, item in value.items():
                    self.value(key, f"a key of {place}", depth + 1)
                    self.value(item, f"{place}[{key!r}]", depth + 1)
            case _:
                raise PackedError(
                    f"{place} is of type {type(value).__name__}. Use None, bool, int, float, str, "
                    "bytes, tuple, list, dict, or a NumPy array of one of these kinds of numbers"
                )

    def _sized(self, tag: bytes, length: struct.Struct, body: bytes) -> None:
        self.data += tag + length.pack(len(body)) + body

    def _array(self, tag: bytes, array: npt.NDArray[Any], place: str) -> None:
        if array.dtype.kind not in ARRAY_KINDS or array.dtype.hasobject:
            raise PackedError(f"{place} is an array of {array.dtype}, which has no plain bytes")
        plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
        name = plain.dtype.str.encode()
        self.data += tag + _U64.pack(len(name)) + name + _U8.pack(array.ndim)
        for length in array.shape:
            self.data += _U64.pack(length)
        self.data += bytes(-len(self.data) % ALIGNMENT)
        if plain.nbytes:
            # Without another copy of it.
            self.data += plain.reshape(-1).view(np.uint8).data


def _int_bytes(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)


class _Reader:
    """Takes values off `data`; every length is checked before it is believed."""

    def __init__(self, data: memoryview, *, copy: bool) -> None:
        self.data = data
        self.at = 0
        self._copy = copy
        if bytes(self._take(len(MAGIC), "the magic")) != MAGIC:
            raise PackedError("not a packed value: the first bytes are wrong")

    def value(self, depth: int) -> Any:
        if depth > DEPTH_MAX:
            raise PackedError(f"nested deeper than {DEPTH_MAX} at byte {self.at}")
        tag = bytes(self._take(1, "a tag"))
        match tag:
            case b"N" | b"T" | b"F":
                return {b"N": None, b"T": True, b"F": False}[tag]
            case b"i":
                return int.from_bytes(self._sized(_U32), "little", signed=True)
            case b"f":
                return self._number(_F64)
            case b"s":
                return self._text()
            case b"b":
                return bytes(self._sized(_U64))
            case b"t" | b"l":
                items = [self.value(depth + 1) for _ in range(self._count())]
                return tuple(items) if tag == b"t" else items
            case b"d":
                return self._dict(depth)
            case b"a":
                return self._array()
            case b"g":
                return self._array()[()]
        raise PackedError(f"unknown tag {tag!r} at byte {self.at - 1}")

    def _take(self, length: int, what: str) -> memoryview:
        end = self.at + length
        if end > len(self.data):
            raise PackedError(f"cut short: {what} at byte {self.at} goes on past the end")
        part, self.at = self.data[self.at : end], end
        return part

    def _number(self, kind: struct.Struct) -> Any:
        return kind.unpack(self._take(kind.size, "a number"))[0]

    def _sized(self, length: struct.Struct) -> memoryview:
        return self._take(self._number(length), "a value")

    def _text(self) -> str:
        try:
            return bytes(self._sized(_U64)).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise PackedError(f"a text before byte {self.at} isn't UTF-8: {error}") from None

    def _count(self) -> int:
        count = int(self._number(_U64))
        # Each value takes a byte at least.
        if count > len(self.data) - self.at:
            raise PackedError(f"{count} values at byte {self.at} are more than there are bytes")
        return count

    def _dict(self, depth: int) -> dict[Any, Any]:
        found = {}
        for _ in range(self._count()):
            key = self.value(depth + 1)
            try:
                found[key] = self.value(depth + 1)
            except TypeError:
                raise PackedError(f"a {type(key).__name__} can't be a key") from None
        return found

    def _array(self) -> npt.NDArray[Any]:
        name = self._text()
        try:
            kind = np.dtype(name)
        except (TypeError, ValueError):
            raise PackedError(f"'{name}' before byte {self.at} is no type of numbers") from None
        if kind.kind not in ARRAY_KINDS or kind.hasobject:
            raise PackedError(f"arrays of '{name}' can't be packed")
        shape = tuple(int(self._number(_U64)) for _ in range(self._number(_U8)))
        self._take(-self.at % ALIGNMENT, "the space before an array")
        elements = 1
        for length in shape:
            elements *= length
        data = self._take(elements * kind.itemsize, "an array")
        found = np.frombuffer(data, kind, elements) if data else np.empty(elements, kind)
        found = found.reshape(shape)
        return found.copy() if self._copy else found
