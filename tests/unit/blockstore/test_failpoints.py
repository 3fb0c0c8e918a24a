"""Every sync and rename has its failpoints, and a process that dies at any of them loses nothing
it had acknowledged. The names come from the code."""

import ast
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from blockstore.runtime import failpoint

ROOT = Path(__file__).resolve().parents[3]
RUNS = Path(__file__).with_name("failpointruns.py")
# The ports themselves; a tool that can be interrupted anywhere (test_repair.py); and a file that
# nobody relies on.
WITHOUT = {"disk.py", "memorydisk.py", "faultydisk.py", "repair.py", "diskcheck.py"}
SOURCES = sorted(
    path
    for role in ("namenode", "datanode")
    for path in (ROOT / "blockstore" / role).glob("*.py")
    if path.name not in WITHOUT
)
FILES = {"file", "sums", "data", "_file", "_data", "_sums"}
DISKS = {"disk", "_disk"}


def called(statement):
    """Receiver and name of the method that a statement calls."""
    match statement:
        case ast.Expr(ast.Call(ast.Attribute(ast.Name(receiver), name))):
            return receiver, name
        case ast.Expr(ast.Call(ast.Attribute(ast.Attribute(_, receiver), name))):
            return receiver, name
    return "", ""


def is_durable_step(statement):
    receiver, name = called(statement)
    if name == "sync":
        return receiver in FILES
    if name in ("rename", "replace", "truncate"):
        return receiver in DISKS
    return name in ("sync_names", "sync_directory")


def is_failpoint(statement):
    return called(statement) == ("failpoint", "hit")


def bodies(tree):
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if isinstance(body, list):
                yield body


def names():
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Expr) and is_failpoint(node):
                (argument,) = node.value.args
                found.append(argument.value)
    return found


def test_there_is_a_failpoint_before_and_after_every_sync_and_rename():
    bare = [
        f"{path.relative_to(ROOT)}:{statement.lineno}"
        for path in SOURCES
        for body in bodies(ast.parse(path.read_text()))
        for before, statement, after in zip([None, *body], body, [*body[1:], None], strict=False)
        if is_durable_step(statement) and not (is_failpoint(before) and is_failpoint(after))
    ]
    assert bare == []


def test_every_failpoint_has_a_name_of_its_own():
    assert len(names()) == len(set(names())) > 60


def test_a_process_that_dies_at_a_failpoint_loses_nothing_that_was_acknowledged(tmp_path):
    half = names()[::2], names()[1::2]
    runs = [
        subprocess.Popen(
            [sys.executable, str(RUNS), str(tmp_path / str(number)), *some],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for number, some in enumerate(half)
    ]
    outputs = [run.communicate(timeout=120)[0] for run in runs]
    results = {name: wrong for output in outputs for name, wrong in json.loads(output).items()}
    assert results.keys() == set(names())
    assert {name: wrong for name, wrong in results.items() if wrong} == {}


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        ("here", -signal.SIGKILL),
        ("here:3", -signal.SIGKILL),
        ("here:4", 0),
        ("here:1:error", 1),
        ("there", 0),
    ],
)
def test_the_environment_switches_a_failpoint_on(words, ends):
    code = "from blockstore.runtime import failpoint\nfor _ in range(3): failpoint.hit('here')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, failpoint.VARIABLE: words},
        capture_output=True,
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert done.returncode == ends
