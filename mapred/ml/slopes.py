"""Loss, slope and curvature of logistic and softmax regression, over all rows, in one round.

Weights are a row for each class, its constant last; with two classes there is one row, which
says how much likelier the second is. The loss is the mean over the rows of -log of the
probability of the right class, and half the squared weights times `l2`.
"""

from typing import Any, ClassVar

import numpy as np

from mapred import Mapper, Param
from mapred.formats.csr import Csr
from mapred.iterative import Round
from mapred.ml.classifier import log_sum_exp
from mapred.ml.descent import Evaluation, moved
from mapred.ml.precision import as_of
from mapred.ml.rows import Block, Matrix, check_rows
from mapred.ml.summation import (
    Rounds,
    Summing,
    Sums,
    check_sums,
    check_targets,
    class_numbers,
    separated,
)


class Sloping(Summing):
    """Sums over rows; means and penalties are the driver's."""

    def prepare(self, first: int, block: Block) -> tuple[Any, Matrix]:
        """The rows, column by column, which products read sooner, and the places of their
        classes."""
        params = self.ctx.params
        rows, targets = separated(block, params.target, params.columns)
        assert targets is not None
        check_rows(rows, first, columns=params.columns or None)
        check_targets(targets, first)
        right = class_numbers(targets, self.ctx.state["classes"])
        return rows if isinstance(rows, Csr) else np.asfortranarray(rows), right

    def map(self, first: int, rows: Any) -> None:
        self.add(self.part(*rows))

    def part(self, rows: Any, right: Any) -> Sums:
        weights = as_of(self.ctx.state["point"], rows).reshape(-1, rows.shape[1] + 1)
        if len(weights) == 1:
            score = rows @ weights[0, :-1]
            score += weights[0, -1]
            less = np.exp(-np.abs(score))
            below = score < 0.0
            loss = _sum(np.maximum(score, 0.0)) + _sum(np.log1p(less)) - float(score @ right)
            shares = (np.where(below, less, less.dtype.type(1.0)) / (1.0 + less))[:, None]
            errors = shares - as_of(right, rows)[:, None]
        else:
            scores = rows @ weights[:, :-1].T + weights[:, -1]
            total = log_sum_exp(scores)
            loss = _sum(total - scores[np.arange(len(right)), right])
            shares = np.exp(scores - total[:, None])
            errors = shares.copy()
            errors[np.arange(len(right)), right] -= 1.0
        slope = np.column_stack([(rows.T @ errors).T, errors.sum(axis=0)])
        found = {"rows": len(right), "loss": loss, "slope": slope.ravel()}
        if self.ctx.params.curvature:
            found["curvature"] = _curvature(rows, shares)
        return found


def _sum(values: Matrix) -> float:
    return float(values.sum(dtype=np.float64))


def _curvature(rows: Any, shares: Matrix) -> Matrix:
    dense = rows.toarray() if isinstance(rows, Csr) else rows
    table = np.column_stack([dense, np.ones(len(dense), dense.dtype)])
    classes, columns = shares.shape[1], table.shape[1]
    found = np.empty((classes, columns, classes, columns))
    for a in range(classes):
        for b in range(a, classes):
            weight = shares[:, a] * ((a == b) - shares[:, b])
            found[a, :, b] = found[b, :, a] = (table * weight[:, None]).T @ table
    return found.reshape(classes * columns, classes * columns)


class Descent(Rounds):
    """Evaluates a point a round; descent.py says where."""

    curvature: bool = Param(False, help="Newton's directions, else L-BFGS's")
    l1: float = Param(0.0, help="weight of the sum of the weights' sizes")
    l2: float = Param(0.0, help="weight of half the sum of their squares")
    intercept: bool = Param(True, help="whether constants are learned")
    rounding: float = Param(2.0**-52, help="how exactly rows are reckoned with")

    mapper: ClassVar[type[Mapper]] = Sloping
    checkpoint_every: ClassVar[int] = 10

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        params, point = self.ctx.params, state["point"]
        if state["best"] is None:
            check_sums(total)
        columns = params.columns + 1
        # Constants aren't made small.
        penalised = np.arange(len(point)) % columns != columns - 1
        free = penalised | params.intercept
        slope = (total["slope"] / total["rows"] + params.l2 * penalised * point) * free
        curvature = None
        if params.curvature:
            curvature = total["curvature"] / total["rows"] + params.l2 * np.diag(1.0 * penalised)
            curvature = np.where(np.outer(free, free), curvature, 0.0)
        loss = total["loss"] / total["rows"] + 0.5 * params.l2 * float(point @ (penalised * point))
        here = Evaluation(loss, slope, curvature)
        best = {**state, **moved(state, here, params.l1 * penalised, params.tol, params.rounding)}
        shown = {"loss": best["best"]["value"], "slope": best["best"]["steepness"]}
        return {**best, "metrics": shown}

    def arrived(self, turn: Round) -> str:
        return str(turn.state["why"])
