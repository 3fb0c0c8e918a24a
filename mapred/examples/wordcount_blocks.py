"""How often each word occurs, by whole blocks of text: words never become Python objects.

mapred submit mapred/examples/wordcount_blocks.py TEXT...
"""

from collections.abc import Iterator
from typing import Any

from mapred import BlockMapper, Job, Sum
from mapred.text import word_counts


class Words(BlockMapper):
    block_bytes = 512 * 1024

    def map_blocks(self, blocks: Iterator[bytes]) -> Iterator[tuple[Any, Any]]:
        yield from word_counts(blocks)


class WordCount(Job):
    """Words are what white space separates, as they are written."""

    mapper, reducer = Words, Sum
