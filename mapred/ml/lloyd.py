"""k-means after Lloyd: a map finds each row's nearest centre, a round moves the centres.

A map emits one array per split, whatever the number of rows (the packed statistics):

    row j < k    sum of the rows nearest to centre j; their number; their scores
    row k        in the first round: sum of the squares of all rows, by column; 0; 0

so a round shuffles a few kilobytes. Sums of splits are added in the order of the splits. A
score is the squared distance less the row's own square, which is the same for all centres.

A centre that no row is nearest to stays where it is.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from mapred import Format, Mapper, Param, Reducer
from mapred.errors import ParamError
from mapred.formats.csr import Csr
from mapred.iterative import IterativeJob, Round, Stop
from mapred.iterative.loop import Output
from mapred.ml.rows import Block, blocks_of, check_rows

Matrix = npt.NDArray[Any]
Labels = npt.NDArray[np.intp]

RANDOM: Final = "random"


def nearest(rows: Any, centres: Matrix) -> tuple[Labels, Matrix]:
    """For each row the number of its nearest centre, and its score there."""
    scores = rows @ (-2.0 * centres.T)
    scores += np.einsum("ij,ij->i", centres, centres)
    labels = scores.argmin(axis=1)
    return labels, scores[np.arange(len(rows)), labels]


def squares_of(rows: Any) -> Matrix:
    """The sum of squares of every column."""
    if isinstance(rows, Csr):
        return np.bincount(rows.indices, rows.data**2, minlength=rows.columns)
    squares: Matrix = np.einsum("ij,ij->j", rows, rows)
    return squares


class Assign(Mapper):
    """Adds up the rows of a split by their nearest centre."""

    def setup(self) -> None:
        self.centres: Matrix = self.ctx.state["centres"]
        clusters, columns = self.centres.shape
        self.statistics = np.zeros((clusters + 1, columns + 2))

    def map(self, first: int, block: Block) -> None:
        clusters, columns = self.centres.shape
        part = self.statistics
        rows: Any = block.widened(columns) if isinstance(block, Csr) else block
        # The input is the same in every round: once is enough.
        if self.ctx.round == 1:
            check_rows(block if block.shape[1] > columns else rows, first, columns=columns)
            part[clusters, :columns] += squares_of(rows)
        labels, scores = nearest(rows, self.centres)
        members = np.zeros((clusters, len(rows)))
        members[labels, np.arange(len(rows))] = 1.0
        part[:clusters, :columns] += (
            (rows.T @ members.T).T if isinstance(rows, Csr) else members @ rows
        )
        part[:clusters, columns] += members.sum(axis=1)
        part[:clusters, columns + 1] += members @ scores

    def cleanup(self) -> Iterator[tuple[str, Matrix]]:
        yield "statistics", self.statistics


class Add(Reducer):
    """The sum of arrays, in their order."""

    def reduce(self, key: Any, values: Iterator[Matrix]) -> Iterator[tuple[Any, Matrix]]:
        total = next(values).copy()
        for value in values:
            total += value
        yield key, total


class Lloyd(IterativeJob):
    """Centres of clusters: of text or .npy tables, one row a point.

    The state has the centres, the inertia (the sum of squared distances) of those before them,
    and from the first round the sum of all rows' squares and the mean variance of the columns.
    """

    clusters: int = Param(8, help="how many centres")
    init: str = Param(RANDOM, help="'random', or a table with the first centres")
    seed: int = Param(0, help="of the random start")
    target: int | None = Param(None, help="isn't used: rows have no targets here")
    columns: int = Param(0, help="how many columns there must be; 0: any")
    max_iter: int = Param(300, help="rounds at most")
    tol: float = Param(1e-4, help="stop when centres move less, relative to the variance")

    mapper, reducer = Assign, Add
    input_format: ClassVar[str | Format] = "matrix"
    checkpoint_every: ClassVar[int] = 10

    def initial_state(self) -> dict[str, Any]:
        params = self.ctx.params
        _check(params.clusters >= 1, f"clusters={params.clusters}: at least one is needed")
        _check(params.max_iter >= 1, f"max_iter={params.max_iter}: at least one round is needed")
        _check(params.tol >= 0, f"tol={params.tol}: it can't be below 0")
        centres = self._drawn() if params.init == RANDOM else self._given()
        return {"centres": centres, "inertia": float("inf"), "squares": 0.0, "variance": 0.0}

    def step(self, state: dict[str, Any], output: Output) -> dict[str, Any]:
        ((_, statistics),) = output
        clusters, columns = state["centres"].shape
        sums, counts = statistics[:clusters, :columns], statistics[:clusters, columns]
        centres = state["centres"].copy()
        filled = counts > 0
        centres[filled] = sums[filled] / counts[filled, None]
        squares, variance = state["squares"], state["variance"]
        if self.ctx.round == 0:
            by_column = statistics[clusters, :columns]
            spread = by_column / counts.sum() - (sums.sum(axis=0) / counts.sum()) ** 2
            squares, variance = float(by_column.sum()), float(spread.clip(0.0).mean())
        inertia = max(0.0, float(statistics[:clusters, columns + 1].sum()) + squares)
        return {"centres": centres, "inertia": inertia, "squares": squares, "variance": variance}

    def distance(self, old: dict[str, Any], new: dict[str, Any]) -> float:
        """The sum of the squared ways of the centres."""
        return float(((new["centres"] - old["centres"]) ** 2).sum())

    def until(self, turn: Round) -> Stop | None:
        params = self.ctx.params
        if turn.distance == 0:
            return Stop("no centre moved")
        if turn.distance <= params.tol * turn.state["variance"]:
            return Stop(f"the centres moved by {turn.distance:.3g} (squared)")
        if turn.number >= params.max_iter:
            return Stop(f"max_iter={params.max_iter} rounds are done", converged=False)
        return None

    def metrics(self, turn: Round) -> dict[str, float]:
        return {"inertia": turn.state["inertia"], "moved": turn.distance}

    def result(self, state: dict[str, Any]) -> Output:
        return ((number, tuple(row)) for number, row in enumerate(state["centres"].tolist()))

    def _given(self) -> Matrix:
        """The start that `init` names, which the driver's machine can read."""
        init, clusters = self.ctx.params.init, self.ctx.params.clusters
        try:
            blocks = list(blocks_of([init]))
        except OSError as error:
            raise ParamError(f"init={init} can't be read: {error}") from None
        dense = [block.toarray() if isinstance(block, Csr) else block for block in blocks]
        centres = np.concatenate(dense) if dense else np.empty((0, 0))
        _check(
            len(centres) == clusters,
            f"init={init} has {len(centres)} rows, and clusters={clusters} are wanted",
        )
        check_rows(centres, 0)
        return centres

    def _drawn(self) -> Matrix:
        """Rows drawn without repetition: those with the smallest of random numbers, one a row."""
        clusters = self.ctx.params.clusters
        random = self.ctx.random(self.ctx.params.seed)
        tickets, chosen = np.empty(0), np.empty((0, 0))
        seen = 0
        for first, rows in self.ctx.records():
            check_rows(rows, first, columns=self.ctx.params.columns or None)
            seen += len(rows)
            tickets = np.concatenate([tickets, random.random(len(rows))])
            dense = rows.toarray() if isinstance(rows, Csr) else rows
            chosen = np.concatenate([chosen.reshape(-1, dense.shape[1]), dense])
            best = np.sort(np.argsort(tickets, kind="stable")[:clusters])
            tickets, chosen = tickets[best], chosen[best]
        _check(seen >= clusters, f"clusters={clusters}, and the input has {seen} rows")
        return chosen


def _check(right: bool, words: str) -> None:
    if not right:
        raise ParamError(words)
