"""The clusters that tests are run on, and an environment without anybody's cluster in it."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.daemons import MapReduceCluster, StoreCluster, eventually


@pytest.fixture(name="eventually")
def _eventually() -> Callable[..., None]:
    return eventually


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[StoreCluster]:
    """Not started yet: the test says how large and with which settings."""
    found = StoreCluster(tmp_path)
    try:
        yield found
    finally:
        found.close()


@pytest.fixture(scope="module")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreCluster]:
    """Three DataNodes for all tests of a module that harm nobody."""
    found = StoreCluster(tmp_path_factory.mktemp("cluster"))
    try:
        found.start()
        yield found
    finally:
        found.close()


@pytest.fixture
def mapreduce_cluster(tmp_path: Path) -> Iterator[MapReduceCluster]:
    """With a JobTracker and TaskTrackers; not started yet."""
    found = MapReduceCluster(tmp_path)
    try:
        yield found
    finally:
        found.close()


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    # A shell starts what it puts into the background with Ctrl-C ignored, and children inherit it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("MAPRED_"):
            monkeypatch.delenv(name)
