"""What naive Bayes knows of the classes, in one round each.

    Counts        rows of each class; sums of each column by class, of the values or of whether
                  they are above a threshold
    Spreads       rows, means and squared deviations by class, and of all rows

Deviations of splits are joined by the formula of Chan, Golub and LeVeque, so that columns far
from 0 keep their digits.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from mapred import Mapper, Param
from mapred.formats.csr import Csr
from mapred.iterative import Round
from mapred.ml.precision import as_of
from mapred.ml.rows import check_counts
from mapred.ml.summation import OnePass, Summing, Sums, check_sums, one_hot


class Counting(Summing):
    def part(self, rows: Any, targets: Any) -> Sums:
        params = self.ctx.params
        members = one_hot(targets, self.ctx.state["classes"])
        if params.binarize is not None:
            rows = _above(rows, params.binarize)
        elif not params.negative:
            check_counts(rows, "the block's rows")
        return {"rows": members.sum(axis=0), "sums": (rows.T @ members).T}


def _above(rows: Any, threshold: float) -> Any:
    if not isinstance(rows, Csr):
        return (rows > threshold).astype(np.float64)
    if threshold < 0:
        raise ValueError(f"binarize={threshold:g}: what a sparse row leaves out would be 1")
    return Csr((rows.data > threshold) * 1.0, rows.indices, rows.indptr, rows.columns)


class Counts(OnePass):
    """Rows and sums by class."""

    binarize: float | None = Param(None, help="count values above this; none: add values up")
    negative: bool = Param(False, help="whether values may be below 0")

    mapper: ClassVar[type[Mapper]] = Counting

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        return {**state, **total}


def joined(left: Sums | None, right: Sums) -> Sums:
    """Of two sets of rows what is known of both together."""
    if left is None:
        return right
    count = left["rows"] + right["rows"]
    share = np.divide(right["rows"], count, out=np.zeros_like(count), where=count > 0)[:, None]
    apart = right["means"] - left["means"]
    return {
        "rows": count,
        "means": left["means"] + share * apart,
        "squares": left["squares"]
        + right["squares"]
        + share * left["rows"][:, None] * apart * apart,
    }


class Spreading(Summing):
    """By class, and in the last row of all together."""

    plus = staticmethod(joined)

    def part(self, rows: Any, targets: Any) -> Sums:
        dense = rows.toarray() if isinstance(rows, Csr) else rows
        members = one_hot(targets, self.ctx.state["classes"])
        members = np.column_stack([members, np.ones(len(dense))])
        count = members.sum(axis=0)
        filled = np.maximum(count, 1.0)
        members = as_of(members, dense)
        means = (members.T @ dense) / filled[:, None]
        squares = np.empty_like(means)
        for at, mean in enumerate(as_of(means, dense)):
            apart = dense - mean
            # The mean was rounded: what it is away is seen when the rest is added up.
            rest = (members[:, at] @ apart).astype(np.float64) / filled[at]
            squares[at] = members[:, at] @ (apart * apart) - rest * rest * filled[at]
            means[at] = mean + rest
        return {"rows": count, "means": means, "squares": squares}


class Spreads(OnePass):
    """Means and squared deviations by class."""

    mapper: ClassVar[type[Mapper]] = Spreading

    def metrics(self, turn: Round) -> Mapping[str, float]:
        return {"rows": float(turn.state["rows"][-1])}

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        check_sums(total)
        return {**state, **total}
