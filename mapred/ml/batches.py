"""Mini-batch k-means after Sculley: a round draws a few rows of each split and moves the centres
by them, the less the more rows they have had.

    centre ← (centre · rows it has had + sum of those drawn) / (rows it has had + drawn)

which is what scikit-learn's partial_fit does. Draws depend on seed, round and split alone.
"""

from typing import Any, ClassVar

import numpy as np

from mapred import Mapper, Param
from mapred.iterative import Round
from mapred.ml.lloyd import gathered, score_of, squares_of
from mapred.ml.rows import Matrix
from mapred.ml.summation import Rounds, Summing, Sums, check_sums


def drawn_places(rows: int, batch: int, of: int, random: np.random.Generator) -> Any:
    """Which of a block's rows are in the round's batch: its share of it, rounded by lot."""
    count = min(rows, int(rows * batch / of + random.random()))
    return np.sort(random.choice(rows, count, replace=False))


class Drawing(Summing):
    """A few rows of a split, added up by their nearest centre."""

    def setup(self) -> None:
        super().setup()
        self._random = self.lots()

    def part(self, rows: Any, targets: Any) -> Sums:
        params = self.ctx.params
        chosen = rows[drawn_places(len(rows), params.batch, params.rows, self._random)]
        found = gathered(chosen, self.ctx.state["centres"])
        return {**found, "squares": float(squares_of(chosen).sum())}


class Batches(Rounds):
    """Centres moved by a batch a round."""

    batch: int = Param(1024, help="rows a round, about")
    rows: int = Param(0, help="how many rows the input has")
    seed: int = Param(0, help="of the draws")
    patience: int = Param(10, help="rounds without a better batch, smoothed, to stop after; 0: any")

    mapper: ClassVar[type[Mapper]] = Drawing
    checkpoint_every: ClassVar[int] = 50

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        check_sums(total)
        params = self.ctx.params
        new, had = total["counts"], state["counts"]
        filled = new > 0
        centres: Matrix = state["centres"].copy()
        together = (had + new)[filled, None]
        centres[filled] = (centres[filled] * had[filled, None] + total["sums"][filled]) / together
        drawn = float(new.sum())
        moved = float(((centres - state["centres"]) ** 2).sum())
        smooth, best, since = state["smooth"], state["best"], state["since"]
        if drawn:
            inertia = max(0.0, score_of(total, state["centres"]) + total["squares"]) / drawn
            share = 1.0 if smooth is None else min(1.0, 2.0 * drawn / (params.rows + 1))
            smooth = inertia if smooth is None else smooth * (1.0 - share) + inertia * share
            since = 0 if smooth < best else since + 1
            best = min(best, smooth)
        return {
            "centres": centres,
            "counts": had + new,
            "smooth": smooth,
            "best": best,
            "since": since,
            "moved": moved,
            "metrics": {"inertia": best if smooth is None else smooth, "moved": moved},
        }

    def arrived(self, turn: Round) -> str:
        state, patience = turn.state, self.ctx.params.patience
        if patience and state["since"] >= patience:
            return f"{patience} batches were no better"
        if self.ctx.params.tol and state["moved"] <= self.ctx.params.tol:
            return f"the centres moved by {state['moved']:.3g} (squared)"
        return ""


def beginning(centres: Matrix) -> dict[str, Any]:
    """The first state."""
    return {
        "centres": centres,
        "counts": np.zeros(len(centres)),
        "smooth": None,
        "best": float("inf"),
        "since": 0,
        "moved": float("inf"),
    }
