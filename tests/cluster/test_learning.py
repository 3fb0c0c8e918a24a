"""Estimators on real daemons: a tracker dies in mid-fit, and no bit of any model changes."""

import threading
import warnings
from collections.abc import Iterable

import numpy as np
import pytest

from mapred.client import ClusterEngine
from mapred.ml import (
    ALS,
    ConvergenceWarning,
    KMeans,
    LogisticRegression,
    MiniBatchKMeans,
    PageRank,
    SGDClassifier,
    TfidfVectorizer,
    session,
)

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

RANDOM = np.random.default_rng(12)
# Of several splits.
ROWS = RANDOM.normal(size=(90_000, 6))
CLASSES = ROWS @ RANDOM.normal(size=6) + RANDOM.normal(size=90_000) > 0
EDGES = RANDOM.integers(0, 5_000, (130_000, 2)).astype(float)
RATINGS = np.column_stack(
    [np.arange(150_000) // 200, RANDOM.integers(0, 400, 150_000), RANDOM.integers(1, 6, 150_000)]
).astype(float)
TEXTS = [" ".join(f"w{number}" for number in row) for row in RANDOM.integers(0, 900, (9_000, 60))]


def kmeans() -> bytes:
    return KMeans(5, init=ROWS[:5], max_iter=12, tol=0).fit(ROWS).cluster_centers_.tobytes()


def batches() -> bytes:
    model = MiniBatchKMeans(4, init=ROWS[:4], max_iter=3, random_state=1)
    return model.fit(ROWS).cluster_centers_.tobytes()


def logistic() -> bytes:
    return LogisticRegression(max_iter=6).fit(ROWS, CLASSES).coef_.tobytes()


def averaged() -> bytes:
    model = SGDClassifier(local_steps=5, batch_size=200, max_iter=4, random_state=3)
    return model.fit(ROWS, CLASSES).coef_.tobytes()


def ranks() -> bytes:
    return PageRank(tol=0, max_iter=5).fit(EDGES).ranks_.tobytes()


def factors() -> bytes:
    model = ALS(4, max_iter=2).fit(RATINGS)
    return model.user_factors_.tobytes() + model.item_factors_.tobytes()


def weights() -> bytes:
    rows = TfidfVectorizer().fit_transform(TEXTS)
    return rows.data.tobytes() + rows.indices.tobytes()


MODELS = {
    model.__name__: model
    for model in (kmeans, batches, logistic, averaged, ranks, factors, weights)
}


def fitted(names: Iterable[str] = tuple(MODELS)) -> dict[str, bytes]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return {name: MODELS[name]() for name in names}


def test_models_are_the_same_bytes_with_a_tracker_killed_in_mid_fit(mapreduce_cluster, eventually):
    mapreduce_cluster.start()
    address = mapreduce_cluster.jobtracker_address
    with session(cluster=address):
        whole = fitted()
    killer = threading.Thread(target=kill_in_round_4, args=(mapreduce_cluster, eventually))
    killer.start()
    with session(cluster=address):
        hurt = fitted()
    killer.join()
    assert mapreduce_cluster.tasktrackers[1].process.poll() is not None
    assert {name: hurt[name] == whole[name] for name in MODELS} == dict.fromkeys(MODELS, True)


def kill_in_round_4(cluster, eventually) -> None:
    """Of a loop that runs now."""
    with ClusterEngine(cluster.jobtracker_address) as engine:
        before = {job.job_id for job in engine.jobs()}

        def begun() -> bool:
            new = [job for job in engine.jobs() if job.job_id not in before]
            return any(job.name.endswith("round 4") for job in new)

        eventually(begun, "a round 4")
    cluster.tasktrackers[1].kill()


def test_models_are_the_same_bytes_for_one_two_and_seven_workers():
    found = []
    for workers in (1, 2, 7):
        with session(workers=workers):
            found.append(fitted(("kmeans", "batches", "averaged", "factors")))
    assert found[0] == found[1] == found[2]
