"""User code by batches and blocks: mappers and reducers that work on columns, not on records.

What they yield is columns again: a pyarrow RecordBatch or Table with a column `key` and a column
`value` (with further columns the value is a dict of them all but the key), or a pair
(keys, values) of two arrays, Arrow's or numpy's, or lists, of one length. Around them all is as
with Mapper and Reducer: parameters, counters, setup and cleanup (which yields pairs), partitions,
sorting, combiners and built-in reducers.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, ClassVar, TypeAlias

from mapred.records import Mapper, Reducer

Columns: TypeAlias = Iterable[Any] | None


class BatchMapper(Mapper):
    """Turns batches of records into batches of pairs."""

    def map_batch(self, batch: Any) -> Columns:
        """`batch`: a pyarrow.RecordBatch; its columns are `offset` and `line` for text, those
        of the file for Parquet and Arrow, else `key` and `value`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no map_batch(self, batch)")


class BlockMapper(Mapper):
    """Turns pieces of a split, as they are, into batches of pairs."""

    # Of text, at a time: what is computed from a block should stay in a CPU's cache.
    block_bytes: ClassVar[int] = 1024 * 1024

    def map_block(self, block: Any) -> Columns:
        """`block`: bytes of whole lines for text, a RecordBatch for Parquet and Arrow, an array for
        .npy; for all other formats a list of their records' values.
        """
        raise NotImplementedError(f"{type(self).__name__} has no map_block(self, block)")

    def map_blocks(self, blocks: Iterator[Any]) -> Columns:
        """All blocks of a split one after the other, for who gathers over them: it stands in the
        place of `map_block`, and must take them all.
        """
        return chain.from_iterable(self.map_block(block) or () for block in blocks)


class BatchReducer(Reducer):
    """Turns runs of whole groups into batches of pairs. A group must fit into memory."""

    def reduce_batch(self, keys: Any, values: Any, groups: Any) -> Columns:
        """`keys`: the keys, sorted, one a group. `values`: all their values, one group after the
        other. `groups`: where in `values` each group begins, and at last their end; a numpy array.

        Keys and values are Arrow arrays where all are int, float, str or bytes, else lists.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no reduce_batch(self, keys, values, groups)"
        )
