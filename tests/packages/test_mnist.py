"""Perceptrons on 5,000 rows of MNIST: shards that meet after each pass come out where one
process does.

Settings are chosen for both in the same way: of one table, by the rows of a validation part,
after as many passes; of equals the first. Then each learns from these rows, too, and is judged
once by a third part, which has had no say in anything before.
"""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mapred.ml import MLPClassifier
from mapred.ml import session as ml_session
from tests.packages import realdata
from tests.unit.mapred.ml.inline import InlineEngine

pytestmark = pytest.mark.packages

# By rows 0 to 800 settings are chosen; rows 2000 to 3000 judge what has learned from all others.
CHOSEN_BY, JUDGED_BY = np.r_[0:800], np.r_[2000:3000]
LEARNED_FROM = np.r_[800:2000, 3000:5000]
KNOWN = np.union1d(CHOSEN_BY, LEARNED_FROM)
PASSES = 12

Rows = npt.NDArray[np.int64]


SETTINGS: list[dict[str, Any]] = [
    {"learning_rate_init": rate, "momentum": momentum}
    for rate, momentum in itertools.product((0.1, 0.2, 0.4), (0.0, 0.5))
]


@pytest.mark.filterwarnings("ignore::mapred.ml.ConvergenceWarning")
def test_shards_come_out_within_a_point_of_a_single_process():
    rows, figures = realdata.mnist()

    def right(shards: int, chosen: dict[str, Any], known: Rows, asked: Rows, seed: int) -> float:
        model = MLPClassifier(
            (32,),
            shards=shards,
            batch_size=16,
            learning_rate_decay=0.2,
            max_iter=PASSES,
            tol=0,
            random_state=seed,
            dtype="float32",
        )
        model.set_params(**chosen).fit(rows[known], figures[known])
        assert own.engine.jobs()[-1].maps == shards
        return model.score(rows[asked], figures[asked])

    found = {}
    with ml_session(engine=InlineEngine()) as own:
        for shards in (1, 4):
            chosen = max(SETTINGS, key=lambda one: right(shards, one, LEARNED_FROM, CHOSEN_BY, 0))
            # One seed's thousand rows tell half a point by chance.
            scores = [right(shards, chosen, KNOWN, JUDGED_BY, s) for s in range(1, 5)]
            found[shards] = float(np.mean(scores))
    assert found[1] > 0.9
    assert abs(found[1] - found[4]) <= 0.01, found
