"""Distances of rows to centres: exactly, not by scores, which lose digits when rows are far from 0.

Of tables in files their sum takes a round, over rows that the workers have decoded already.
"""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from mapred import Mapper
from mapred.formats.csr import Csr
from mapred.ml.lloyd import nearest
from mapred.ml.precision import as_of
from mapred.ml.rows import Matrix
from mapred.ml.summation import OnePass, Summing, Sums


def spread(rows: Any, centres: Matrix, labels: npt.NDArray[np.intp]) -> float:
    """The sum of squared distances to the chosen centres."""
    if isinstance(rows, Csr):
        found = np.stack([ways(rows, centre) for centre in centres])
        return float(found[labels, np.arange(len(rows))].sum())
    apart = rows - as_of(centres, rows)[labels]
    return float(np.einsum("ij,ij->", apart, apart, dtype=np.float64))


def ways(rows: Any, centre: Matrix) -> Matrix:
    """The squared distances of rows to one point."""
    if isinstance(rows, Csr):
        # |x - c|² = |c|² + Σ over what isn't 0 of (x - c)² - c²
        there = centre[rows.indices]
        terms = (rows.data - there) ** 2 - there**2
        sums = np.bincount(rows.row_numbers, terms, minlength=len(rows))
        found: Matrix = np.maximum(sums + float(centre @ centre), 0.0)
        return found
    apart = rows - centre
    return np.asarray(np.einsum("ij,ij->i", apart, apart))


class Apart(Summing):
    """Of a split's rows to their nearest centres."""

    def part(self, rows: Any, targets: Any) -> Sums:
        centres = self.ctx.state["centres"]
        return {"spread": spread(rows, centres, nearest(rows, centres)[0])}


class Spread(OnePass):
    """The sum of the squared distances of all rows to their nearest centres."""

    mapper: ClassVar[type[Mapper]] = Apart

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        return total
