"""Every way a command can end: one message for a person, and one exit code.

    0    done
    1    it was tried, and failed or was refused: no such path or node, no permission, a lost block
    2    the command line can't be meant: a wrong option, value or number of arguments, a path of
         another kind of store; nothing was tried

Of some commands 1 is an answer: the job failed (submit), there is damage (fsck, journal recover),
no (fs test). What keeps these from an answer is 2, too: a missing input, nobody there. Beside that:

    130  ended by Ctrl-C (143: by SIGTERM)
    141  whoever read our output went away (`mapred fs cat big | head`)

A traceback of ours is never shown, except with MAPRED_DEBUG=1. A traceback of the user's
code is: it is the probable cause of a failed job.
"""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import click

DEBUG_VARIABLE: Final = "MAPRED_DEBUG"

FAILED: Final = 1
REFUSED: Final = 2
INTERRUPTED: Final = 130
TERMINATED: Final = 143
PIPE_CLOSED: Final = 141


class CommandError(Exception):
    """A message for the user that is complete as it is, and the code to exit with."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


class Terminated(BaseException):
    """SIGTERM came while a command held something that must be given back."""


class PipeClosed(Exception):
    """Whoever read our output went away. (Of a BrokenPipeError click makes exit code 1.)"""


def run(command: click.Command, arguments: Sequence[str]) -> int:
    """Runs the command line; returns the exit code, with every message printed."""
    try:
        result = command.main(list(arguments), prog_name="mapred", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, click.Abort):
        # The shell shows ^C without an end of line.
        print(file=sys.stderr)
        return INTERRUPTED
    except Terminated:
        return TERMINATED
    except PipeClosed:
        return _closed_pipe()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Exception as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        message, code = explain(error)
        say(message)
        return code
    return result if isinstance(result, int) else 0


def say(message: str) -> None:
    """One message on stderr; further lines of it are indented by whoever wrote them."""
    print(f"mapred: {message}", file=sys.stderr)


def hear_clients() -> None:
    """What clients have to say while they work: whom they wait for, which replica is damaged."""
    import logging

    if logging.lastResort is not None:
        logging.lastResort.setFormatter(logging.Formatter("mapred: %(message)s"))


def _closed_pipe() -> int:
    # Python flushes stdout once more at exit: let that go nowhere.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE_CLOSED


def explain(error: Exception) -> tuple[str, int]:
    """The message and the exit code for an exception of ours, or of anybody's."""
    from blockstore import errors as store_errors
    from mapred import errors as job_errors

    match error:
        case CommandError():
            return str(error), error.code
        case job_errors.RefusedError():
            return str(error), REFUSED
        case store_errors.ConfigException():
            return str(error), REFUSED
        case store_errors.UnreachableException():
            return unreachable(str(error)), FAILED
        case job_errors.NotYetError():
            return f"the JobTracker waits for {error}", FAILED
        case job_errors.MapredError() | store_errors.StoreError():
            return str(error), FAILED
        case OSError():
            return _system_words(error), FAILED
        case _:
            words = (
                f"unexpected {type(error).__name__}: {error}\n"
                "  This is a fault of mapred. Run it again with "
                f"{DEBUG_VARIABLE}=1 to see where it happened."
            )
            return words, FAILED


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """For a command whose code 1 is an answer: what keeps it from one must not be taken for that.

    Raises:
        CommandError: of an error of the block store's.
    """
    from blockstore.errors import StoreError

    try:
        yield
    except StoreError as error:
        raise CommandError(explain(error)[0], REFUSED) from error


def unreachable(what: str) -> str:
    """Who doesn't answer, and how to get somebody who does."""
    if "mapred cluster up" in what:
        return what
    return (
        f"{what}\n"
        "  Start a cluster on this machine:  mapred cluster up\n"
        "  or say where one is:              MAPRED_NAMENODE=HOST:PORT MAPRED_JOBTRACKER=HOST:PORT"
    )


def _system_words(error: OSError) -> str:
    if error.filename is None or error.strerror is None:
        return str(error) or type(error).__name__
    return f"{error.filename}: {error.strerror}"
