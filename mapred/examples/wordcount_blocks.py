"""How often each word occurs, by whole blocks of text: words never become Python objects.

mapred submit mapred/examples/wordcount_blocks.py TEXT...
"""

from collections.abc import Iterator
from typing import Any

from mapred import BlockMapper, Job, Sum
from mapred.text import words


class Words(BlockMapper):
    def map_block(self, block: bytes) -> Iterator[tuple[Any, Any]]:
        counts = words(block).value_counts()
        yield counts.field("values"), counts.field("counts")


class WordCount(Job):
    """Words are what white space separates, as they are written."""

    mapper, reducer = Words, Sum
