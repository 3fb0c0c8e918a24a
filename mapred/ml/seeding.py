"""k-means||, after Bahmani and others: first centres far from one another, in a few rounds.

    round 1          how far the rows are from the first candidate, a row drawn by the seed
    rounds 2 to 6    every row becomes a candidate with a probability that goes with its squared
                     distance to the nearest one: about twice as many as centres a round
    last round       how many rows are nearest to each candidate

Then the centres are chosen among the candidates as k-means++ does, weighted by their rows.
Random numbers depend on seed, round and split alone.
"""

from typing import Any, ClassVar, Final

import numpy as np

from mapred import Mapper, Param
from mapred.formats.csr import Csr
from mapred.iterative import Round
from mapred.ml.lloyd import from_middle, nearest, squares_of
from mapred.ml.rows import Matrix
from mapred.ml.summation import Rounds, Summing, Sums, check_sums

PARALLEL: Final = "k-means||"
# Rounds that draw, and candidates a round for each centre (the authors' 5 and 2).
DRAWS: Final = 5
OVERSAMPLING: Final = 2.0


def together(left: Sums | None, right: Sums) -> Sums:
    if left is None:
        return right
    return {
        "far": left["far"] + right["far"],
        "counts": left["counts"] + right["counts"],
        "drawn": np.concatenate([left["drawn"], right["drawn"]]),
    }


class Drawing(Summing):
    """Distances, draws and counts of a split."""

    plus = staticmethod(together)

    def setup(self) -> None:
        super().setup()
        self._random = self.lots()

    def part(self, rows: Any, targets: Any) -> Sums:
        candidates, far = self.ctx.state["candidates"], self.ctx.state["far"]
        drawable = rows
        rows, candidates = from_middle(rows, candidates)
        labels, scores = nearest(rows, candidates)
        ways = np.maximum(scores + _squares_by_row(rows), 0.0)
        drawn = np.empty((0, rows.shape[1]))
        if 2 <= self.ctx.round <= 1 + DRAWS and far > 0:
            chance = OVERSAMPLING * self.ctx.params.clusters * ways / far
            chosen = np.flatnonzero(self._random.random(len(rows)) < chance)
            kept = drawable[chosen]
            drawn = kept.toarray() if isinstance(kept, Csr) else kept
        counts = np.bincount(labels, minlength=len(candidates))
        return {"far": float(ways.sum(dtype=np.float64)), "counts": counts, "drawn": drawn}


def _squares_by_row(rows: Any) -> Matrix:
    if isinstance(rows, Csr):
        return np.bincount(rows.row_numbers, rows.data**2, minlength=len(rows))
    return np.asarray(np.einsum("ij,ij->i", rows, rows))


class Seeding(Rounds):
    """Candidates, and how many rows each has."""

    clusters: int = Param(8, help="how many centres are to be chosen")
    seed: int = Param(0, help="of the draws")

    mapper: ClassVar[type[Mapper]] = Drawing

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        check_sums(total)
        candidates = np.concatenate([state["candidates"], total["drawn"]])
        shown = {"inertia": total["far"], "candidates": float(len(candidates))}
        return {
            "candidates": candidates,
            "counts": total["counts"],
            "far": total["far"],
            "metrics": shown,
        }

    def arrived(self, turn: Round) -> str:
        return "the candidates are counted" if turn.number == DRAWS + 2 else ""


def first_row(fit: Any, seed: int) -> Matrix:
    """A row drawn by the seed, as a table of one."""
    at = int(np.random.Generator(np.random.Philox(key=seed)).integers(fit.rows))
    for rows, _ in fit.blocks():
        if at < len(rows):
            row = rows[at : at + 1]
            return np.array(row.toarray() if isinstance(row, Csr) else row)
        at -= len(rows)
    raise AssertionError("the input became shorter")


def beginning_at(row: Matrix) -> dict[str, Any]:
    return {"candidates": row.astype(np.float64), "counts": np.zeros(1, np.int64), "far": 0.0}


def chosen_centres(state: Any, clusters: int, seed: int) -> Matrix:
    """As k-means++ chooses, among the candidates, by their rows.

    Raises:
        ValueError: there are fewer distinct rows than centres.
    """
    random = np.random.Generator(np.random.Philox(key=[seed, DRAWS + 3]))
    candidates, weights = state["candidates"], state["counts"].astype(np.float64)
    squares = squares_of(candidates.T)
    ways = np.full(len(candidates), np.inf)
    chosen: list[int] = []
    for _ in range(clusters):
        chance = weights if not chosen else weights * ways
        if not chance.sum() > 0:
            # Seldom: too few were drawn that differ.
            raise ValueError(
                f"k-means|| found only {len(chosen)} centres that differ for "
                f"n_clusters={clusters}: take fewer, or init='random'"
            )
        at = int(np.searchsorted(np.cumsum(chance), random.random() * chance.sum(), "right"))
        chosen.append(min(at, len(candidates) - 1))
        apart = squares - 2.0 * candidates @ candidates[chosen[-1]] + squares[chosen[-1]]
        apart[chosen[-1]] = 0.0
        ways = np.minimum(ways, np.maximum(apart, 0.0))
    return np.array(candidates[chosen])
