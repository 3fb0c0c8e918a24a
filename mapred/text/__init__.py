"""Text by whole buffers, without a Python object a token: for mappers of blocks.

words        what white space separates
word_counts  how often each of them occurs
lines        the lines
fields       the fields of every line
matching     the lines that have a pattern
numbers      strings to integers or floats

A buffer is UTF-8 and ends at the end of a line, as BlockMapper gets it. Bytes that aren't UTF-8
become U+FFFD. Results are Arrow arrays.

The client of a job imports its job file, and so this, but works on no text: numpy and pyarrow,
which take it 0.15 s, are imported by the first call.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def words(block: bytes) -> "pa.StringArray":
    """Every word of the block, in order.

    Raises:
        ValueError: the block is longer than 2 GiB.
    """
    from mapred.text.wordscan import words as found

    return found(block)


def word_counts(
    blocks: Iterable[bytes], tables_bytes: int | None = None
) -> "Iterator[tuple[pa.StringArray, pa.Int64Array]]":
    """(words, how often each of them occurs) over many blocks, several times as fast as from
    `words`; a word may come more than once, its counts are to be added up. What is counted is
    handed on whenever it takes up more than `tables_bytes` (32 MiB).

    Blocks are best some 512 KiB long: then what is made of them stays in a CPU's cache.
    """
    from mapred.text.wordscan import TABLES_BYTES_MAX
    from mapred.text.wordscan import word_counts as counted

    return counted(blocks, TABLES_BYTES_MAX if tables_bytes is None else tables_bytes)


def lines(block: bytes) -> "pa.StringArray":
    """Every line of the block, without its end.

    Raises:
        ValueError: the block is longer than 2 GiB.
    """
    from mapred.text.linefields import lines as found

    return found(block)


def fields(block: bytes, separator: str = "\t") -> "pa.ListArray":
    """The fields of every line: a list of strings a line.

    Raises:
        ValueError: no separator, or the block is longer than 2 GiB.
    """
    from mapred.text.linefields import fields as found

    return found(block, separator)


def matching(block: bytes, pattern: str, *, regex: bool = False) -> "pa.StringArray":
    """The lines that have the pattern in them: as it is written, or as a regular expression.

    Raises:
        ValueError: no regular expression (in RE2's syntax), or the block is longer than 2 GiB.
    """
    from mapred.text.linefields import matching as found

    return found(block, pattern, regex=regex)


def numbers(strings: "pa.Array", *, floats: bool = False) -> "pa.Array":
    """int64s, or with `floats` float64s; spaces around a number don't matter.

    Raises:
        ValueError: a string that is no such number; the message has it.
    """
    from mapred.text.linefields import numbers as found

    return found(strings, floats=floats)
