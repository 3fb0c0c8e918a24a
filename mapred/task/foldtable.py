"""Combining on columns, where the combiner is a fold: pairs become columns chunk by chunk, while
their objects are in the CPU's cache, and fold some ten thousands at a time: in a table that is kept
(mapred/shuffle/hashfold.py) as long as keys and values are of the same two kinds, else by Arrow's
hash into parts that are folded together later.

When something comes that columns can't do exactly, what is held goes to the sorter, and the rest of
the task's pairs to the table for any combiner. All thresholds depend on the data alone.
"""

from collections.abc import Callable
from typing import Final

from mapred.shuffle.columns import Rows, joined
from mapred.shuffle.folding import foldable, folded
from mapred.shuffle.folds import AnyFold, Fold
from mapred.shuffle.hashfold import HashFold, suits
from mapred.shuffle.partials import lifted
from mapred.shuffle.sorter import Sorter
from mapred.shuffle.unordered import likely_keys
from mapred.task.combine import Combine, CombiningTable
from mapred.task.pairs import Chunk, rows_of_pairs

# Enough that Arrow's cost per call vanishes, few enough for a CPU's cache.
_PENDING_ROWS: Final = 65_536
# Parts wait until they are folded into one: for as many rows as it has, but at least this many.
_NEWER_ROWS: Final = 262_144
# So many rows a key are too few for a hash table, which then doesn't fit into a cache.
_SCATTERED: Final = 2
# A table that is kept costs less.
_SCATTERED_PERCENT: Final = 90
# Reduces with so many times the keys that they have room for sort no more than maps would have.
_ROOM_EXCEEDED: Final = 2
# Where rows needn't be sorted instead, not to fold them costs least.
_UNORDERED_PERCENT: Final = 75
# Rows of which it is told.
_TOLD_ROWS: Final = 262_144
# If hardly a key of so many rows came twice, those up to there go unhashed; then as many are looked
# at again.
_FIRST_ROWS: Final = 16_384
_FIRST_PERCENT: Final = 99
# Columns come so many at a time, all of which are looked at.
_FIRST_BATCH_ROWS: Final = _PENDING_ROWS


class FoldTable:
    """Takes a map's pairs, hands folded ones to its sorter."""

    def __init__(
        self,
        fold: AnyFold,
        combine: Combine,
        sorter: Sorter,
        table_bytes: int,
        *,
        floats: bool,
        lift: Callable[[Chunk], Chunk] | None = None,
        reduces_bytes: int = 0,
    ) -> None:
        self._fold = fold
        # What Python makes of values before it combines them; columns have their own way.
        self._lift = lift or list
        self._combine = combine
        self._sorter = sorter
        self._table_bytes = table_bytes
        self._floats = floats
        # What the tables of all reduces may take up; 0: they don't hash.
        self._reduces_bytes = reduces_bytes
        # Not yet folded, nor looked at: chunks in columns, and their rows and bytes.
        self._pending: list[Rows] = []
        self._pending_rows = 0
        self._pending_bytes = 0
        # Of the kinds that came first; none any more when others have come.
        self._table: HashFold | None = None
        self._kept = True
        # What the table can't take: the first is folded as far as it can be, the others wait.
        self._parts: list[Rows] = []
        # Keys hardly ever come twice: the sorter sorts them anyway, and folds what is side by side.
        self._scattered = False
        # So many rows still go unhashed, before it's looked at again; None: that isn't known yet.
        self._unhashed: int | None = None
        self._key_bytes = 0
        self._told_rows = _TOLD_ROWS
        self._any: CombiningTable | None = None
        self._records_in = 0
        self._records_out = 0

    @property
    def records_in(self) -> int:
        return self._records_in + (self._any.records_in if self._any else 0)

    @property
    def records_out(self) -> int:
        return self._records_out + (self._any.records_out if self._any else 0)

    def add(self, chunk: Chunk, chunk_bytes: int) -> None:
        """Raises RecordError for what can't be taken."""
        if not self._any and not self._suits_columns(chunk):
            self._fold_pending()
            self._to_python()
        if self._any:
            self._any.add(self._lift(chunk), chunk_bytes)
            return
        self._pending.append(rows_of_pairs(chunk))
        self._pending_rows += len(chunk)
        self._pending_bytes += chunk_bytes
        if self._pending_rows >= _PENDING_ROWS or self._pending_bytes > self._table_bytes // 2:
            self._fold_pending()

    def _suits_columns(self, chunk: Chunk) -> bool:
        if self._fold in (Fold.SUM, Fold.MIN, Fold.MAX):
            return True
        try:
            kinds = {type(value) for _, value in chunk}
        except (TypeError, ValueError):
            # What isn't a pair is refused by who takes it apart.
            return True
        return len(kinds) == 1 and kinds.pop() in self._fold.types

    def add_rows(self, rows: Rows) -> None:
        """Records that are in columns already."""
        if not self._any:
            self._fold_pending()
        if self._any:
            if len(rows):
                self._any.add(self._lift(rows.pairs()), rows.bytes)
        elif len(rows):
            self._take(rows, rows.bytes)

    def finish(self) -> None:
        """Hands over what is left; the table can't be used any more."""
        self._fold_pending()
        if self._any:
            self._any.finish()
        else:
            self._empty_table()
            self._fold_parts()
            self._to_sorter()

    def _fold_pending(self) -> None:
        if not self._pending:
            return
        pending, self._pending, self._pending_rows = self._pending, [], 0
        pending_bytes, self._pending_bytes = self._pending_bytes, 0
        rows = joined(pending)
        pending.clear()
        self._take(rows, pending_bytes)

    def _take(self, rows: Rows, rows_bytes: int) -> None:
        if self._fold.has_partials:
            partials = lifted(rows, self._fold)
            if partials is None:
                self._to_python().add(self._lift(rows.pairs()), rows_bytes)
                return
            rows = partials
        if not foldable(rows, self._fold, floats=self._floats):
            self._to_python().add(rows.pairs(), rows_bytes)
        elif self._scattered:
            self._records_in += len(rows)
            self._pass_on(rows)
        else:
            self._records_in += len(rows)
            if not self._suits_table(rows):
                self._hold(rows)
            elif self._unhashed:
                self._unhashed = max(0, self._unhashed - len(rows))
                # While nothing has been spilled.
                self._see_room(self._records_out + len(rows))
                self._pass_on(rows)
            elif (rest := self._tabled(rows)) is not None:
                self._hold(rest)

    def _pass_on(self, rows: Rows) -> None:
        self._records_out += len(rows)
        self._sorter.add_rows(rows)

    def _suits_table(self, rows: Rows) -> bool:
        if not self._kept or not suits(rows, self._fold):
            self._kept = False
        elif self._table is None:
            self._table = HashFold(rows.keys, rows.values, self._fold, self._table_bytes)
        elif self._table.kinds != (rows.keys, rows.values):
            self._kept = False
        if not self._kept:
            self._sorter.keep_order()
            # Keys of two kinds may be equal: from here on they are folded together.
            self._empty_table()
        return self._kept

    def _tabled(self, rows: Rows) -> Rows | None:
        """Those rows that the table doesn't take."""
        assert self._table
        if not self._table.has_room_for(rows):
            self._empty_table()
        before = self._table.records
        rest = self._table.add(rows)
        records = self._table.records
        if rest is not None:
            self._sorter.keep_order()
        if self._unhashed is None and records >= _FIRST_ROWS:
            self._look_at_first(self._table)
        elif before // self._told_rows != records // self._told_rows or self._table.full:
            self._look_at(self._table)
        if self._scattered or self._unhashed or self._table.full:
            self._empty_table()
        return rest

    def _look_at_first(self, table: HashFold) -> None:
        """Whether the next rows are better not hashed: what was counted already comes like that."""
        self._unhashed = 0
        # Among twice as many rows of the same keys, twice as large a share has come before.
        rows = min(table.records, _FIRST_BATCH_ROWS)
        repeated = (100 - _FIRST_PERCENT) * rows // _FIRST_ROWS
        if 100 * table.keys > (100 - repeated) * table.records:
            self._unhashed = max(0, _TOLD_ROWS - table.records)
            self._told_rows = _FIRST_ROWS
            self._key_bytes = table.key_bytes

    def _look_at(self, table: HashFold) -> None:
        """Whether it's of use, and whether reduces will have room for all keys."""
        keys, records = table.keys, table.records
        self._key_bytes = table.key_bytes
        unordered = self._see_room(likely_keys(records, keys))
        share = _UNORDERED_PERCENT if unordered else _SCATTERED_PERCENT
        self._scattered = self._scattered or 100 * keys > share * records

    def _see_room(self, keys: int) -> bool:
        """Whether reduces have room for so many keys; else rows are to be sorted here."""
        room = keys * self._key_bytes <= _ROOM_EXCEEDED * self._reduces_bytes
        if not room:
            self._sorter.keep_order()
        return room

    def _empty_table(self) -> None:
        for rows in self._table.pieces() if self._table else ():
            self._pass_on(rows)

    def _hold(self, rows: Rows) -> None:
        # Many are folded at once, while they are in the CPU's cache.
        many = len(rows) >= _PENDING_ROWS
        self._parts.append((many and folded(rows, self._fold, floats=self._floats)) or rows)
        newer = sum(map(len, self._parts[1:]))
        if newer > max(_NEWER_ROWS, len(self._parts[0])):
            self._fold_parts()
        # While parts are folded they are there several times.
        if 2 * self._held_bytes() > self._table_bytes:
            self._fold_parts()
            if 4 * self._held_bytes() > self._table_bytes:
                self._to_sorter()

    def _to_python(self) -> CombiningTable:
        if not self._any:
            self._sorter.keep_order()
            self._empty_table()
            self._fold_parts()
            self._to_sorter()
            self._any = CombiningTable(self._combine, self._sorter, self._table_bytes)
        return self._any

    def _held_bytes(self) -> int:
        return sum(one.bytes for one in self._parts)

    def _fold_parts(self) -> None:
        if self._parts:
            together = joined(self._parts)
            whole = folded(together, self._fold, floats=self._floats)
            if whole is None:
                self._to_sorter()
                return
            self._parts = [whole]
            if len(together) >= _NEWER_ROWS and _SCATTERED * len(whole) > len(together):
                self._scattered = True
                self._to_sorter()

    def _to_sorter(self) -> None:
        for part in self._parts:
            self._pass_on(part)
        self._parts = []
