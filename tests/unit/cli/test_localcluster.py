"""The local cluster: what is written down, with which arguments members start, what a bad
start leaves."""

import socket

import msgspec
import pytest
from click.testing import CliRunner
from mapred_cli import clusterfile, localcluster
from mapred_cli.cluster import cluster
from mapred_cli.clusterfile import ClusterFile, Member, Shape
from mapred_cli.errors import CommandError
from mapred_cli.localcluster import LocalCluster

from blockstore.errors import ConfigException


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def _state(home, **changes):
    members = tuple(
        Member(name, name.partition("-")[0], 1, "no boot/1", f"127.0.0.1:{7000 + index}", 0.0)
        for index, name in enumerate(("namenode", "datanode-1", "jobtracker"))
    )
    return ClusterFile(str(home), Shape(**changes), members)


def test_the_file_comes_back_as_it_was_written(tmp_path):
    state = _state(tmp_path, datanodes=1, settings=("namenode.x=1",))
    clusterfile.write(state)
    clusterfile.point_to(tmp_path)

    assert clusterfile.read(tmp_path) == state
    assert clusterfile.directory(None) == tmp_path
    assert (tmp_path / "datanode-1.pid").read_text() == "1\n"


def test_down_leaves_the_shape_for_the_next_up(tmp_path):
    clusterfile.write(_state(tmp_path, datanodes=5))

    assert LocalCluster(tmp_path, print).down() == (0, [])

    after = clusterfile.read(tmp_path)
    assert after.shape.datanodes == 5
    assert after.members == ()
    assert list(tmp_path.glob("*.pid")) == []
    assert clusterfile.running() is None


def test_a_damaged_file_is_named_with_the_way_out(tmp_path):
    (tmp_path / "cluster.json").write_text('{"directory": 3}')

    with pytest.raises(ConfigException, match=r"cluster\.json is damaged .*pids"):
        clusterfile.read(tmp_path)


@pytest.mark.parametrize(
    ("role", "arguments"),
    [
        ("namenode", ["--dir", "D", "--port", "8020", "--conf", "block_bytes=4"]),
        ("datanode", ["--dir", "D", "--namenode", "127.0.0.1:7000", "--port", "0"]),
        ("jobtracker", ["--namenode", "127.0.0.1:7000", "--port", "8021"]),
        (
            "tasktracker",
            [
                *("--dir", "D", "--namenode", "127.0.0.1:7000"),
                *("--jobtracker", "127.0.0.1:7002", "--slots", "2", "--port", "0"),
            ],
        ),
    ],
)
def test_members_start_with_what_they_must_know(tmp_path, role, arguments):
    state = _state(
        tmp_path,
        namenode_port=8020,
        jobtracker_port=8021,
        settings=("namenode.block_bytes=4",),
    )

    assert localcluster._arguments(state, role, "D") == [role, *arguments]


def test_the_masters_keep_their_ports(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert not localcluster._is_free(port)
        before = _state(tmp_path, namenode_port=port, jobtracker_port=0)
        moved = localcluster._with_ports(Shape(), before)
        assert moved.namenode_port != port
    assert localcluster._with_ports(Shape(), before).namenode_port == port
    assert localcluster._with_ports(Shape(namenode_port=7), before).namenode_port == 7


def test_a_member_that_ends_is_told_with_its_log_and_nothing_stays(tmp_path):
    bad = Shape(settings=("namenode.no_such_setting=1",))

    with pytest.raises(CommandError) as caught:
        LocalCluster(tmp_path / "home", print).up(bad)

    message = str(caught.value)
    assert message.startswith("namenode ended with code ")
    assert f"The end of {tmp_path}/home/namenode.log:" in message
    assert clusterfile.read(tmp_path / "home").members == ()


def test_only_one_command_works_at_a_time(tmp_path):
    first = LocalCluster(tmp_path, print)
    with first._lock(), pytest.raises(CommandError, match="another `mapred cluster` command"):
        LocalCluster(tmp_path, print).down()


def test_a_running_cluster_refuses_another_shape(tmp_path, monkeypatch):
    monkeypatch.setattr(Member, "alive", True)
    clusterfile.write(_state(tmp_path, datanodes=3))

    result = CliRunner().invoke(cluster, ["up", "--dir", str(tmp_path), "--datanodes", "4"])

    assert isinstance(result.exception, CommandError)
    assert "runs with datanodes = 3, not 4" in str(result.exception)


def test_settings_name_their_role():
    result = CliRunner().invoke(cluster, ["up", "--conf", "block_bytes=4"])

    assert result.exit_code == 2
    assert "write ROLE.name=value" in result.output


def test_status_of_no_cluster_fails(tmp_path):
    result = CliRunner().invoke(cluster, ["status", "--dir", str(tmp_path)])

    assert "no cluster runs" in str(result.exception)


def test_status_tells_of_the_dead(tmp_path):
    clusterfile.write(_state(tmp_path))

    result = CliRunner().invoke(cluster, ["status", "--dir", str(tmp_path)])

    assert "dead (was pid 1)" in result.output
    assert "namenode, datanode-1, jobtracker are dead" in str(result.exception)


def test_a_version_from_the_future_is_refused(tmp_path):
    content = msgspec.json.encode(msgspec.structs.replace(_state(tmp_path), version=99))
    (tmp_path / "cluster.json").write_bytes(content)

    with pytest.raises(ConfigException, match="version 99"):
        clusterfile.read(tmp_path)
