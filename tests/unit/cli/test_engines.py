"""Where a job runs, by options, environment and what runs here."""

import socket

import pytest
from mapred_cli import engines
from mapred_cli.errors import CommandError


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("MAPRED_NAMENODE", raising=False)
    monkeypatch.delenv("MAPRED_JOBTRACKER", raising=False)


@pytest.fixture
def master():
    """The address of somebody who listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def _choose(**options):
    defaults = {"jobtracker": None, "namenode": None, "local": False, "workers": None}
    return engines.choose(**{**defaults, "quiet": False, **options})


def test_without_a_cluster_it_is_this_machine():
    place = _choose()

    assert not place.on_cluster
    assert place.default_filesystem == "file://"
    assert place.notice == (
        "running on this machine alone, with the embedded engine (for a cluster: mapred cluster up)"
    )


def test_local_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("MAPRED_JOBTRACKER", "nobody:1")
    monkeypatch.setenv("MAPRED_NAMENODE", "nobody:2")

    place = _choose(local=True, workers=3)

    assert place.default_filesystem == "file://"
    assert place.workers == 3


def test_a_block_store_without_a_jobtracker_is_read_from_here(master):
    place = _choose(namenode=master)

    assert not place.on_cluster
    assert place.default_filesystem == f"bs://{master}"
    assert f"on the block store {master}" in place.notice


def test_workers_are_for_this_machine(monkeypatch, master):
    monkeypatch.setenv("MAPRED_JOBTRACKER", master)

    with pytest.raises(CommandError, match="--workers is for jobs on this machine") as caught:
        _choose(workers=2)
    assert caught.value.code == 2


def test_local_and_a_jobtracker_contradict_each_other():
    with pytest.raises(CommandError, match="contradict"):
        _choose(local=True, jobtracker="a:1")
