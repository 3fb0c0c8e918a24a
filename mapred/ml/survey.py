"""A first look at tables in files: how many rows and columns, and which classes.

One pass. What an array tells by itself a file must be asked.
"""

from typing import Any, ClassVar, Final

import numpy as np

from mapred import Mapper, Param
from mapred.ml.summation import OnePass, Summing, Sums

# More kinds of targets are no classes, but numbers to be predicted.
CLASSES_MAX: Final = 10_000


def together(left: Sums | None, right: Sums) -> Sums:
    if left is None:
        return right
    return {
        "rows": left["rows"] + right["rows"],
        "columns": max(left["columns"], right["columns"]),
        "classes": known(np.concatenate([left["classes"], right["classes"]])),
    }


def known(targets: Any) -> Any:
    """The distinct ones, in order; one too many when they are too many."""
    return np.unique(targets)[: CLASSES_MAX + 1]


class Looking(Summing):
    """What is in a split."""

    plus = staticmethod(together)

    def part(self, rows: Any, targets: Any) -> Sums:
        wanted = self.ctx.params.classify and targets is not None
        return {
            "rows": len(rows),
            "columns": rows.shape[1],
            "classes": known(targets) if wanted else np.empty(0),
        }


class Survey(OnePass):
    """Counts rows, columns and classes."""

    classify: bool = Param(False, help="whether the targets are classes")

    mapper: ClassVar[type[Mapper]] = Looking

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        return total
