"""A buffer cut at separator bytes into an Arrow array of strings."""

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_BUFFER_BYTES_MAX: Final = (1 << 31) - 1


def as_utf8(block: bytes) -> bytes:
    """The block itself where it is UTF-8, else with U+FFFD for what isn't."""
    if block.isascii():
        return block
    try:
        block.decode()
    except UnicodeDecodeError:
        return block.decode(errors="replace").encode()
    return block


def pieces(data: Bytes, separators: Mask, *, empty: bool) -> pa.StringArray:
    """What is between separators; `empty`: also where there is nothing.

    Raises:
        ValueError: the buffer is longer than 2 GiB, which is more than an Arrow array holds.
    """
    if len(data) > _BUFFER_BYTES_MAX:
        raise ValueError(f"a block of {len(data)} bytes is more than 2 GiB: cut it first")
    places = np.flatnonzero(separators)
    ends = np.append(places, len(data))
    lengths = np.diff(ends, prepend=-1) - 1
    if not empty:
        lengths = lengths[lengths > 0]
    offsets: NDArray[Any] = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    kept = data[~separators]
    return pa.StringArray.from_buffers(len(lengths), pa.py_buffer(offsets), pa.py_buffer(kept))
