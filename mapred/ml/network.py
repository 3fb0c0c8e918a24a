"""A multilayer perceptron with a softmax on top: its loss and slopes, for some rows.

Its weights are one vector, layer by layer, each as (width below + 1) × width with the
constants in the last row. Without a hidden layer it is softmax regression.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mapred.ml.classifier import log_sum_exp
from mapred.ml.rows import Matrix


@dataclass(frozen=True)
class Network:
    """Widths from the columns of the input to the classes; "relu" or "tanh" between."""

    widths: Sequence[int]
    activation: str = "relu"

    def __len__(self) -> int:
        return sum((below + 1) * above for below, above in self._steps())

    def _steps(self) -> list[tuple[int, int]]:
        return list(zip(self.widths[:-1], self.widths[1:], strict=True))

    def layers(self, weights: Matrix) -> list[Matrix]:
        """Views into the vector."""
        found, at = [], 0
        for below, above in self._steps():
            size = (below + 1) * above
            found.append(weights[at : at + size].reshape(below + 1, above))
            at += size
        return found

    def start(self, random: np.random.Generator) -> Matrix:
        """Random weights of Glorot's size; the constants 0."""
        weights = np.zeros(len(self))
        for layer in self.layers(weights):
            below, above = layer.shape[0] - 1, layer.shape[1]
            bound = np.sqrt(6.0 / (below + above))
            layer[:-1] = random.uniform(-bound, bound, (below, above))
        return weights

    def scores(self, weights: Matrix, rows: Any) -> Matrix:
        found: Matrix = self._through(self.layers(weights), rows)[-1]
        return found

    def loss(self, weights: Matrix, rows: Any, right: Any) -> float:
        """The sum over the rows of -log of the right class's probability."""
        scores = self.scores(weights, rows)
        losses = log_sum_exp(scores) - scores[np.arange(len(right)), right]
        return float(losses.sum(dtype=np.float64))

    def slope(self, weights: Matrix, rows: Any, right: Any) -> Matrix:
        """Of the mean loss of the rows."""
        layers = self.layers(weights)
        levels = self._through(layers, rows)
        scores = levels.pop()
        errors = np.exp(scores - log_sum_exp(scores)[:, None])
        errors[np.arange(len(right)), right] -= 1.0
        errors /= len(right)
        found = np.empty_like(weights)
        slopes = self.layers(found)
        for layer, slope, level in zip(
            reversed(layers), reversed(slopes), reversed(levels), strict=True
        ):
            slope[:-1] = level.T @ errors
            slope[-1] = errors.sum(axis=0)
            if level is not rows:
                bend = 1.0 - level * level if self.activation == "tanh" else level > 0
                errors = (errors @ layer[:-1].T) * bend
        return found

    def _through(self, layers: list[Matrix], rows: Any) -> list[Any]:
        """What goes into each layer, and what comes out of the last."""
        levels = [rows]
        for number, layer in enumerate(layers, 1):
            level = levels[-1] @ layer[:-1] + layer[-1]
            if number < len(layers):
                level = np.tanh(level) if self.activation == "tanh" else np.maximum(level, 0.0)
            levels.append(level)
        return levels
