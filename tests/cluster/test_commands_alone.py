"""The command line without a cluster, as users meet it: real processes, Ctrl-C and all."""

import json
import os
import signal
import socket
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.cluster.users import DEADLINE_S, WORDS, User, counted, fill, free_port, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


# The promise is 5 s; a machine that is busy with other tests gets some more.
TOLD_WITHIN_S = 15


@pytest.fixture
def loner(tmp_path):
    """A user without a cluster."""
    fill(tmp_path)
    return User(tmp_path)


def test_without_a_cluster_a_job_runs_here_and_writes_to_stdout(loner):
    out, err = loner.mapred("submit", "wordcount.py", "text.txt")

    assert counted(out) == Counter(WORDS.split())
    assert err.startswith("mapred: running on this machine alone")
    assert " map 100% reduce 100%\n" in err
    assert err.splitlines()[-1].startswith("job_")


def test_quiet_says_nothing_but_the_output(loner):
    out, err = loner.mapred("submit", "--quiet", "wordcount.py", "text.txt")

    assert counted(out) == Counter(WORDS.split())
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
        (["imports.py", "text.txt"], "No module named 'no_such_module'"),
        (["nojob.py", "text.txt"], "nojob.py defines no Job"),
        (["twojobs.py", "text.txt"], "twojobs.py:Again"),
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
        wait_for(lambda: (loner.home / "out" / "_temporary").exists())
        # As a terminal does it: to the whole process group.
        os.killpg(process.pid, number)
        _, err = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
        process.wait()

    assert process.returncode == code
    assert b"Traceback" not in err
    assert not (loner.home / "out").exists()
    wait_for(lambda: _members(process.pid) == [])


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


def test_a_cluster_that_is_not_there_is_told_soon(loner):
    started = time.monotonic()

    _, err = loner.mapred("fs", "--namenode", f"127.0.0.1:{free_port()}", "ls", "/", code=1)

    assert time.monotonic() - started < TOLD_WITHIN_S
    assert "no NameNode at 127.0.0.1:" in err
    assert "mapred cluster up" in err


@pytest.mark.parametrize("by_option", [False, True])
def test_there_is_no_silent_fall_back_to_local_mode(loner, by_option):
    nobody = f"127.0.0.1:{free_port()}"
    if not by_option:
        loner.environment["MAPRED_JOBTRACKER"] = nobody
    options = ["--jobtracker", nobody] if by_option else []

    out, err = loner.mapred("submit", *options, "wordcount.py", "text.txt", "-o", "out", code=1)

    assert f"no JobTracker at {nobody}" in err
    assert "running on this machine" not in err
    assert out == ""
    assert not (loner.home / "out").exists()


@pytest.mark.parametrize(
    "words", [["fs", "--namenode", "{}", "ls", "/"], ["job", "--jobtracker", "{}", "list"]]
)
def test_somebody_who_does_not_speak_grpc_is_told_soon(loner, words):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()

        _, err = loner.mapred(*(word.format(address) for word in words), code=1)

        assert time.monotonic() - started < TOLD_WITHIN_S
    assert address in err
    assert "mapred cluster up" in err


def test_a_reader_of_our_output_may_go_away(loner):
    process = loner.start("submit", "wordcount.py", "text.txt")
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 141
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err
