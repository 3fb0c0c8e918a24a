"""Mean and Variance of numbers.

Mean       total / count, as a float; of ints the exact quotient, rounded once.
Variance   of the sample (divided by count - 1), as statistics.variance; None for a single value.

Variance carries (count, mean, M2), M2 the sum of squared distances from the mean, and merges them
by the pairwise formula of Chan, Golub and LeVeque ("Updating formulae and a pairwise algorithm for
computing sample variances", 1979): no cancellation where the mean is large and the spread small.

Of columns of int or float both are done natively (mapred/shuffle/partials.py), the order of values
as it is here; floats differ from this in their last digits at most.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

from mapred.reducers.port import Builtin
from mapred.shuffle.folds import Fold

# (count, mean, M2)
Moments: TypeAlias = tuple[int, float, float]


class Mean(Builtin):
    """The arithmetic mean of a key's values."""

    fold = Fold.MEAN

    def lift(self, value: Any) -> tuple[int, Any]:
        return 1, value

    def merged(self, partials: Iterator[tuple[int, Any]]) -> tuple[int, Any]:
        count, total = 0, 0
        for more, amount in partials:
            count += more
            total += amount
        return count, total

    def result(self, partial: tuple[int, Any]) -> float:
        count, total = partial
        return float(total / count)


class Variance(Builtin):
    """The sample variance of a key's values."""

    fold = Fold.VARIANCE

    def lift(self, value: Any) -> Moments:
        return 1, float(value), 0.0

    def merged(self, partials: Iterator[Moments]) -> Moments:
        count, mean, squares = next(partials)
        for more, other, its_squares in partials:
            together = count + more
            distance = other - mean
            squares += its_squares + distance * distance * (count * more / together)
            mean += distance * (more / together)
            count = together
        return count, mean, squares

    def result(self, partial: Moments) -> float | None:
        count, _, squares = partial
        return squares / (count - 1) if count > 1 else None
