"""Every way to end has one message and one code."""

import click
import pytest
from mapred_cli import errors

from blockstore.errors import ConfigException, FileNotFoundException, UnreachableException
from mapred.errors import InputError, JobFailedError, NoSuchJobError


def _run(raised):
    @click.command()
    def command():
        if raised is not None:
            raise raised

    return errors.run(command, [])


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (None, 0),
        (InputError("input '/x' does not exist"), 2),
        (ConfigException("'x' is not an address"), 2),
        (errors.CommandError("two stores", errors.REFUSED), 2),
        (click.UsageError("no such option"), 2),
        (JobFailedError("task 3 failed"), 1),
        (NoSuchJobError("no job job_7"), 1),
        (FileNotFoundException("/x doesn't exist"), 1),
        (FileNotFoundError(2, "No such file or directory", "x.txt"), 1),
        (ZeroDivisionError("division by zero"), 1),
        (KeyboardInterrupt(), 130),
        (errors.Terminated(), 143),
        (errors.PipeClosed(), 141),
    ],
    ids=repr,
)
def test_exit_codes(raised, code, capsys):
    assert _run(raised) == code
    assert "Traceback" not in capsys.readouterr().err


def test_a_message_says_who_speaks(capsys):
    _run(InputError("input '/x' does not exist"))

    assert capsys.readouterr().err == "mapred: input '/x' does not exist\n"


def test_an_unreachable_cluster_comes_with_the_way_to_start_one(capsys):
    _run(UnreachableException("10.0.0.1:8020 doesn't answer"))

    message = capsys.readouterr().err
    assert "10.0.0.1:8020" in message
    assert "mapred cluster up" in message


def test_a_fault_of_ours_says_how_to_see_more(capsys):
    _run(ZeroDivisionError("division by zero"))

    message = capsys.readouterr().err
    assert "ZeroDivisionError: division by zero" in message
    assert "MAPRED_DEBUG=1" in message


def test_with_debugging_the_traceback_is_shown(monkeypatch):
    monkeypatch.setenv("MAPRED_DEBUG", "1")

    with pytest.raises(ZeroDivisionError):
        _run(ZeroDivisionError())


def test_a_commands_own_code_is_the_exit_code():
    @click.command()
    def command():
        return 7

    assert errors.run(command, []) == 7
