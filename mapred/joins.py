"""Joins: on the reducer's side of two inputs, and in the mapper with a small table.

    from mapred import Format, Input, Job
    from mapred.joins import InnerJoin, Left, Right

    class Users(Left):
        def key(self, user):
            return user["id"]

    class Orders(Right):
        def key(self, order):
            return order["user"]

    class UserOrders(Job):
        inputs = (
            Input("users", format=Format("csv", types={"id": "int"}), mapper=Users),
            Input("orders", format="jsonl", mapper=Orders),
        )
        reducer = InnerJoin                      # or LeftJoin, RightJoin, FullJoin

A pair of the output is (key, (left record, right record)); None stands for a side that has no
record of the key. As in SQL, the key None matches nothing, not even None.

The left input must be declared first: its records then come first in every group. A reducer
holds the left records of one key, and the right ones stream past them, so a key may have any
number of records on the right. Subclass a join and its `join` to make other pairs.

    class Named(BroadcastJoin):                  # a mapper
        form = Format("csv")

        def table(self):
            return self.ctx.file("countries.csv")   # of Job.files; or a URI

        def table_key(self, row):
            return row["code"]

        def key(self, record):
            return record["country"]

A broadcast join has no shuffle: each task process reads the table once and keeps it.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final

from mapred.errors import InputError
from mapred.formats import check_input, input_format
from mapred.formats.choice import Format
from mapred.model import Split
from mapred.records import Mapper, Pairs, Reducer
from mapred.storage import storage_for

_LEFT: Final = 0
_RIGHT: Final = 1


class _Side(Mapper):
    side: ClassVar[int]

    def key(self, record: Any) -> Any:
        """What the record is joined by."""
        raise NotImplementedError(f"{type(self).__name__} has no key(self, record)")

    def map(self, key: Any, value: Any) -> Pairs:
        return ((self.key(value), (self.side, value)),)


class Left(_Side):
    """Mapper of the input whose records of a key are held."""

    side = _LEFT


class Right(_Side):
    """Mapper of the input whose records stream."""

    side = _RIGHT


class InnerJoin(Reducer):
    """Pairs of records with one key."""

    keeps_left: ClassVar[bool] = False
    keeps_right: ClassVar[bool] = False

    def join(self, key: Any, left: Any, right: Any) -> Pairs:
        """What becomes of two records with this key; one of them may be None."""
        return ((key, (left, right)),)

    def reduce(self, key: Any, values: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
        held: list[Any] = []
        matched = False
        for side, record in values:
            if side == _LEFT:
                if matched:
                    raise InputError(
                        "a join got a record of its left side after one of its right side: "
                        "declare the left input first in the job's `inputs`"
                    )
                held.append(record)
                continue
            matched = True
            yield from self._right(key, held, record)
        if self.keeps_left and (not matched or key is None):
            for left in held:
                yield from self.join(key, left, None) or ()

    def _right(self, key: Any, held: list[Any], right: Any) -> Iterator[tuple[Any, Any]]:
        if held and key is not None:
            for left in held:
                yield from self.join(key, left, right) or ()
        elif self.keeps_right:
            yield from self.join(key, None, right) or ()


class LeftJoin(InnerJoin):
    """Also left records without a right one."""

    keeps_left = True


class RightJoin(InnerJoin):
    """Also right records without a left one."""

    keeps_right = True


class FullJoin(InnerJoin):
    """Also records of either side without one of the other."""

    keeps_left = keeps_right = True


# In this process: (URI, format, who keys it) → the table's rows by key.
_TABLES: Final[dict[tuple[str, str, type], dict[Any, list[Any]]]] = {}


class BroadcastJoin(Mapper):
    """Joins each record with the rows of a table that fits into memory."""

    # How the table is read.
    form: ClassVar[str | Format] = "csv"
    # Whether records without a row come, too, with None for the row.
    keeps_unmatched: ClassVar[bool] = False

    def table(self) -> str | Path:
        """Where the table is: a URI, or a file of this machine."""
        raise NotImplementedError(f"{type(self).__name__} has no table(self)")

    def table_key(self, row: Any) -> Any:
        """What a row of the table is joined by."""
        raise NotImplementedError(f"{type(self).__name__} has no table_key(self, row)")

    def key(self, record: Any) -> Any:
        """What a record is joined by."""
        raise NotImplementedError(f"{type(self).__name__} has no key(self, record)")

    def join(self, key: Any, record: Any, row: Any) -> Pairs:
        """What becomes of a record and a row of the table, or None."""
        return ((key, (record, row)),)

    def map(self, key: Any, value: Any) -> Iterator[tuple[Any, Any]]:
        own = self.key(value)
        rows = self.rows.get(own) if own is not None else None
        if rows is None:
            if self.keeps_unmatched:
                yield from self.join(own, value, None) or ()
            return
        for row in rows:
            yield from self.join(own, value, row) or ()

    @cached_property
    def rows(self) -> dict[Any, list[Any]]:
        """The table by key."""
        return self._loaded()

    def _loaded(self) -> dict[Any, list[Any]]:
        place = self.table()
        uri = f"file://{place.absolute()}" if isinstance(place, Path) else place
        word = check_input(self.form)
        name = uri, word, type(self)
        if name not in _TABLES:
            storage = storage_for(uri)
            split = Split(uri, 0, storage.stat(uri).length, format=word)
            table: defaultdict[Any, list[Any]] = defaultdict(list)
            for _, rows in input_format(word).reader(split, storage).batches():
                for row in rows:
                    table[self.table_key(row)].append(row)
            _TABLES[name] = dict(table)
        return _TABLES[name]
