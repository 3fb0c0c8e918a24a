"""The table of algorithms on real data: against its oracles on the embedded engine, and on real
daemons, of which one dies in the middle of each fit with a task in hand, to the same bits.
"""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
import pytest

from mapred import ml
from mapred.ml import session
from tests.cluster.algorithms import FETCHED, ROWS
from tests.cluster.daemons import Daemon, MapReduceCluster, eventually

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
    """A cluster whose trackers die with a task in hand, and come back with empty hands."""

    def __init__(self, cluster: MapReduceCluster) -> None:
        self.cluster = cluster
        self.deaths = 0
        # The one that died last.
        self.starts: Daemon | None = None

    def submit_and_die(self, engine: Any, spec: Any) -> str:
        """No task of the job gets on until a tracker that has one is dead."""
        if self.starts:
            self.starts.ready()
        workers = {
            number: _workers_of(daemon) for number, daemon in self.cluster.tasktrackers.items()
        }
        try:
            for own in workers.values():
                _each(own, psutil.Process.suspend)
            job_id: str = engine.submit(spec)
            eventually(lambda: self._busy(engine) != [], "a tracker with a task")
            number = self._busy(engine)[0]
            self.cluster.tasktrackers[number].kill()
            _each(workers.pop(number), psutil.Process.kill)
        finally:
            for own in workers.values():
                _each(own, psutil.Process.resume)
        self.deaths += 1
        self.cluster.spawn_tasktracker(number)
        self.starts = self.cluster.tasktrackers[number]
        return job_id

    def _busy(self, engine: Any) -> list[int]:
        """Who has a map in hand."""
        ports = {status.info.port for status in engine.trackers() if status.maps_running}
        return [
            number
            for number, daemon in self.cluster.tasktrackers.items()
            if int(daemon.address.rpartition(":")[2]) in ports
        ]


def _workers_of(daemon: Daemon) -> list[psutil.Process]:
    return psutil.Process(daemon.process.pid).children(recursive=True)


def _each(processes: list[psutil.Process], what: Any) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            what(process)


class Counting:
    """An engine that counts the jobs it is given."""

    def __init__(self, engine: Any) -> None:
        self.within = engine
        self.rounds = 0

    def submit(self, spec: Any) -> str:
        self.rounds += 1
        job_id: str = self.within.submit(spec)
        return job_id

    def __getattr__(self, name: str) -> Any:
        return getattr(self.within, name)


class DiesInRounds(Counting):
    """One under which a tracker dies in the jobs of these numbers."""

    def __init__(self, engine: Any, mortal: Mortal, numbers: tuple[int, ...]) -> None:
        super().__init__(engine)
        self._mortal = mortal
        self._numbers = numbers

    def submit(self, spec: Any) -> str:
        if self.rounds + 1 not in self._numbers:
            return super().submit(spec)
        self.rounds += 1
        return self._mortal.submit_and_die(self.within, spec)


@pytest.fixture(scope="module")
def embedded() -> Iterator[Counting]:
    with pytest.MonkeyPatch.context() as patch, session(workers=2) as own:
        # Small tables, and several splits of each all the same.
        patch.setattr("mapred.formats.splits._SPLIT_BYTES_MIN", 128 * 1024)
        counting = own.engine = Counting(own.engine)
        yield counting


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=[pytest.mark.packages] if row in FETCHED else []) for row in ROWS],
)
def test_a_fit_is_what_its_oracle_says_and_the_same_bits_where_a_tracker_dies(
    embedded, mortal, row
):
    fit, check = ROWS[row]()
    deaths, before = mortal.deaths, embedded.rounds
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        here = fit()
        rounds = embedded.rounds - before
        check(here)
        with session(cluster=mortal.cluster.jobtracker_address) as there:
            there.engine = engine = DiesInRounds(there.engine, mortal, (rounds // 2 + 1,))
            hurt = fit()
    assert (engine.rounds, mortal.deaths) == (rounds, deaths + 1)
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
            there.engine = engine = DiesInRounds(there.engine, mortal, (3, 5))
            deaths = mortal.deaths
            hurt = ml.PageRank(tol=0, max_iter=5).fit("/edges.csv")
    assert engine.rounds == 2 + 1 + 5
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
