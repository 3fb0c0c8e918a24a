"""`mapred cluster`: up, again after deaths, down; and a member that can't start."""

import json
import os
import re
import shutil
import signal

import pytest
from mapred_cli import processes

from tests.cluster.users import User, free_port, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


def test_up_again_starts_what_died_and_the_data_stays(tmp_path):
    user = User(tmp_path)
    up = ("cluster", "up", "--dir", tmp_path / "c", "--datanodes", 2, "--tasktrackers", 1)
    ports = ("--namenode-port", free_port(), "--jobtracker-port", free_port())
    try:
        user.mapred(*up, *ports)
        user.mapred("fs", "put", "-", "/kept", typed=b"kept\n")
        assert "is running already" in user.mapred("cluster", "up")[0]
        before = _pids(user)

        for name in ("namenode", "datanode-1"):
            os.kill(before[name], signal.SIGKILL)
        wait_for(lambda: "dead" in user.start("cluster", "status").communicate()[0].decode())
        out, err = user.mapred("cluster", "status", code=1)
        assert out.count("dead (was pid") == 2
        assert "namenode, datanode-1 are dead" in err

        user.mapred("cluster", "up")
        after = _pids(user)
        changed = {name for name in before if before[name] != after[name]}
        assert changed == {"namenode", "datanode-1"}
        assert user.mapred("fs", "cat", "/kept")[0] == "kept\n"

        user.mapred("cluster", "down")
        assert [pid for pid in after.values() if processes.birth(pid)] == []
        user.mapred("cluster", "status", code=1)
        user.mapred("cluster", "up")
        assert user.mapred("fs", "cat", "/kept")[0] == "kept\n"
    finally:
        out, err = user.mapred("cluster", "down")
        assert "had to be killed" not in err


def _pids(user):
    told = json.loads(user.mapred("cluster", "status", "--json")[0])
    return {member["name"]: member["pid"] for member in told["members"]}


def test_up_with_half_of_the_data_gone_says_what_is_missing_and_serves_the_rest(tmp_path):
    user = User(tmp_path)
    home = tmp_path / "c"
    ports = ("--namenode-port", free_port(), "--jobtracker-port", free_port())
    try:
        user.mapred("cluster", "up", "--dir", home, "--datanodes", 2, "--tasktrackers", 1, *ports)
        user.mapred("fs", "put", "--replication", 1, "-", "/lost", typed=b"lost\n")
        user.mapred("fs", "put", "--replication", 2, "-", "/kept", typed=b"kept\n")
        fsck = user.mapred("admin", "fsck", "/lost", "--files", "--json")[0].splitlines()[0]
        (holder,) = json.loads(fsck)["blocks"][0]["nodes"]
        members = json.loads(user.mapred("cluster", "status", "--json")[0])["members"]
        address = f"{holder['host']}:{holder['port']}"
        (name,) = [one["name"] for one in members if one["address"] == address]
        user.mapred("cluster", "down")
        shutil.rmtree(home / name)

        out, _ = user.mapred("cluster", "up")
        assert "jobtracker waits for the block store" in out
        assert "tasktracker-1 waits for the jobtracker" in out
        assert re.search("^  blk_.* of /lost$", out, re.MULTILINE)
        assert f"({address})" in out
        assert user.mapred("fs", "cat", "/kept")[0] == "kept\n"
        _, err = user.mapred("job", "list", code=1)
        assert "is in safe mode: " in err

        user.mapred("admin", "safemode", "leave", "--yes")
        wait_for(lambda: _succeeds(user, "job", "list"))
    finally:
        user.mapred("cluster", "down")


def _succeeds(user, *words):
    process = user.start(*words)
    process.communicate()
    return process.returncode == 0


def test_a_member_that_cannot_start_ends_all_and_shows_its_log(tmp_path):
    user = User(tmp_path)

    _, err = user.mapred(
        *("cluster", "up", "--dir", tmp_path / "c", "--conf", "datanode.no_such_setting=1"),
        *("--namenode-port", free_port(), "--jobtracker-port", free_port()),
        code=1,
    )

    assert "datanode-1 ended with code 2" in err
    assert "unknown setting 'no_such_setting'" in err
    assert "no cluster runs" in user.mapred("cluster", "status", "--dir", tmp_path / "c", code=1)[1]
