"""k-means after Lloyd: a map finds each row's nearest centre, a round moves the centres.

    sums       of the rows nearest to each centre; counts: how many
    squares    in the first round: of all rows, by column

A score is the squared distance less the row's own square, which is the same for all centres;
that of all rows follows from sums and counts.
A centre that no row is nearest to stays where it is.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from mapred import Mapper, Param
from mapred.errors import ParamError
from mapred.formats.csr import Csr
from mapred.iterative import Round
from mapred.iterative.loop import Output
from mapred.ml.laid import Ground, Laid, Nearest, laid
from mapred.ml.precision import as_of
from mapred.ml.rows import Block, Kind, Matrix, blocks_of, check_rows
from mapred.ml.summation import Rounds, Summing, Sums, check_sums, separated

Labels = npt.NDArray[np.intp]

RANDOM: Final = "random"


def nearest(rows: Any, centres: Matrix) -> tuple[Labels, Matrix]:
    """For each row the number of its nearest centre, and its score there."""
    rows, centres = from_middle(rows, centres)
    scores = rows @ (-2.0 * centres.T)
    scores += np.einsum("ij,ij->i", centres, centres)
    labels = scores.argmin(axis=1)
    return labels, scores[np.arange(len(rows)), labels]


def from_middle(rows: Any, centres: Matrix) -> tuple[Any, Matrix]:
    """Dense rows of float32, and the centres, from the centres' mean: far from 0 scores have no
    digits left that tell centres apart. Others as they are."""
    if isinstance(rows, Csr) or rows.dtype != np.float32:
        return rows, centres
    middle = as_of(centres.mean(axis=0), rows)
    return rows - middle, as_of(centres - middle, rows)


def squares_of(rows: Any) -> Matrix:
    """The sum of squares of every column."""
    if isinstance(rows, Csr):
        return np.bincount(rows.indices, rows.data**2, minlength=rows.columns)
    squares: Matrix = np.einsum("ij,ij->j", rows, rows, dtype=np.float64)
    return squares


def gathered(rows: Any, centres: Matrix, search: Nearest | None = None) -> Sums:
    """What the rows add to the centres nearest to them."""
    if isinstance(rows, Csr) and rows.columns < centres.shape[1]:
        rows = rows.widened(centres.shape[1])
    if isinstance(rows, Csr):
        labels, _ = nearest(rows, centres)
        members = np.zeros((len(centres), len(rows)))
        members[labels, np.arange(len(rows))] = 1.0
        return {"sums": (rows.T @ members.T).T, "counts": members.sum(axis=1)}
    search = search or Nearest(centres)
    sums, counts = search.summed(rows if isinstance(rows, Laid) else laid(rows))
    return {"sums": sums, "counts": counts}


def score_of(found: Sums, centres: Matrix) -> float:
    """Of all rows together, at the centres that they were gathered by."""
    own = np.einsum("ij,ij->i", centres, centres)
    return float(found["counts"] @ own - 2.0 * np.einsum("ij,ij->", centres, found["sums"]))


class Assign(Summing):
    """Adds up the rows of a split by their nearest centre."""

    # Of the last centres that this process saw. They are a state's, which nobody writes to.
    _last: ClassVar[Nearest] = Nearest(np.zeros((1, 1)))
    _kind: Kind

    def prepare(self, first: int, block: Block) -> Csr | Laid:
        params = self.ctx.params
        rows, _ = separated(block, params.target, params.columns)
        check_rows(rows, first, columns=params.columns or None)
        if isinstance(rows, Csr):
            return rows
        self._kind = rows.dtype
        return laid(rows, self._ground)

    def map(self, first: int, rows: Any) -> None:
        found = gathered(rows, self._centres, self._search)
        if self.ctx.round == 1:
            found["squares"] = rows.squares() if isinstance(rows, Laid) else squares_of(rows)
        self.add(found)

    @cached_property
    def _ground(self) -> Ground:
        split = self.ctx.split
        return Ground(split.length if split else 0, self._kind)

    @cached_property
    def _centres(self) -> Matrix:
        centres: Matrix = self.ctx.state["centres"]
        return centres

    @cached_property
    def _search(self) -> Nearest:
        """The splits of a task have the same, and its memory."""
        if Assign._last.centres is not self._centres:
            Assign._last = Nearest(self._centres)
        return Assign._last


class Lloyd(Rounds):
    """Centres of clusters: of text or .npy tables, one row a point.

    The state has the centres, the inertia (the sum of squared distances) of those before them,
    and from the first round the sum of all rows' squares and the mean variance of the columns.
    """

    clusters: int = Param(8, help="how many centres")
    init: str = Param(RANDOM, help="'random', or a table with the first centres")
    seed: int = Param(0, help="of the random start")
    max_iter: int = Param(300, help="rounds at most")
    tol: float = Param(1e-4, help="stop when centres move less, relative to the variance")

    mapper: ClassVar[type[Mapper]] = Assign
    checkpoint_every: ClassVar[int] = 10

    def initial_state(self) -> dict[str, Any]:
        params = self.ctx.params
        _check(params.clusters >= 1, f"clusters={params.clusters}: at least one is needed")
        _check(params.max_iter >= 1, f"max_iter={params.max_iter}: at least one round is needed")
        _check(params.tol >= 0, f"tol={params.tol}: it can't be below 0")
        return beginning(self._drawn() if params.init == RANDOM else self._given())

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        check_sums(total)
        sums, counts = total["sums"], total["counts"]
        centres = state["centres"].copy()
        filled = counts > 0
        centres[filled] = sums[filled] / counts[filled, None]
        squares, variance = state["squares"], state["variance"]
        if "squares" in total:
            rows = counts.sum()
            spread = total["squares"] / rows - (sums.sum(axis=0) / rows) ** 2
            squares = float(total["squares"].sum())
            variance = float(spread.clip(0.0).mean())
        inertia = max(0.0, score_of(total, state["centres"]) + squares)
        moved = float(((centres - state["centres"]) ** 2).sum())
        return {
            "centres": centres,
            "inertia": inertia,
            "squares": squares,
            "variance": variance,
            "moved": moved,
            "metrics": {"inertia": inertia, "moved": moved},
        }

    def arrived(self, turn: Round) -> str:
        moved = turn.state["moved"]
        if moved == 0:
            return "no centre moved"
        if moved <= self.ctx.params.tol * turn.state["variance"]:
            return f"the centres moved by {moved:.3g} (squared)"
        return ""

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
        params = self.ctx.params
        random = self.ctx.random(params.seed)
        return drawn(self.ctx.records(), params.clusters, random, params.columns)


def beginning(centres: Matrix) -> dict[str, Any]:
    """The first state of the rounds."""
    return {"centres": centres, "inertia": float("inf"), "squares": 0.0, "variance": 0.0}


def drawn(
    records: Iterator[tuple[Any, Any]], clusters: int, random: np.random.Generator, columns: int
) -> Matrix:
    """Rows drawn without repetition: those with the smallest of random numbers, one a row."""
    tickets, chosen = np.empty(0), np.empty((0, 0))
    seen = 0
    for first, rows in records:
        check_rows(rows, first, columns=columns or None)
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
