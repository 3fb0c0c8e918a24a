"""The command line with a cluster, as users meet it: files, jobs, administration."""

import json
import os
import re
import signal
import time
from collections import Counter
from unittest.mock import ANY

import pytest

from tests.cluster.users import DEADLINE_S, WORDS, User, counted, fill, free_port, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    """A user with a cluster on his machine."""
    home = tmp_path_factory.mktemp("user")
    fill(home)
    user = User(home)
    try:
        user.mapred(
            *("cluster", "up", "--dir", home / "cluster", "--tasktrackers", 2),
            *("--namenode-port", free_port(), "--jobtracker-port", free_port()),
            *("--conf", "namenode.block_bytes=65536"),
        )
        yield user
    finally:
        user.mapred("cluster", "down")


def test_commands_find_the_cluster_and_say_so(user):
    _, err = user.mapred("fs", "ls", "/")

    assert f"(the local cluster in {user.home}/cluster)" in err


def test_files_go_in_and_come_out_with_hadoops_words(user):
    user.mapred("fs", "-mkdir", "-p", "/books/english")
    user.mapred("fs", "-put", "text.txt", "/books/english/")
    user.mapred("fs", "-put", "-", "/books/typed.txt", typed=b"typed\n")
    out, _ = user.mapred("fs", "-ls", "-R", "/books")
    assert [line.split()[-1] for line in out.splitlines()] == [
        "/books/english",
        "/books/english/text.txt",
        "/books/typed.txt",
    ]
    assert user.mapred("fs", "-cat", "/books/english/*")[0] == WORDS
    user.mapred("fs", "-get", "/books", "copy")
    assert (user.home / "copy" / "english" / "text.txt").read_text() == WORDS
    assert user.mapred("fs", "-get", "/books/typed.txt", "-")[0] == "typed\n"
    out, _ = user.mapred("fs", "-du", "-s", "/books")
    size = len(WORDS.encode()) + 6
    assert out.split() == [str(size), str(3 * size), "/books"]
    user.mapred("fs", "-setrep", "-w", "2", "/books/typed.txt")
    entry = json.loads(user.mapred("fs", "-stat", "--json", "/books/typed.txt")[0])[0]
    assert (entry["length"], entry["replication"]) == (6, 2)
    user.mapred("fs", "-mv", "/books/typed.txt", "/books/renamed.txt")
    user.mapred("fs", "-test", "-e", "/books/typed.txt", code=1)
    user.mapred("fs", "-rm", "/books", code=1)
    user.mapred("fs", "-rm", "-r", "/books")
    user.mapred("fs", "-test", "-d", "/books", code=1)


def test_a_missing_file_is_named(user):
    for arguments in (["ls"], ["cat"], ["stat"], ["rm"], ["du"]):
        _, err = user.mapred("fs", *arguments, "/no/such/file", code=1)
        assert "/no/such/file" in err
        assert "Traceback" not in err


def test_a_job_on_the_cluster_gives_the_same_bytes_as_here(user):
    user.mapred("fs", "put", "text.txt", "/same/text.txt")
    _, err = user.mapred("submit", "wordcount.py", "/same", "-o", "/same-out", "-r", 2)
    user.mapred("submit", "--local", "wordcount.py", "text.txt", "-o", "out", "-r", 2)

    assert "the local cluster" in err
    for part in ("part-r-00000", "part-r-00001"):
        there, _ = user.mapred("fs", "cat", f"/same-out/{part}")
        assert there == (user.home / "out" / part).read_text()


def test_a_job_and_its_output_are_its_submitters(user):
    """Who runs the cluster and who uses it are two people."""
    home = "/users/ana"
    user.mapred("fs", "mkdir", "-p", home)
    user.mapred("fs", "chown", "ana:", home)
    user.mapred("fs", "-chmod", "u=rwx,go-rwx", home)
    ana = User(user.home, MAPRED_USER="ana", MAPRED_UMASK="077")
    ben = User(user.home, MAPRED_USER="ben")
    ana.mapred("fs", "put", "text.txt", f"{home}/text.txt")
    ana.mapred("submit", "wordcount.py", f"{home}/text.txt", "-o", f"{home}/out", "-r", 2)

    out, _ = ana.mapred("fs", "stat", "%u %n", f"{home}/*", f"{home}/out/*")
    names = ["out", "text.txt", "_SUCCESS", "part-r-00000", "part-r-00001"]
    assert out.splitlines() == [f"ana {name}" for name in names]
    assert ana.mapred("fs", "stat", "%a", f"{home}/text.txt")[0] == "600\n"
    _, err = ben.mapred("fs", "cat", f"{home}/out/part-r-00000", code=1)
    assert "user 'ben' (groups: none) may not enter '/users/ana' (ana:" in err
    _, err = ben.mapred("fs", "chown", "ben", "/users", code=1)
    assert "only the superuser may" in err
    _, err = ben.mapred("submit", "wordcount.py", f"{home}/text.txt", "-o", "/bens", code=1)
    assert "may not enter" in err

    out, _ = ana.mapred("fs", "rm", "-r", f"{home}/out")
    trashed = f"/.Trash/ana/Current{home}/out"
    assert out == f"'{home}/out': moved to '{trashed}'\n"
    ben.mapred("fs", "ls", trashed, code=1)
    ana.mapred("fs", "mv", trashed, home)
    assert ana.mapred("fs", "-rm", "-r", "-skipTrash", f"{home}/out") == ("", ANY)
    ana.mapred("fs", "rm", f"{home}/text.txt")
    ana.mapred("fs", "expunge", "--immediate")
    ana.mapred("fs", "test", "-e", "/.Trash/ana", code=1)


def test_attributes_change_with_hadoops_words(user):
    user.mapred("fs", "-touch", "-t", "20260131:120000", "/attributes/d/f")
    user.mapred("fs", "-touch", "-c", "/attributes/none")
    user.mapred("fs", "-test", "-e", "/attributes/none", code=1)
    user.mapred("fs", "-chmod", "-R", "o-rx,+t", "/attributes")
    user.mapred("fs", "-chgrp", "-R", "lab", "/attributes")
    out, _ = user.mapred("fs", "-stat", "%a %g %F", "/attributes", "/attributes/d/f")
    assert out.splitlines() == ["1750 lab directory", "1640 lab regular file"]
    out, _ = user.mapred("fs", "-ls", "/attributes/d")
    assert out.split()[0] == "-rw-r----T"
    assert out.split()[3] == "lab"
    out, _ = user.mapred("fs", "-stat", "%X %Y", "/attributes/d/f")
    stamp = time.mktime(time.strptime("20260131 12", "%Y%m%d %H"))
    assert out.split() == [f"{stamp * 1000:.0f}"] * 2
    _, err = user.mapred("fs", "-chmod", "u+q", "/attributes", code=2)
    assert "'u+q' is no mode" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["wordcount.py", "/nowhere"], "'bs:///nowhere' does not exist"),
        (["wordcount.py", "/", "-o", "/"], "exists, and nothing is overwritten"),
        (["wordcount.py", "/", "--workers", "2"], "--workers is for jobs on this machine"),
        (["wordcount.py", "text.txt"], "Put it into the block store first"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_refused_before_anything_runs(user, words, said):
    jobs = json.loads(user.mapred("job", "list", "--json")[0])

    _, err = user.mapred("submit", *words, code=2)

    assert said in err
    assert json.loads(user.mapred("job", "list", "--json")[0]) == jobs


def test_a_job_without_output_directory_leaves_nothing_on_the_cluster(user):
    user.mapred("fs", "put", "-f", "text.txt", "/plain.txt")
    out, _ = user.mapred("submit", "-q", "wordcount.py", "/plain.txt")

    assert counted(out) == Counter(WORDS.split())
    files, _ = user.mapred("fs", "ls", "-R", "/")
    assert "part-r-" not in files.replace("/same-out/part-r-", "")


def test_a_detached_job_is_listed_told_and_killed(user):
    user.mapred("fs", "put", "-f", "text.txt", "/detached.txt")
    job_id = user.mapred(
        *("submit", "--detach", "slow.py", "/detached.txt", "-o", "/never"),
    )[0].strip()

    listed = json.loads(user.mapred("job", "list", "--json")[0])
    assert listed[0]["job_id"] == job_id
    assert listed[0]["state"] == "running"
    assert user.mapred("job", "kill", job_id)[0] == f"{job_id} is killed.\n"
    out, _ = user.mapred("job", "status", job_id)
    assert "state    killed" in out
    user.mapred("job", "kill", job_id, code=1)
    wait_for(lambda: user.mapred("fs", "ls", "-R", "/")[0].count("/never") == 0)


def test_counters_of_a_job_can_be_asked_for(user):
    user.mapred("fs", "put", "-f", "text.txt", "/counted.txt")
    out, _ = user.mapred("submit", "--json", "wordcount.py", "/counted.txt", "-o", "/counted")
    job_id = json.loads(out)["job_id"]

    counters = json.loads(user.mapred("job", "counters", "--json", job_id)[0])
    assert counters["words"]["counted"] == len(WORDS.split())
    assert "counted" in user.mapred("job", "counters", job_id)[0]


def test_an_unknown_job_is_named(user):
    _, err = user.mapred("job", "status", "job_0", code=1)

    assert "job_0" in err


def test_ctrl_c_kills_the_job_on_the_cluster(user):
    user.mapred("fs", "put", "-f", "text.txt", "/interrupted.txt")
    process = user.start("submit", "slow.py", "/interrupted.txt", "-o", "/interrupted")
    try:
        wait_for(
            lambda: any(
                job["name"] == "Slow" and job["state"] == "running"
                for job in json.loads(user.mapred("job", "list", "--json")[0])
            )
        )
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
        process.wait()

    assert process.returncode == 130
    states = [job["state"] for job in json.loads(user.mapred("job", "list", "--json")[0])]
    assert "running" not in states
    user.mapred("fs", "test", "-e", "/interrupted", code=1)


def test_administrators_see_nodes_safe_mode_and_health(user):
    report = user.mapred("admin", "report")[0]
    assert "DataNodes: 3 live of 3" in report
    assert len(re.findall(r"byte port [1-9]\d+, ", report)) == 3
    assert re.search(r"^NameNode's call port: [1-9]\d+$", report, re.MULTILINE)
    assert user.mapred("admin", "safemode", "get")[0] == "Safe mode is off\n"
    entered = "Safe mode is on: an administrator entered it: mapred admin safemode leave\n"
    assert user.mapred("admin", "safemode", "enter")[0] == entered
    assert user.mapred("admin", "safemode", "why")[0].startswith(entered)
    assert user.mapred("admin", "safemode", "leave")[0] == "Safe mode is off\n"
    assert "The block store is healthy" in user.mapred("admin", "fsck", "/")[0]


def test_a_check_that_cant_be_made_isnt_taken_for_damage(user):
    _, err = user.mapred("admin", "fsck", "/no/such/path", code=2)
    assert "'/no/such/path' does not exist" in err
    _, err = user.mapred("admin", "fsck", "--namenode", f"127.0.0.1:{free_port()}", code=2)
    assert "no NameNode at" in err
