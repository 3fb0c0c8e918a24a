"""Tables of columns as records: what Parquet and Arrow files have in common.

A record is (number of the row in its file, row): a dict by column name, or a tuple of the
columns in their order with rows="tuple". Values are Python's: int, float, str, datetime, …,
None for null; lists and dicts where columns are nested.

    columns   the only columns that are read, in this order; all if nothing is said
    filter    [[column, comparison, value], …], all of which must hold; the comparisons are
              ==  !=  <  <=  >  >=  in  not in. A column that is filtered by need not be read.
    rows      "dict" or "tuple"
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from mapred.errors import InputError, JobDefinitionError
from mapred.formats.port import RecordBatch

# Cut into batches of this, a table's rows as Python objects fit beside a task's buffers.
BATCH_ROWS: Final = 8192
# As columns they should stay in a CPU's cache, and be many for what a call costs.
COLUMN_ROWS: Final = 65_536
_NUMBER: Final = "number of the row"
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda column, values: column.isin(values),
    "not in": lambda column, values: ~column.isin(values),
}


@dataclass(frozen=True)
class TableOptions:
    """What both formats can be told."""

    columns: Sequence[str] = ()
    filter: Sequence[Sequence[Any]] = ()
    rows: str = "dict"

    def __post_init__(self) -> None:
        if self.rows not in ("dict", "tuple"):
            raise JobDefinitionError(f"rows can be 'dict' or 'tuple', not {self.rows!r}")
        for one in self.filter:
            known = isinstance(one, list | tuple) and len(one) == 3 and one[1] in _COMPARISONS
            if not known or ("in" in one[1] and not isinstance(one[2], list | tuple)):
                raise JobDefinitionError(
                    f"filter: {one!r} is no [column, comparison, value] with one of "
                    f"{', '.join(_COMPARISONS)}; after `in` comes a list"
                )

    def expression(self) -> Any:
        """Of the filter, for Arrow; None: there is none."""
        if not self.filter:
            return None
        import pyarrow.compute as pc

        whole = None
        for column, comparison, value in self.filter:
            one = _COMPARISONS[comparison](pc.field(column), value)
            whole = one if whole is None else whole & one
        return whole

    def read_columns(self, names: Sequence[str], uri: str) -> list[str]:
        """Of a file's columns those that are needed.

        Raises:
            InputError: one of them isn't there.
        """
        wanted = [*(self.columns or names), *(column for column, _, _ in self.filter)]
        for name in wanted:
            if name not in names:
                raise InputError(f"{uri} has no column '{name}'. It has: {', '.join(names)}")
            if names.count(name) > 1:
                raise InputError(
                    f"{uri} has several columns of the name '{name}'. Choose others by `columns`, "
                    "or write the file with a name for each"
                )
        return list(dict.fromkeys(wanted))


class TableRows:
    """Arrow's batches of one file to what is asked of them."""

    def __init__(self, options: TableOptions, uri: str) -> None:
        self._options = options
        self._uri = uri
        self._expression = options.expression()

    def filtered(
        self, first: int, batch: pa.RecordBatch, batch_rows: int
    ) -> Iterator[tuple[Sequence[int], Any]]:
        """(numbers, batch of the wanted columns) of the rows that hold; `first`: the number."""
        names = self._options.columns or batch.schema.names
        for start in range(0, batch.num_rows, batch_rows):
            part = batch.slice(start, batch_rows)
            numbers = range(first + start, first + start + part.num_rows)
            if self._expression is None:
                yield numbers, part.select(names)
                continue
            table = pa.Table.from_batches([part])
            numbered = table.append_column(
                _NUMBER, pa.array(np.arange(numbers.start, numbers.stop))
            )
            try:
                kept = numbered.filter(self._expression)
            except pa.ArrowException as error:
                raise unfit_filter(self._options, self._uri, error) from None
            yield kept[_NUMBER].to_pylist(), kept.select(names)

    def records(self, numbers: Sequence[int], rows: Any) -> RecordBatch:
        try:
            columns = [column.to_pylist() for column in rows.columns]
        except UnicodeDecodeError as error:
            raise InputError(
                f"{self._uri} has bytes that are no string's among the {len(numbers)} rows from "
                f"number {numbers[0]} on: {error}. Replace the file, or leave it out of the inputs"
            ) from None
        tuples = list(zip(*columns, strict=True)) if columns else [()] * len(numbers)
        if self._options.rows == "tuple":
            return numbers, tuples
        names = rows.schema.names
        return numbers, [dict(zip(names, one, strict=True)) for one in tuples]


def unfit_filter(options: TableOptions, uri: str, error: Exception) -> InputError:
    wanted = ", ".join(map(repr, options.filter))
    return InputError(f"{uri} has columns of other types than the filter ({wanted}): {error}")
