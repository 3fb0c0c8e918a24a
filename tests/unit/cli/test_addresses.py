"""Which cluster a command talks to, and what it says when nobody is there."""

import os
import socket
import time

import pytest
from mapred_cli import addresses, clusterfile, processes
from mapred_cli.addresses import JOBTRACKER, NAMENODE, Address
from mapred_cli.clusterfile import ClusterFile, Member, Shape

from blockstore.errors import ConfigException, UnreachableException


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("MAPRED_NAMENODE", raising=False)
    monkeypatch.delenv("MAPRED_JOBTRACKER", raising=False)


def _local_cluster(tmp_path, *, alive=True):
    born = processes.birth(os.getpid()) if alive else "another boot/1"
    home = tmp_path / "cluster"
    home.mkdir()
    member = Member("namenode", "namenode", os.getpid(), born, "127.0.0.1:7001", 0.0)
    clusterfile.write(ClusterFile(str(home), Shape(), (member,)))
    clusterfile.point_to(home)
    return home


def test_the_option_counts_first(monkeypatch, tmp_path):
    monkeypatch.setenv("MAPRED_NAMENODE", "b:2")
    _local_cluster(tmp_path)

    assert str(addresses.find(NAMENODE, "a:1")) == "a:1"


def test_then_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("MAPRED_NAMENODE", "b:2")
    _local_cluster(tmp_path)

    assert addresses.find(NAMENODE, None) == Address(NAMENODE, "b", 2, "MAPRED_NAMENODE")


def test_then_the_local_cluster(tmp_path):
    home = _local_cluster(tmp_path)

    found = addresses.find(NAMENODE, None)
    assert str(found) == "127.0.0.1:7001"
    assert found.source == f"the local cluster in {home}"


def test_a_dead_local_cluster_is_none(tmp_path):
    _local_cluster(tmp_path, alive=False)

    assert addresses.find(NAMENODE, None) is None


def test_then_nobody_or_the_default_port():
    assert addresses.find(JOBTRACKER, None) is None
    assert str(addresses.find_or_default(JOBTRACKER, None)) == "127.0.0.1:8021"


def test_a_port_may_be_left_out():
    assert str(addresses.find(NAMENODE, "storage-1")) == "storage-1:8020"


def test_what_is_no_address_is_refused():
    with pytest.raises(ConfigException, match="'storage:x' is not an address"):
        addresses.find(NAMENODE, "storage:x")


def test_what_the_command_line_said_is_not_repeated(capsys):
    addresses.announce(Address(NAMENODE, "a", 1, "--namenode"))

    assert capsys.readouterr().err == ""


def test_what_was_found_is_announced(capsys):
    addresses.announce(
        Address(JOBTRACKER, "a", 1, "MAPRED_JOBTRACKER"), Address(NAMENODE, "b", 2, "the default")
    )

    assert capsys.readouterr().err == (
        "mapred: using JobTracker a:1, NameNode b:2 (MAPRED_JOBTRACKER and the default)\n"
    )


def test_nobody_there_is_told_at_once_with_the_next_step():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    started = time.monotonic()

    with pytest.raises(UnreachableException) as caught:
        addresses.check_reachable(Address(NAMENODE, "127.0.0.1", port, "--namenode"))

    assert time.monotonic() - started < 5
    message = str(caught.value)
    assert f"no NameNode at 127.0.0.1:{port} (from --namenode): Connection refused." in message
    assert "mapred cluster up" in message
    assert "MAPRED_NAMENODE=HOST:PORT" in message


def test_somebody_there_is_enough():
    with socket.create_server(("127.0.0.1", 0)) as server:
        addresses.check_reachable(
            Address(NAMENODE, "127.0.0.1", server.getsockname()[1], "--namenode")
        )
