"""One rule for all verbs (mapred_cli/errors.py): 1 for what was tried and failed or was refused, 2
for a command line that can't be meant; where 1 is an answer, 2 for having none."""

import pytest
from mapred_cli.admin import COMMANDS
from mapred_cli.errors import FAILED, REFUSED
from mapred_cli.errors import run as run_command
from mapred_cli.fs import VERBS
from mapred_cli.main import cli

pytestmark = pytest.mark.cluster

# {here}: a local file; /t: a directory with the file /t/f and nothing else; bare: a directory on
# this machine with nothing in it.
REFUSED_BY_THE_STORE = {
    "appendToFile": "{here} /t",
    "cat": "/t/no",
    "checksum": "/t",
    "chgrp": "staff /t/no",
    "chmod": "644 /t/no",
    "chown": "ana /t/no",
    "concat": "/t/f /t/f",
    "copyFromLocal": "{here} /t/f",
    "copyToLocal": "/t/no {bare}",
    "count": "/t/no",
    "cp": "/t/f /t/f",
    "df": "/t/no",
    "du": "/t/no",
    "find": "/t/no",
    "get": "/t/f {here}",
    "getmerge": "/t/no {bare}/x",
    "head": "/t",
    "lease": "recover /t/no",
    "ls": "/t/no*",
    "mkdir": "/t",
    "moveFromLocal": "{bare}/no /t",
    "mv": "/t /t/below",
    "put": "{here} {here} /t/no",
    "rm": "/t",
    "rmdir": "/t",
    "setrep": "2 /t/no",
    "stat": "/t/no",
    "tail": "/t",
    "text": "/t/no",
    "touch": "/t/f/x",
    "touchz": "/t/f",
    "truncate": "100 /t/f",
    "decommission": "1.2.3.4:5",
    "maintenance": "1.2.3.4:5",
    "recommission": "1.2.3.4:5",
    "forget": "1.2.3.4:5",
    "image": "dump {bare}",
}
# Of these nobody can refuse anything but a stranger, or they need others to talk to.
NOBODY_THERE = {
    "expunge": "",
    "report": "",
    "safemode": "enter",
    "balancer": "start",
    "trackers": "",
    "drain-tracker": "a",
    "undrain-tracker": "a",
}
# Their 1 is an answer.
NO_ANSWER = {"fsck": "/t/no", "journal": "recover {bare}"}
# They ask nobody.
ALONE = {"help", "usage"}
# What can't be meant, beside an option that isn't there.
NONSENSE = {
    "fs": (
        "cat",
        "cat s3://bucket/x",
        "chmod 999 /t/f",
        "chown !! /t/f",
        "cp bs://127.0.0.1:1/a bs://127.0.0.1:2/b",
        "help no",
        "lease no",
        "no",
        "put -d --resume {here} /t/x",
        "setrep 0 /t/f",
        "touch -t 99 /t/f",
        "truncate x /t/f",
    ),
    "admin": (
        "balancer start --threshold 200",
        "balancer no",
        "fsck s3://bucket/x",
        "journal dump {bare}/no",
        "maintenance --for x a:1",
        "no",
        "safemode no",
    ),
}


@pytest.fixture
def run(shared_cluster, tmp_path, monkeypatch, capfdbinary):
    """The exit code of a command line, and what was told."""
    here, bare = tmp_path / "here", tmp_path / "bare"
    here.write_bytes(b"123")
    bare.mkdir()
    monkeypatch.setenv("MAPRED_NAMENODE", shared_cluster.address)
    monkeypatch.setenv("MAPRED_JOBTRACKER", "127.0.0.1:1")

    def run(group, line):
        words = [group, *line.format(here=here, bare=bare).split()]
        code = run_command(cli, words)
        return code, capfdbinary.readouterr().err.decode()

    with shared_cluster.client() as store:
        store.remove("/t", recursive=True, skip_trash=True)
        store.put_many([("/t/f", b"123")])
    return run


def group_of(verb):
    return "fs" if verb in VERBS else "admin"


def test_no_verb_is_forgotten():
    known = {*REFUSED_BY_THE_STORE, *NOBODY_THERE, *NO_ANSWER, *ALONE, "test"}
    assert known == {*VERBS, *COMMANDS}


def test_what_the_store_refuses_is_a_failure(run):
    for verb, words in REFUSED_BY_THE_STORE.items():
        assert run(group_of(verb), f"{verb} {words}")[0] == FAILED, verb


def test_nobody_there_is_a_failure(run, monkeypatch):
    monkeypatch.setenv("MAPRED_NAMENODE", "127.0.0.1:1")
    for verb, words in NOBODY_THERE.items():
        code, told = run(group_of(verb), f"{verb} {words}")
        assert (code, "127.0.0.1:1" in told) == (FAILED, True), verb


def test_what_cant_be_meant_is_refused(run):
    for verb in (*VERBS, *COMMANDS):
        # A mode may begin with "-".
        words = "--no" if verb == "chmod" else "--no x x"
        assert run(group_of(verb), f"{verb} {words}")[0] == REFUSED, verb
    for group, lines in NONSENSE.items():
        for line in lines:
            assert run(group, line)[0] == REFUSED, line


def test_no_answer_is_no_answer(run, monkeypatch):
    for verb, words in NO_ANSWER.items():
        assert run(group_of(verb), f"{verb} {words}")[0] == REFUSED, verb
    assert run("fs", "test -e /t/no")[0] == FAILED
    monkeypatch.setenv("MAPRED_NAMENODE", "127.0.0.1:1")
    code, told = run("fs", "test -e /t/f")
    assert (code, "no NameNode at 127.0.0.1:1" in told) == (REFUSED, True)
    assert run("admin", "fsck /")[0] == REFUSED
