"""A picture of what local steps cost: `python -m mapred.examples.drift > drift.svg`

Softmax regression by averaging of parameters (mapred/ml/averaging.py) on made-up rows of three
classes: 1 or 30 local steps a round, on six shards that are mixed or sorted by class. More steps
a round need fewer rounds; on sorted shards they drift apart, and end at a higher loss.
"""

import sys
import warnings

import numpy as np

from mapred.iterative.picture import curves
from mapred.ml import ConvergenceWarning, SGDClassifier, session

ROUNDS = 40


def main() -> None:
    random = np.random.default_rng(7)
    classes = np.repeat(np.arange(3), 400)
    rows = random.normal(size=(1200, 4)) + random.normal(size=(3, 4))[classes]
    mixed = random.permutation(1200)
    found = {}
    with session(workers=2), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for order, shards in ((mixed, "mixed"), (slice(None), "sorted")):
            for steps in (1, 30):
                model = SGDClassifier(
                    local_steps=steps,
                    batch_size=None,
                    shards=6,
                    max_iter=ROUNDS,
                    tol=0,
                    learning_rate_init=0.3,
                ).fit(rows[order], classes[order])
                words = f"{steps} step{'s' * (steps > 1)} a round, {shards}"
                found[words] = [entry["loss"] for entry in model.history_]
    sys.stdout.write(curves(found, "loss"))


if __name__ == "__main__":
    main()
