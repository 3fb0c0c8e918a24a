r"""Words: what white space separates, exactly as `str.split()` has it.

White space of one byte: \t \n \v \f \r, \x1c to \x1f, and the space. Beyond ASCII: U+0085, U+00A0,
U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F, U+3000; in UTF-8 each
has two or three bytes, and none of these sequences can be a part of other characters.
"""

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

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


def words(block: bytes) -> pa.StringArray:
    """Every word of the block, in order.

    Raises:
        ValueError: the block is longer than 2 GiB.
    """
    block = as_utf8(block)
    data = np.frombuffer(block, np.uint8)
    # Bytes below the range wrap round to above it.
    white = (data - _FIRST[0] < _RANGE) | (data - _FIRST[1] < _RANGE)
    if not block.isascii():
        _mark_wide(data, white)
    return pieces(data, white, empty=False)


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
