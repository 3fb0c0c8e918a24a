"""Records that user code only hands on: as columns, from the input's to the output's.

A job that sorts is that in its map and in its reduce (`recognised` knows both); no Python object
is made of a record.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from mapred.columnar import BatchMapper
from mapred.shuffle.columns import BYTES, INT, STR, Rows
from mapred.shuffle.ordering import group_starts

# Input formats whose readers have `columns`, with the keys and values of their records.
COLUMNAR: Final = ("fixed",)
# Keys that are equal are also the same. 0.0 and -0.0 aren't, and `reduce` gives the first for all.
_SAME: Final = (INT, STR, BYTES)


class SameBatches(BatchMapper):
    """Yields what it gets."""

    def map_batch(self, batch: Any) -> Iterator[Any]:
        yield batch


class PassedGroups:
    """Iterates over batches that are their own result; `rest`: those for which Python must."""

    def __init__(self, batches: Iterator[Rows]) -> None:
        self._batches = batches
        self.rest: Iterator[Rows] = iter(())
        # Rows and keys in batches taken so far.
        self.records = 0
        self.groups = 0

    def __iter__(self) -> Iterator[Rows]:
        # The last key of the batch before, and not the batch: it would be held beside the next.
        before: Any = None
        for rows in self._batches:
            if rows.keys not in _SAME:
                # All batches of a merge have the same kind of keys: nothing was taken.
                self.rest = chain([rows], self._batches)
                return
            self.records += len(rows)
            self.groups += len(group_starts(rows.order))
            if before is not None and before == rows.order[0].as_py():
                self.groups -= 1
            before = rows.order[-1].as_py()
            yield rows
            del rows
