"""What all that predicts numbers has in common."""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from mapred.ml.estimator import Estimator
from mapred.ml.rows import Matrix, Rows


class Regressor(Estimator):
    """Subclasses predict a number for each row."""

    targets: ClassVar[str] = "numbers"

    def _predicted(self, rows: Any) -> Matrix:
        raise NotImplementedError

    def predict(self, X: Rows) -> Matrix:  # noqa: N803
        return np.concatenate([self._predicted(rows) for rows in self._blocks(X)])

    def score(self, X: Rows, y: npt.ArrayLike) -> float:  # noqa: N803
        """The share of the targets' variance that is predicted (R²)."""
        targets = np.asarray(y, np.float64)
        left = ((targets - self.predict(X)) ** 2).sum()
        return float(1.0 - left / ((targets - targets.mean()) ** 2).sum())
