"""Shards of an array in a store whose blocks are smaller than they are."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from mapred.ml import SGDClassifier, session
from tests.cluster.daemons import MapReduceCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

ROWS = np.random.default_rng(1).normal(size=(3_000, 100))
CLASSES = np.arange(3_000) % 2


def learned() -> dict[tuple[str, int], bytes]:
    """The weights of each kind of table, by the number of shards."""
    kinds = {"dense": ROWS, "sparse": csr_matrix(ROWS)}
    return {
        (name, shards): SGDClassifier(
            shards=shards, batch_size=100, max_iter=2, tol=0, random_state=3
        )
        .fit(rows, CLASSES)
        .weights_.tobytes()
        for name, rows in kinds.items()
        for shards in (1, 2)
    }


@pytest.mark.filterwarnings("ignore::mapred.ml.ConvergenceWarning")
def test_a_shard_is_one_split_and_learns_the_same_bits_however_small_blocks_are(
    mapreduce_cluster: MapReduceCluster,
):
    with session(workers=1):
        expected = learned()
    assert len(set(expected.values())) == 4
    mapreduce_cluster.start(1, tasktrackers=1, block_bytes=1024 * 1024)
    with session(cluster=mapreduce_cluster.jobtracker_address):
        assert learned() == expected
