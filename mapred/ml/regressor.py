"""What all that predicts numbers has in common."""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from mapred.ml.estimator import Estimator
from mapred.ml.rows import Matrix, Rows, as_numbers


class Regressor(Estimator):
    """Subclasses predict a number for each row."""

    targets: ClassVar[str] = "numbers"
    _estimator_type: ClassVar[str] = "regressor"

    def _predicted(self, rows: Any) -> Matrix:
        raise NotImplementedError(f"{type(self).__name__} has no _predicted(self, rows)")

    def predict(self, X: Rows) -> Matrix:  # noqa: N803
        return np.concatenate([self._predicted(rows) for rows in self._blocks(X)])

    def score(self, X: Rows, y: npt.ArrayLike) -> float:  # noqa: N803
        """The share of the targets' variance that is predicted (R²); of targets that are all
        alike 1 if they are predicted exactly, else 0."""
        predicted = self.predict(X)
        targets = as_numbers(y, len(predicted))
        left = ((targets - predicted) ** 2).sum()
        there = ((targets - targets.mean()) ** 2).sum()
        if not there:
            return float(not left)
        return float(1.0 - left / there)
