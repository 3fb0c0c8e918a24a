r"""Words: what white space separates, exactly as `str.split()` has it.

White space of one byte: \t \n \v \f \r, \x1c to \x1f, and the space. Beyond ASCII: U+0085, U+00A0,
U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F, U+3000; in UTF-8 each
has two or three bytes, and none of these sequences can be a part of other characters.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mapred.shuffle.columns import vector_column
from mapred.shuffle.keytable import KeyTable
from mapred.shuffle.slices import Slices, column_of
from mapred.text.pieces import Bytes, Mask, as_utf8, pieces

# Of \t to \r, and of \x1c to the space.
_RANGE: Final = np.uint8(5)
_FIRST: Final = (np.uint8(0x09), np.uint8(0x1C))
# The least first byte of two or more.
_LEAD_MIN: Final = 0xC2
_WIDE_BYTES_MAX: Final = 3
_OTHER_WIDE: Final = (0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
_WIDE: Final = np.array(
    sorted(
        int.from_bytes(chr(code).encode().ljust(_WIDE_BYTES_MAX, b"\0"), "big")
        for code in (*range(0x2000, 0x200B), *_OTHER_WIDE)
    ),
    np.uint32,
)
_TWO_BYTES: Final = 0xE0
TABLES_BYTES_MAX: Final = 32 * 1024 * 1024


def words(block: bytes) -> pa.StringArray:
    """Every word of the block, in order.

    Raises:
        ValueError: the block is longer than 2 GiB.
    """
    block = as_utf8(block)
    data = np.frombuffer(block, np.uint8)
    white = np.empty(len(data), np.bool_)
    _mark_white(block, data, white)
    return pieces(data, white, empty=False)


def word_counts(
    blocks: Iterable[bytes], tables_bytes: int = TABLES_BYTES_MAX
) -> Iterator[tuple[pa.StringArray, pa.Int64Array]]:
    """(words, how often each of them occurs) over many blocks, several times as fast as from
    `words`; a word may come more than once, its counts are to be added up. What is counted is
    handed on whenever it takes up more than `tables_bytes`.

    Blocks are best some 512 KiB long: then what is made of them stays in a CPU's cache.
    """
    tables: dict[int, KeyTable] = {}
    for block in blocks:
        block = as_utf8(block)
        if b"\0" in block:
            yield _counted(words(block))
            continue
        if (longer := _count(block, tables, tables_bytes)) is not None:
            yield _counted(longer)
        held = sum(table.bytes for table in tables.values())
        if held > tables_bytes or any(table.full for table in tables.values()):
            yield from _found(tables)
            continue
        for table in tables.values():
            # It may grow into what the others leave.
            table.bytes_max = tables_bytes - held + table.bytes
    yield from _found(tables)


def _count(block: bytes, tables: dict[int, KeyTable], bytes_max: int) -> pa.StringArray | None:
    """Adds to the table of words that are as many 64-bit words long; what no table takes."""
    data = np.frombuffer(block, np.uint8)
    # Where the block ends, its last word does.
    white = np.ones(len(data) + 1, np.bool_)
    _mark_white(block, data, white[:-1])
    ends = white.nonzero()[0]
    lengths = np.empty_like(ends)
    lengths[0] = ends[0]
    np.subtract(ends[1:], ends[:-1], out=lengths[1:])
    lengths[1:] -= 1
    rest = []
    slices = Slices(data, ends, lengths)
    for size, rows, packed in slices.by_words():
        table = tables.get(size)
        if table is None:
            table = tables[size] = KeyTable(size, np.add, 0, np.int64, bytes_max)
        refused = table.add(packed, 1)
        if len(refused):
            rest.append(refused if rows is None else rows[refused])
    if slices.longer is not None:
        rest.append(slices.longer)
    return slices.column(np.concatenate(rest), pa.string()) if rest else None


def _found(tables: dict[int, KeyTable]) -> Iterator[tuple[pa.StringArray, pa.Int64Array]]:
    """Empties the tables."""
    for size in list(tables):
        for packed, counts in tables.pop(size).items():
            # Between two white spaces there is nothing, which is no word.
            there = packed[-1] != 0
            column = column_of([word[there] for word in packed], pa.string())
            yield column, vector_column(counts[there])


def _counted(found: pa.StringArray) -> tuple[pa.StringArray, pa.Int64Array]:
    counts = found.value_counts()
    return counts.field("values"), counts.field("counts")


def _mark_white(block: bytes, data: Bytes, white: Mask) -> None:
    # Bytes below the range wrap round to above it.
    np.less(data - _FIRST[0], _RANGE, out=white)
    white |= data - _FIRST[1] < _RANGE
    if not block.isascii():
        _mark_wide(data, white)


def _mark_wide(data: Bytes, white: Mask) -> None:
    """Marks all bytes of white space that has several; there are few such characters in a text."""
    leads = np.flatnonzero(data >= _LEAD_MIN)
    last = len(data) - 1
    # A character at the end has no third byte, and then none that counts.
    first, second, third = (data[np.minimum(leads + at, last)].astype(np.uint32) for at in range(3))
    codes = first << 16 | second << 8 | np.where(first < _TWO_BYTES, 0, third)
    found: NDArray[Any] = leads[np.isin(codes, _WIDE)]
    white[found] = white[found + 1] = True
    white[found[data[found] >= _TWO_BYTES] + 2] = True
