r"""Lines and their fields. Lines are those of text input: "\n" ends one, with a "\r" before it.

Arrow's functions are loaded by who calls them: 20 ms that a job's client can do without.
"""

from typing import Final

import numpy as np
import pyarrow as pa

from mapred.text.pieces import as_utf8, pieces

_NEWLINE: Final = 10


def lines(block: bytes) -> pa.StringArray:
    """Every line of the block, without its end.

    Raises:
        ValueError: the block is longer than 2 GiB.
    """
    block = as_utf8(block).replace(b"\r\n", b"\n")
    ended = block.endswith(b"\n")
    data = np.frombuffer(block, np.uint8)
    found = pieces(data, data == _NEWLINE, empty=True)
    # After the last line's end there is no further line.
    return found[:-1] if ended or not block else found


def fields(block: bytes, separator: str = "\t") -> pa.ListArray:
    """The fields of every line: a list of strings a line.

    Raises:
        ValueError: no separator, or the block is longer than 2 GiB.
    """
    import pyarrow.compute as pc

    if not separator:
        raise ValueError("fields are separated by something: give a separator such as ','")
    return pc.split_pattern(lines(block), separator)


def matching(block: bytes, pattern: str, *, regex: bool = False) -> pa.StringArray:
    """The lines that have the pattern in them: as it is written, or as a regular expression.

    Raises:
        ValueError: no regular expression (in RE2's syntax), or the block is longer than 2 GiB.
    """
    import pyarrow.compute as pc

    every = lines(block)
    find = pc.match_substring_regex if regex else pc.match_substring
    return every.filter(find(every, pattern))


def numbers(strings: pa.Array, *, floats: bool = False) -> pa.Array:
    """int64s, or with `floats` float64s; spaces around a number don't matter.

    Raises:
        ValueError: a string that is no such number; the message has it.
    """
    import pyarrow.compute as pc

    trimmed = pc.ascii_trim_whitespace(strings)
    return trimmed.cast(pa.float64() if floats else pa.int64())
