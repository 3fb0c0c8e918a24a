"""The words of text, by whole blocks, each with one constant: what `recognised` knows a mapper by.

The records are those of text input: bytes that aren't UTF-8 become U+FFFD, and lines that have some
are counted.
"""

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from mapred.columnar import BlockMapper
from mapred.task.context import TaskContext
from mapred.task.counting import TASK_GROUP
from mapred.text.wordscan import TABLES_BYTES_MAX, word_counts, words

# A split has fewer words than 2^43.
_SUMMED_MAX: Final = 1 << 20


class WordsWith(BlockMapper):
    """Yields every word of a block with the constant; `summed`: words with the sums of it."""

    block_bytes = 512 * 1024

    def __init__(
        self, constant: int, context: TaskContext, *, summed: bool, tables_bytes: int
    ) -> None:
        self.ctx = context
        self._constant = pa.scalar(constant, pa.int64())
        # Else a sum might leave 64 bits, and Python must see all numbers.
        self._summed = summed and abs(constant) <= _SUMMED_MAX
        self._tables_bytes = min(tables_bytes, TABLES_BYTES_MAX)

    def map_blocks(self, blocks: Iterator[bytes]) -> Iterator[tuple[Any, Any]]:
        if not self._summed:
            yield from super().map_blocks(blocks) or ()
            return
        checked = map(self._checked, blocks)
        for found, counts in word_counts(checked, self._tables_bytes):
            self._count_words(pc.sum(counts).as_py() - len(counts) if len(counts) else 0)
            yield found, pc.multiply(counts, self._constant)

    def map_block(self, block: bytes) -> Iterator[tuple[Any, Any]]:
        found = words(self._checked(block))
        yield found, pa.repeat(self._constant, len(found))

    def _checked(self, block: bytes) -> bytes:
        if bad := _undecodable_lines(block):
            self.ctx.count("text", "undecodable_lines", bad)
        return block

    def _count_words(self, more: int) -> None:
        """As if each of them had been yielded."""
        for name in ("map_output_records", "combine_input_records"):
            self.ctx.count(TASK_GROUP, name, more)


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
