"""The words of text, by whole blocks, each with one constant: what `recognised` knows a mapper by.

The records are those of text input: bytes that aren't UTF-8 become U+FFFD, and lines that have some
are counted.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from mapred.columnar import BlockMapper
from mapred.task.context import TaskContext
from mapred.text import words


class WordsWith(BlockMapper):
    """Yields every word of a block with the constant."""

    def __init__(self, constant: int, context: TaskContext) -> None:
        self.ctx = context
        self._constant = pa.scalar(constant, pa.int64())

    def map_block(self, block: bytes) -> Iterator[tuple[Any, Any]]:
        if bad := _undecodable_lines(block):
            self.ctx.count("text", "undecodable_lines", bad)
        found = words(block)
        yield found, pa.repeat(self._constant, len(found))


def _undecodable_lines(block: bytes) -> int:
    if block.isascii() or _decodes(block):
        return 0
    return sum(not _decodes(line) for line in block.split(b"\n"))


def _decodes(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
