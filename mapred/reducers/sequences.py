"""First, Last, Collect: values in their order, which is that of (map, emission).

With text as input that is the order of the lines, as the files were named at submit.
Columns give the first and the last natively, of int, float, str or bytes; all of them, of int,
float or str.
Collect holds all values of a key in memory at once.
"""

from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import Any

from mapred.reducers.port import Builtin
from mapred.shuffle.folds import Fold


class First(Builtin):
    """The first of a key's values."""

    fold, closed = Fold.FIRST, True

    def merged(self, partials: Iterator[Any]) -> Any:
        return next(partials)


class Last(Builtin):
    """The last of a key's values."""

    fold, closed = Fold.LAST, True

    def merged(self, partials: Iterator[Any]) -> Any:
        return deque(partials, maxlen=1)[0]


class Collect(Builtin):
    """All of a key's values, as a list."""

    fold = Fold.COLLECT

    def lift(self, value: Any) -> list[Any]:
        return [value]

    def merged(self, partials: Iterator[list[Any]]) -> list[Any]:
        return list(chain.from_iterable(partials))
