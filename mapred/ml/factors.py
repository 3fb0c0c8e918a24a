"""Factors of ratings by alternating least squares: a round solves for all of one side.

    turn "users"    each user's factors, with those of the items as they are
    turn "items"    the other way round

Ratings lie twice, as sparse rows of users and of items (each row's number is its target), and a
round reads only those of its turn. Each row is solved by itself from its own numbers, so it
comes out the same wherever it is. A split sends the factors of its rows and its share of the
loss, which never rises.

    explicit    Σ (r − u·v)² + λ (Σ nᵤ|u|² + Σ nᵥ|v|²)           n: how many ratings one has
    implicit    Σ over all pairs c (p − u·v)² + λ (Σ|u|² + Σ|v|²)  c = 1 + α|r|, p = 1 where r > 0
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Final

import numpy as np

from mapred import Mapper, Param, Reducer
from mapred.formats.csr import Csr
from mapred.iterative import Round
from mapred.ml.precision import as_of
from mapred.ml.rows import Matrix
from mapred.ml.summation import Rounds, Sums
from mapred.model import Split

USERS: Final = "users"
ITEMS: Final = "items"
_OTHER: Final = {USERS: ITEMS, ITEMS: USERS}
# Of so many rows the equations are solved at once.
_ROWS_AT_ONCE: Final = 1024


def folder_of(side: str) -> str:
    """Where the rows of a side are."""
    return f"by-{side}"


class Solving(Mapper):
    """The factors of a split's rows."""

    def setup(self) -> None:
        self._factors: list[Matrix] = []
        self._numbers: list[Matrix] = []
        self._loss = 0.0

    def map(self, first: int, block: Csr) -> None:
        state, params = self.ctx.state, self.ctx.params
        fixed = as_of(state[_OTHER[state["turn"]]], block)
        for at in range(0, len(block), _ROWS_AT_ONCE):
            rows = block[at : at + _ROWS_AT_ONCE]
            found, loss = solved(rows, fixed, params.reg, params.alpha if params.implicit else None)
            self._factors.append(found)
            self._numbers.append(np.asarray(rows.targets, np.float64))
            self._loss += loss

    def cleanup(self) -> Iterator[tuple[str, Sums]]:
        if self._factors:
            yield (
                "sum",
                {
                    "numbers": np.concatenate(self._numbers).astype(np.int64),
                    "factors": np.concatenate(self._factors),
                    "loss": self._loss,
                },
            )


def solved(rows: Csr, fixed: Matrix, reg: float, alpha: float | None) -> tuple[Matrix, float]:
    """The factors of rows with those of the columns as they are, and the loss but for what the
    columns' own lengths add. `alpha` None: explicit ratings.
    """
    count, rank = len(rows), fixed.shape[1]
    normal, right = np.empty((count, rank, rank)), np.empty((count, rank))
    whole = (fixed.T @ fixed).astype(np.float64) if alpha is not None else np.zeros((rank, rank))
    filled = np.diff(rows.indptr)
    weights = reg * (filled if alpha is None else np.ones(count))
    for at in range(count):
        inside = slice(rows.indptr[at], rows.indptr[at + 1])
        given, ratings = fixed[rows.indices[inside]], rows.data[inside]
        if alpha is None:
            normal[at], right[at] = given.T @ given, ratings @ given
        else:
            more = alpha * np.abs(ratings)
            normal[at] = whole + (given * more[:, None]).T @ given
            right[at] = ((1.0 + more) * (ratings > 0)) @ given
    normal[:, range(rank), range(rank)] += weights[:, None]
    found = as_of(np.linalg.solve(normal, right[:, :, None])[:, :, 0], rows)
    scores = np.einsum("ij,ij->i", found[rows.row_numbers], fixed[rows.indices])
    loss = float(weights @ np.einsum("ij,ij->i", found, found))
    if alpha is None:
        return found, loss + float(((rows.data - scores) ** 2).sum(dtype=np.float64))
    sure = 1.0 + alpha * np.abs(rows.data)
    apart = sure * ((rows.data > 0) - scores) ** 2 - scores**2
    of_all = np.einsum("ij,jk,ik->", found, whole, found)
    return found, loss + float(apart.sum(dtype=np.float64) + of_all)


class Side(Reducer):
    """All rows' factors, in the order of the splits, which is that of their numbers."""

    def reduce(self, key: Any, values: Iterator[Sums]) -> Iterator[tuple[Any, Sums]]:
        parts = list(values)
        yield (
            key,
            {
                "numbers": np.concatenate([part["numbers"] for part in parts]),
                "factors": np.concatenate([part["factors"] for part in parts]),
                "loss": sum(part["loss"] for part in parts),
            },
        )


class Alternating(Rounds):
    """Factors of users and items."""

    reg: float = Param(0.1, help="weight of the squared lengths of factors (λ)")
    implicit: bool = Param(False, help="whether ratings say how sure it is that one likes it")
    alpha: float = Param(1.0, help="how much surer a rating makes, if implicit (α)")

    mapper: ClassVar[type[Mapper]] = Solving
    reducer: ClassVar[type[Reducer] | None] = Side
    checkpoint_every: ClassVar[int] = 10
    # A split is of one side.
    combine_files: ClassVar[bool] = False

    def reads(self, state: Any, split: Split) -> bool:
        return split.uri.rpartition("/")[0].endswith(f"/{folder_of(state['turn'])}")

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        turn = state["turn"]
        other = _OTHER[turn]
        factors = total["factors"]
        found = np.zeros((len(state[f"{turn}_ratings"]), factors.shape[1]), factors.dtype)
        found[total["numbers"]] = factors
        squares = np.einsum("ij,ij->i", state[other], state[other])
        implicit = self.ctx.params.implicit
        weights = np.ones(len(squares)) if implicit else state[f"{other}_ratings"]
        loss = float(total["loss"]) + self.ctx.params.reg * float(weights @ squares)
        return {
            **state,
            turn: found,
            "turn": other,
            "loss": loss,
            # In a whole pass, which ends with the items.
            "fell": state["before"] - loss if turn == ITEMS else state["fell"],
            "before": loss if turn == ITEMS else state["before"],
            "metrics": {"loss": loss},
        }

    def arrived(self, turn: Round) -> str:
        if not np.isfinite(turn.state["loss"]):
            raise ValueError(
                f"the loss of round {turn.number} is {turn.state['loss']}: the ratings or alpha "
                "are too large for floats"
            )
        if turn.number % 2 or turn.number == 2:
            return ""
        fell, loss = turn.state["fell"], turn.state["loss"]
        if fell <= self.ctx.params.tol * loss:
            return f"in a pass the loss fell by {fell:.3g} to {loss:.6g}"
        return ""


def beginning(ratings: Csr, by_items: Csr, rank: int, seed: int) -> dict[str, Any]:
    """The first state: items' factors of random numbers."""
    random = np.random.Generator(np.random.Philox(key=seed))
    return {
        USERS: np.zeros((len(ratings), rank)),
        ITEMS: random.normal(size=(len(by_items), rank)) / np.sqrt(rank),
        "users_ratings": np.diff(ratings.indptr).astype(np.float64),
        "items_ratings": np.diff(by_items.indptr).astype(np.float64),
        "turn": USERS,
        "loss": float("inf"),
        "before": float("inf"),
        "fell": float("inf"),
    }
