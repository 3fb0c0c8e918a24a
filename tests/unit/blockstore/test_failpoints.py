"""Every sync, rename, finalise, image switch and acknowledgement has its failpoints, and a process
that dies at any of them loses nothing it had acknowledged. The names come from the code."""

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
# Files and statements that need none, and why.
WITHOUT = {
    "disk.py": "the port itself",
    "memorydisk.py": "the port itself",
    "faultydisk.py": "the port itself",
    "repair.py": "a tool that can be interrupted anywhere (test_repair.py)",
    "diskcheck.py": "writes a file that nobody relies on",
    "pipeline.py: yield pack_ack(self._failure)": "a refusal acknowledges nothing",
    "pipeline.py: yield pack_ack(Ack(0, 0, str(error)))": "a refusal acknowledges nothing",
    "servicer.py: yield pack_ack(Ack(0, 0, str(busy)))": "a refusal acknowledges nothing",
    "bundle.py: return pack_delivery(Delivery(0, 0, str(error)))": "a refusal, too",
    "bundle.py: return pack_delivery(Delivery(0, ack.failed_hop + 1, ack.reason))": "and this",
    "servicer.py: yield ranges.fetch(_parsed(datanode_pb2.ReadHeader(), request))": "is read",
    "daemon.py: await shell.commit.durable()": "at the start: nobody has asked anything yet",
    "commit.py: await asyncio.wait_for(self.durable(), _CLOSE_S)": "at the end: nobody waits",
    "namenode_link.py: self._stub.Register": "tells who is there, not what is durable",
    "namenode_link.py: self._stub.Heartbeat": "tells what is free, not what is durable",
    "namenode_link.py: self._stub.CopyFailed": "tells what is not durable",
}
ROLES = [ROOT / "blockstore" / role for role in ("namenode", "datanode")]
SOURCES = sorted(path for role in ROLES for path in role.glob("*.py") if path.name not in WITHOUT)
FILES = {"file", "sums", "data", "_file", "_data", "_sums"}
DISKS = {"disk", "_disk"}
BODIES = ("body", "orelse", "finalbody", "handlers", "cases")
# Frames to writers; what waits for the journal's sync, and what was told to wait.
ANSWERS = {"pack_ack", "pack_delivery", "durable", "action"}
STREAMS = {"servicer.py", "pipeline.py"}


def parts(expression):
    """Receiver and name."""
    match expression:
        case ast.Name(name):
            return "", name
        case ast.Attribute(ast.Name(receiver) | ast.Attribute(_, receiver), name):
            return receiver, name
        case ast.Attribute(_, name):
            return "", name
    return "", ""


def is_durable_step(receiver, name):
    if name == "sync":
        return receiver in FILES
    if name in ("rename", "replace", "truncate"):
        return receiver in DISKS
    return name in ("sync_names", "sync_directory")


def is_finalise_or_switch(receiver, name):
    if name == "update":
        return receiver == "_store"
    return (receiver, name) == ("image", "write")


def is_step(node, file):
    match node:
        case ast.Call(function):
            found = parts(function)
            return is_durable_step(*found) or is_finalise_or_switch(*found) or found[1] in ANSWERS
        case ast.Attribute():
            # A message to the NameNode says what is durable here.
            return parts(node)[0] == "_stub"
        case ast.Yield(ast.expr()):
            return file in STREAMS
    return False


def own(node):
    """What belongs to a statement and not to those inside it."""
    yield node
    for field, value in ast.iter_fields(node):
        if field in BODIES and isinstance(value, list):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from own(child)


def is_failpoint(statement):
    match statement:
        case ast.Expr(ast.Call(function)):
            return parts(function) == ("failpoint", "hit")
    return False


def bodies(tree):
    for node in ast.walk(tree):
        for field in BODIES:
            body = getattr(node, field, None)
            if isinstance(body, list):
                yield body


def words(path, node):
    return f"{path.name}: {ast.unparse(node)}"


def bare_steps(path):
    """Where there is a step that isn't between two failpoints."""
    for body in bodies(ast.parse(path.read_text())):
        for before, statement, after in zip([None, *body], body, [*body[1:], None], strict=False):
            # What follows a return is the caller's.
            guarded = is_failpoint(before) and (
                isinstance(statement, ast.Return) or is_failpoint(after)
            )
            if guarded or words(path, statement) in WITHOUT:
                continue
            for node in own(statement):
                if is_step(node, path.name) and words(path, node) not in WITHOUT:
                    yield f"{path.relative_to(ROOT)}:{statement.lineno}: {ast.unparse(node)}"


def names():
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Expr) and is_failpoint(node):
                (argument,) = node.value.args
                found.append(argument.value)
    return found


def test_there_is_a_failpoint_before_and_after_every_step_that_matters():
    assert [step for path in SOURCES for step in bare_steps(path)] == []


def test_nothing_is_left_out_that_is_not_there():
    there = {path.name for role in ROLES for path in role.glob("*.py")}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.stmt | ast.Attribute):
                there.add(words(path, node))
    assert WITHOUT.keys() - there == set()


def test_every_call_to_the_namenode_is_answered_by_what_waits_for_the_journal():
    """`durable` has failpoints on both sides; here is who could answer without it."""
    waiting = {"perform", "in_slices", "until_finished", "complete"}
    # Each of these is one of the other calls, or says where such may be made.
    others = {"Calls", "CallPort"}
    calls = [
        (function.name, {parts(node.func)[1] for node in own_calls(function)})
        for path in SOURCES
        if path.name.endswith("servicer.py")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.AsyncFunctionDef) and function.name[0].isupper()
    ]
    assert len(calls) > 40
    assert {name for name, called in calls if not called & waiting} == others


def own_calls(function):
    return (node for node in ast.walk(function) if isinstance(node, ast.Call))


def test_every_failpoint_has_a_name_of_its_own():
    assert len(names()) == len(set(names())) > 60


def test_a_process_that_dies_at_a_failpoint_loses_nothing_that_was_acknowledged(tmp_path):
    # Later ones of these: what was answered before is in the journal's file by then.
    places = names() + [f"shell.perform.before_durable:{time}" for time in range(2, 7)]
    half = places[::2], places[1::2]
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
    assert results.keys() == set(places)
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
