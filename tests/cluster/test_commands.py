"""The command line as users meet it: real processes, a real cluster on this machine."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from mapred_cli import processes

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

DEADLINE_S = 90
WORDS = "the quick brown fox jumps over the lazy dog and the cat\nünï çödé the\n\n" * 3000

WORD_COUNT = '''\
"""Word count."""
from mapred import Job, Mapper, Param, Reducer

class Words(Mapper):
    def setup(self):
        self.minimum = self.ctx.params.minimum
    def map(self, offset, line):
        for word in line.split():
            if len(word) >= self.minimum:
                self.ctx.count("words", "counted")
                yield word, 1

class Total(Reducer):
    def reduce(self, word, counts):
        yield word, sum(counts)

class WordCount(Job):
    minimum: int = Param(1, help="shortest word that counts")
    mapper, combiner, reducer = Words, Total, Total
'''

SLOW = """\
import time
from mapred import Job, Mapper

class Sleepy(Mapper):
    def map(self, offset, line):
        time.sleep(0.2)
        yield line, 1

class Slow(Job):
    mapper = Sleepy
"""

FAILING = """\
from mapred import Job, Mapper

class Picky(Mapper):
    def map(self, offset, line):
        raise ValueError("I don't like foxes")

class Picks(Job):
    mapper = Picky
"""


class User:
    """Somebody at a shell: a working directory and an environment."""

    def __init__(self, home, **variables):
        self.home = home
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("MAPRED_")},
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CACHE_HOME": str(home / "cache"),
            **variables,
        }

    def start(self, *arguments):
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "mapred_cli.main", *map(str, arguments)],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def mapred(self, *arguments, code=0, typed=None):
        """Runs a command to its end; its stdout and stderr."""
        process = self.start(*arguments)
        try:
            out, err = process.communicate(typed, timeout=DEADLINE_S)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == code, err.decode()
        return out.decode(), err.decode()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("user")
    (home / "wordcount.py").write_text(WORD_COUNT)
    (home / "slow.py").write_text(SLOW)
    (home / "failing.py").write_text(FAILING)
    (home / "text.txt").write_text(WORDS)
    (home / "broken.py").write_text("def nothing(:\n")
    return home


@pytest.fixture(scope="module")
def user(home):
    """A user with a cluster on his machine."""
    user = User(home)
    try:
        user.mapred(
            *("cluster", "up", "--dir", home / "cluster", "--tasktrackers", 2),
            *("--namenode-port", _free_port(), "--jobtracker-port", _free_port()),
            *("--conf", "namenode.block_bytes=65536"),
        )
        yield user
    finally:
        user.mapred("cluster", "down")


@pytest.fixture
def loner(tmp_path, home):
    """A user without a cluster."""
    for file in home.glob("*.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return User(tmp_path)


def _free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _counted(text):
    return {word: int(count) for word, count in (line.split("\t") for line in text.splitlines())}


def _await(condition):
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("not in time")


# --- without a cluster -------------------------------------------------------------------


def test_without_a_cluster_a_job_runs_here_and_writes_to_stdout(loner):
    out, err = loner.mapred("submit", "wordcount.py", "text.txt")

    assert _counted(out) == Counter(WORDS.split())
    assert err.startswith("mapred: running on this machine alone")
    assert " map 100% reduce 100%\n" in err
    assert err.splitlines()[-1].startswith("job_")


def test_quiet_says_nothing_but_the_output(loner):
    out, err = loner.mapred("submit", "--quiet", "wordcount.py", "text.txt")

    assert _counted(out) == Counter(WORDS.split())
    assert err == ""


def test_an_output_directory_has_hadoops_names(loner):
    out, _ = loner.mapred("submit", "wordcount.py", "text.txt", "-o", "out", "-r", 3)

    assert out == ""
    names = sorted(path.name for path in (loner.home / "out").iterdir())
    assert names == ["_SUCCESS", "part-r-00000", "part-r-00001", "part-r-00002"]


def test_json_is_the_last_line_of_stdout(loner):
    out, _ = loner.mapred(
        *("submit", "--json", "wordcount.py", "text.txt", "-o", "out", "-D", "minimum=5")
    )

    told = json.loads(out)
    expected = sum(len(word) >= 5 for word in WORDS.split())
    assert told["state"] == "succeeded"
    assert told["counters"]["words"]["counted"] == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["wordcount.py", "nowhere.txt"], "nowhere.txt' does not exist"),
        (["nowhere.py", "text.txt"], "nowhere.py does not exist"),
        (["broken.py", "text.txt"], "SyntaxError"),
        (["wordcount.py:Other", "text.txt"], "no Job 'Other'"),
        (["wordcount.py", "text.txt", "-D", "min=3"], "no parameter 'min'"),
        (["wordcount.py", "text.txt", "-D", "minimum=x"], "'x' is not a number"),
        (["wordcount.py", "text.txt", "-D", "minimum"], "write name=value"),
        (["wordcount.py", "text.txt", "-o", "."], "exists, and nothing is overwritten"),
        (["wordcount.py", "text.txt", "--detach"], "--detach needs -o"),
        (["wordcount.py", "text.txt", "--detach", "-o", "out"], "--detach needs a cluster"),
        (["wordcount.py"], "Missing argument 'INPUT...'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_refused_before_anything_runs(loner, arguments, said):
    out, err = loner.mapred("submit", *arguments, code=2)

    assert said in err
    assert out == ""
    assert "map 0%" not in err
    assert not (loner.home / "out").exists()


def test_an_exception_in_a_job_is_told_with_its_cause_first(loner):
    out, err = loner.mapred("submit", "failing.py", "text.txt", code=1)

    assert out == ""
    report = err[err.index("Probable cause") :]
    assert "ValueError: I don't like foxes" in report.splitlines()[0]
    assert f"{loner.home}/text.txt, byte 0" in report
    assert 'failing.py", line 5, in map' in report


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_job_leaves_nothing(loner, number, code):
    process = loner.start("submit", "slow.py", "text.txt", "-o", "out")
    try:
        _await(lambda: (loner.home / "out" / "_temporary").exists())
        # As a terminal does it: to the whole process group.
        os.killpg(process.pid, number)
        _, err = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
        process.wait()

    assert process.returncode == code
    assert b"Traceback" not in err
    assert not (loner.home / "out").exists()
    _await(lambda: _members(process.pid) == [])


def _members(session):
    """Processes of a session that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if os.getsid(int(entry.name)) == session:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def test_a_cluster_that_is_not_there_is_told_within_five_seconds(loner):
    started = time.monotonic()

    _, err = loner.mapred("fs", "--namenode", f"127.0.0.1:{_free_port()}", "ls", "/", code=1)

    assert time.monotonic() - started < 5
    assert "no NameNode at 127.0.0.1:" in err
    assert "mapred cluster up" in err


def test_a_reader_of_our_output_may_go_away(loner):
    process = loner.start("submit", "wordcount.py", "text.txt")
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 141
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err


# --- with a cluster ----------------------------------------------------------------------


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


def test_a_job_on_the_cluster_gives_the_same_bytes_as_here(user, loner):
    user.mapred("fs", "put", "text.txt", "/same/text.txt")
    _, err = user.mapred("submit", "wordcount.py", "/same", "-o", "/same-out", "-r", 2)
    loner.mapred("submit", "wordcount.py", "text.txt", "-o", "out", "-r", 2)

    assert "the local cluster" in err
    for part in ("part-r-00000", "part-r-00001"):
        there, _ = user.mapred("fs", "cat", f"/same-out/{part}")
        assert there == (loner.home / "out" / part).read_text()


def test_a_job_without_output_directory_leaves_nothing_on_the_cluster(user):
    user.mapred("fs", "put", "-f", "text.txt", "/plain.txt")
    out, _ = user.mapred("submit", "-q", "wordcount.py", "/plain.txt")

    assert _counted(out) == Counter(WORDS.split())
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
    _await(lambda: user.mapred("fs", "ls", "-R", "/")[0].count("/never") == 0)


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
        _await(
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
    assert "DataNodes: 3 live of 3" in user.mapred("admin", "report")[0]
    assert user.mapred("admin", "safemode", "get")[0] == "Safe mode is off\n"
    assert user.mapred("admin", "safemode", "enter")[0].startswith("Safe mode is on: ")
    assert user.mapred("admin", "safemode", "leave")[0] == "Safe mode is off\n"
    assert "The block store is healthy" in user.mapred("admin", "fsck", "/")[0]


# --- the cluster itself ------------------------------------------------------------------


def test_up_again_starts_what_died_and_the_data_stays(tmp_path):
    user = User(tmp_path)
    up = ("cluster", "up", "--dir", tmp_path / "c", "--datanodes", 2, "--tasktrackers", 1)
    ports = ("--namenode-port", _free_port(), "--jobtracker-port", _free_port())
    try:
        user.mapred(*up, *ports)
        user.mapred("fs", "put", "-", "/kept", typed=b"kept\n")
        assert "is running already" in user.mapred("cluster", "up")[0]
        before = _pids(user)

        for name in ("namenode", "datanode-1"):
            os.kill(before[name], signal.SIGKILL)
        _await(lambda: "dead" in user.start("cluster", "status").communicate()[0].decode())
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


def test_a_member_that_cannot_start_ends_all_and_shows_its_log(tmp_path):
    user = User(tmp_path)

    _, err = user.mapred(
        *("cluster", "up", "--dir", tmp_path / "c", "--conf", "datanode.no_such_setting=1"),
        *("--namenode-port", _free_port(), "--jobtracker-port", _free_port()),
        code=1,
    )

    assert "datanode-1 ended with code 2" in err
    assert "unknown setting 'no_such_setting'" in err
    assert "No cluster runs" in user.mapred("cluster", "down")[0]
