"""Means and products of deviations of all columns: what least squares and PCA are made of.

One round: rows, means, and C = Σ (x - mean)(x - mean)ᵀ, the targets as a last column. Splits are
joined by the formula of Chan, Golub and LeVeque, so columns far from 0 keep their digits.
"""

from typing import Any, ClassVar

import numpy as np

from mapred import Mapper, Param
from mapred.formats.csr import Csr
from mapred.ml.precision import as_of
from mapred.ml.summation import OnePass, Summing, Sums, check_sums


def joined(left: Sums | None, right: Sums) -> Sums:
    """Of two sets of rows what is known of both together."""
    if left is None:
        return right
    count = left["rows"] + right["rows"]
    apart = right["means"] - left["means"]
    weight = left["rows"] * right["rows"] / count
    return {
        "rows": count,
        "means": left["means"] + apart * (right["rows"] / count),
        "products": left["products"] + right["products"] + np.outer(apart, apart * weight),
    }


class Spreading(Summing):
    plus = staticmethod(joined)

    def part(self, rows: Any, targets: Any) -> Sums:
        dense = rows.toarray() if isinstance(rows, Csr) else rows
        if targets is not None:
            dense = np.column_stack([dense, as_of(targets, dense)])
        count = len(dense)
        if not self.ctx.params.centred:
            means = np.zeros(dense.shape[1])
            return {"rows": count, "means": means, "products": dense.T @ dense}
        near = as_of(dense.mean(axis=0, dtype=np.float64), dense)
        apart = dense - near
        # The means were rounded: what they are away is seen when the rest is added up.
        rest = apart.sum(axis=0, dtype=np.float64) / count
        products = (apart.T @ apart) - np.outer(rest, rest) * count
        return {"rows": count, "means": near + rest, "products": products}


class Comoments(OnePass):
    """Rows, means and products of deviations."""

    centred: bool = Param(True, help="whether deviations are from the means, else from 0")

    mapper: ClassVar[type[Mapper]] = Spreading

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        check_sums(total)
        return total
