"""The table of algorithms on real data: against its oracles on the embedded engine, and on real
daemons, of which one dies in the middle of each fit, to the same bits.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from mapred import ml
from mapred.ml import session
from tests.cluster.algorithms import FETCHED, ROWS
from tests.cluster.daemons import Daemon, MapReduceCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Mortal"]:
    found = MapReduceCluster(tmp_path_factory.mktemp("cluster"))
    try:
        # Blocks as large as a store's: smaller ones would cut the input in another way.
        found.start(block_bytes=64 * 1024 * 1024)
        yield Mortal(found)
    finally:
        found.close()


class Mortal:
    """A cluster whose trackers die, one after the other, and come back with empty hands."""

    def __init__(self, cluster: MapReduceCluster) -> None:
        self.cluster = cluster
        self.deaths = 0
        # The one that died last.
        self.starts: Daemon | None = None

    def die(self) -> None:
        number = self.deaths % len(self.cluster.tasktrackers)
        self.deaths += 1
        if self.starts:
            self.starts.ready()
        self.cluster.tasktrackers[number].kill()
        self.cluster.spawn_tasktracker(number)
        self.starts = self.cluster.tasktrackers[number]


class DiesInRounds:
    """An engine under which a tracker dies when jobs of these numbers have just been submitted."""

    def __init__(self, engine: Any, mortal: Mortal, numbers: tuple[int, ...] = (2,)) -> None:
        self._engine = engine
        self._mortal = mortal
        self._numbers = numbers
        self.rounds = 0

    def submit(self, spec: Any) -> str:
        job_id: str = self._engine.submit(spec)
        self.rounds += 1
        if self.rounds in self._numbers:
            self._mortal.die()
        return job_id

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


@pytest.fixture(scope="module")
def embedded() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, session(workers=2):
        # Small tables, and several splits of each all the same.
        patch.setattr("mapred.formats.splits._SPLIT_BYTES_MIN", 128 * 1024)
        yield


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=[pytest.mark.packages] if row in FETCHED else []) for row in ROWS],
)
def test_a_fit_is_what_its_oracle_says_and_the_same_bits_where_a_tracker_dies(
    embedded, mortal, row
):
    fit, check = ROWS[row]()
    deaths = mortal.deaths
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        here = fit()
        check(here)
        with session(cluster=mortal.cluster.jobtracker_address) as there:
            there.engine = engine = DiesInRounds(there.engine, mortal)
            hurt = fit()
    assert mortal.deaths == deaths + (engine.rounds > 1)
    assert {name: np.asarray(value).tobytes() for name, value in hurt.items()} == {
        name: np.asarray(value).tobytes() for name, value in here.items()
    }


def test_ranks_of_edges_in_files_are_the_same_bits_where_those_who_hold_parts_of_them_die(
    embedded, mortal, tmp_path, monkeypatch
):
    monkeypatch.setattr("mapred.ml.edgeparts.PART_EDGES", 8_000)
    random = np.random.default_rng(6)
    edges = np.column_stack([random.integers(0, 4000, (60_000, 2)), np.ones(60_000)])
    path = tmp_path / "edges.csv"
    np.savetxt(path, edges, "%d", ",")
    with mortal.cluster.client().open("/edges.csv", "wb") as file:
        file.write(path.read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        here = ml.PageRank(tol=0, max_iter=5).fit(path)
        with session(cluster=mortal.cluster.jobtracker_address) as there:
            # The look at the table, the vertices, the placement, and the first round over parts.
            there.engine = DiesInRounds(there.engine, mortal, (3, 5))
            deaths = mortal.deaths
            hurt = ml.PageRank(tol=0, max_iter=5).fit("/edges.csv")
    assert there.engine.rounds == 2 + 1 + 5
    assert mortal.deaths == deaths + 2
    assert hurt.ranks_.tobytes() == here.ranks_.tobytes()


def test_models_are_the_same_bytes_for_one_two_and_seven_workers(tmp_path):
    edges = np.random.default_rng(2).integers(0, 900, (20_000, 2))
    np.savetxt(tmp_path / "edges.csv", edges, "%d", ",")
    found = []
    for workers in (1, 2, 7):
        with warnings.catch_warnings(), session(workers=workers):
            warnings.simplefilter("ignore")
            fits = [ROWS[row]()[0] for row in ("k-means", "mini-batch", "averaged sgd")]
            ranks = ml.PageRank(tol=0, max_iter=3).fit(tmp_path / "edges.csv").ranks_
            models = [np.asarray(one).tobytes() for fit in fits for one in fit().values()]
            found.append([*models, ranks.tobytes()])
    assert found[0] == found[1] == found[2]
