"""The table of commands against the commands."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from mapred_cli.main import COMMANDS, cli


def _commands(command, path=()):
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            yield from _commands(child, (*path, name))


ALL = dict(_commands(cli))


def test_every_command_of_the_table_exists():
    assert {path[0] for path in ALL if path} == set(COMMANDS)


@pytest.mark.parametrize("path", [path for path in ALL if path], ids=" ".join)
def test_every_command_helps_with_an_example(path):
    result = CliRunner().invoke(cli, [*path, "--help"])

    assert result.exit_code == 0
    assert f"mapred {' '.join(path)}" in result.output.replace("Usage: ", "", 1)
    examples = [line for line in result.output.splitlines()[1:] if "mapred " in line]
    assert examples, "no example"


def test_an_unknown_command_is_refused():
    result = CliRunner().invoke(cli, ["frobnicate"])

    assert result.exit_code == 2
    assert "No such command 'frobnicate'" in result.output


def test_submit_takes_a_priority_as_hadoop_writes_it(tmp_path):
    command = ["submit", "--local", "--priority", "VERY_HIGH", str(tmp_path / "nowhere.py"), "in"]
    assert "nowhere.py does not exist" in str(CliRunner().invoke(cli, command).exception)


def test_submit_names_the_priorities_that_there_are():
    result = CliRunner().invoke(cli, ["submit", "--priority", "urgent", "job.py", "in"])
    assert result.exit_code == 2
    assert "'urgent' is none of very-low, low, normal, high, very-high" in result.output


def test_an_interrupted_command_waits_for_no_thread_that_it_has_left():
    program = """
import threading
from mapred_cli import errors, main

def run(command, arguments):
    threading.Thread(target=threading.Event().wait).start()
    print("stopped", end="")
    return errors.INTERRUPTED

errors.run = run
main.main([])
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (130, "stopped")


def test_a_command_ends_its_process_without_taking_the_interpreter_apart():
    program = """
import atexit, sys, threading, time
from mapred_cli import errors, main

class Last:
    def __del__(self):
        print("taken apart")

last = Last()

def run(command, arguments):
    ended = threading.Event()
    threading.Thread(target=lambda: (ended.wait(), print("thread"))).start()
    atexit.register(print, "exit handler")
    ended.set()
    return 3

errors.run = run
main.main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (3, "thread\nexit handler\n")
