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
    found = []
    with ml_session(engine=InlineEngine()):
        # As many passes for both. A shard goes a quarter of the steps in a pass; a slow momentum of
        # a half makes its way twice as long. Of six seeds the difference was -0.2 to 0.9 points.
        for shards, momentum in ((1, 0.0), (4, 0.5)):
            model = MLPClassifier(
                (32,), shards=shards, momentum=momentum, max_iter=40, learning_rate_init=0.2, tol=0
            ).fit(rows[known], figures[known])
            found.append(model.score(rows[asked], figures[asked]))
    alone, apart = found
    assert alone > 0.9
    assert abs(apart - alone) <= 0.01, found
