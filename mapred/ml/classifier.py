"""What all classifiers have in common: from scores of the classes to predictions."""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from mapred.ml.estimator import Estimator
from mapred.ml.rows import Matrix, Rows, as_vector


class Classifier(Estimator):
    """Subclasses give each row a score for each class: log-probabilities up to a constant."""

    targets: ClassVar[str] = "classes"
    _estimator_type: ClassVar[str] = "classifier"

    def _scores(self, rows: Any) -> Matrix:
        raise NotImplementedError(f"{type(self).__name__} has no _scores(self, rows)")

    def predict(self, X: Rows) -> npt.NDArray[Any]:  # noqa: N803
        """The likeliest class of each row."""
        found = [self._scores(rows).argmax(axis=1) for rows in self._blocks(X)]
        chosen: npt.NDArray[Any] = self.classes_[np.concatenate(found)]
        return chosen

    def predict_log_proba(self, X: Rows) -> Matrix:  # noqa: N803
        """The logarithm of each class's probability, for each row."""
        scores = np.concatenate([self._scores(rows) for rows in self._blocks(X)])
        return scores - log_sum_exp(scores)[:, None]

    def predict_proba(self, X: Rows) -> Matrix:  # noqa: N803
        return np.exp(self.predict_log_proba(X))

    def score(self, X: Rows, y: npt.ArrayLike) -> float:  # noqa: N803
        """The share of rows whose class is predicted."""
        predicted = self.predict(X)
        return float(np.mean(predicted == as_vector(y, len(predicted))))


def log_sum_exp(scores: Matrix) -> Matrix:
    """Of each row, without overflow."""
    top = scores.max(axis=1)
    found: Matrix = top + np.log(np.exp(scores - top[:, None]).sum(axis=1))
    return found
