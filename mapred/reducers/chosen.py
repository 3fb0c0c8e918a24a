"""TopK(n) and Histogram(bounds): reducers made to measure. Calls give classes, which a job names.

    reducer = TopK(10)                 the ten greatest, greatest first; of equal ones the earlier
    reducer = Histogram([0, 10])       [values below 0, from 0 to below 10, from 10 on]
    reducer = Histogram(low=0, high=10, bins=5)        bounds at 0, 2, 4, … 10

Values compare as Python has them; NaN is greater than any number.
"""

import heapq
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import Any, ClassVar, Final

from mapred.errors import JobDefinitionError
from mapred.reducers.port import Builtin
from mapred.shuffle import folds

_COLUMN_BOUNDS_MAX: Final = 1000


class Greatest(Builtin):
    """The greatest of a key's values, as a list."""

    size: ClassVar[int]

    def lift(self, value: Any) -> list[Any]:
        return [value]

    def merged(self, partials: Iterator[list[Any]]) -> list[Any]:
        return heapq.nlargest(self.size, chain.from_iterable(partials), key=_rank)


def _rank(value: Any) -> tuple[bool, Any]:
    return (True, 0) if value != value else (False, value)


def TopK(n: int) -> type[Greatest]:  # noqa: N802  (stands where a class does)
    """The n greatest values of a key.

    Raises:
        JobDefinitionError: n isn't a positive int.
    """
    if not isinstance(n, int) or n < 1:
        raise JobDefinitionError(f"TopK({n!r}): how many must be an int of at least 1")
    return type(
        f"TopK{n}", (Greatest,), {"size": n, "fold": folds.Greatest(n), "__module__": __name__}
    )


class Binned(Builtin):
    """How many of a key's values fall between bounds, as a list."""

    bounds: ClassVar[Sequence[Any]]

    def lift(self, value: Any) -> dict[int, int]:
        return {bisect_right(self.bounds, value): 1}

    def merged(self, partials: Iterator[dict[int, int]]) -> dict[int, int]:
        counts: Counter[int] = Counter()
        for partial in partials:
            counts.update(partial)
        return dict(counts)

    def result(self, partial: dict[int, int]) -> list[int]:
        return [partial.get(place, 0) for place in range(len(self.bounds) + 1)]


def Histogram(  # noqa: N802  (stands where a class does)
    bounds: Sequence[Any] = (), *, low: float = 0, high: float = 0, bins: int = 0
) -> type[Binned]:
    """How many values of a key fall between bounds; a value on a bound counts above it.

    Raises:
        JobDefinitionError: neither rising bounds nor a range cut into bins.
    """
    if bins > 0 and high > low and not bounds:
        bounds = [low + (high - low) * step / bins for step in range(bins + 1)]
    if not bounds or any(not one < other for one, other in pairwise(bounds)):
        raise JobDefinitionError(
            f"Histogram({list(bounds)!r}, low={low}, high={high}, bins={bins}): give it bounds in "
            "rising order, such as Histogram([0, 10, 100]), or low < high and bins"
        )
    bounds = tuple(bounds)
    fold = folds.Binned(bounds) if _suit_columns(bounds) else None
    names = {"bounds": bounds, "fold": fold, "__module__": __name__}
    return type("Histogram", (Binned,), names)


def _suit_columns(bounds: tuple[Any, ...]) -> bool:
    """Numbers of one type that columns can hold; and not so many that whole results are large."""
    if len(bounds) > _COLUMN_BOUNDS_MAX:
        return False
    if {type(bound) for bound in bounds} == {int}:
        return all(-(1 << 63) <= bound < 1 << 63 for bound in bounds)
    return {type(bound) for bound in bounds} == {float} and bounds[0] == bounds[0]
