"""Perceptrons on 5,000 rows of MNIST: shards that meet after each pass come out where one
process does."""

import pytest

from mapred.ml import MLPClassifier
from mapred.ml import session as ml_session
from tests.packages import realdata
from tests.unit.mapred.ml.inline import InlineEngine

pytestmark = pytest.mark.packages


@pytest.mark.filterwarnings("ignore::mapred.ml.ConvergenceWarning")
def test_shards_come_out_within_a_point_of_a_single_process():
    rows, figures = realdata.mnist()
    known, asked = slice(0, 4000), slice(4000, None)
    found = {1: 0.0, 4: 0.0}
    with ml_session(engine=InlineEngine()) as own:
        # As many passes for both. A shard goes half of the steps in a pass; a slow momentum of a
        # half makes its way twice as long. One seed's thousand rows tell half a point by chance.
        for seed in range(4):
            for shards, momentum, batch in ((1, 0.0, 32), (4, 0.5, 16)):
                model = MLPClassifier(
                    (32,),
                    shards=shards,
                    momentum=momentum,
                    batch_size=batch,
                    max_iter=12,
                    learning_rate_init=0.2,
                    tol=0,
                    random_state=seed,
                ).fit(rows[known], figures[known])
                assert own.engine.jobs()[-1].maps == shards
                found[shards] += model.score(rows[asked], figures[asked]) / 4
    assert found[1] > 0.9
    assert abs(found[1] - found[4]) <= 0.01, found
