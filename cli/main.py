"""The `mapred` command: finds the subcommand and imports only that one.

`mapred --help` must feel instant, so the table below has each command's first help line,
and a command's module (with gRPC, pyarrow, rich behind it) is imported when it runs.
"""

import atexit
import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import click

# Name → module in this package, object in it, first line of its help.
COMMANDS: Final[dict[str, tuple[str, str, str]]] = {
    "submit": ("submit", "submit", "Run a job: on a cluster, or on this machine alone."),
    "resume": ("resume", "resume", "Go on with a loop whose command or cluster died."),
    "streaming": ("streaming", "streaming", "Run a job of programs, as Hadoop Streaming does."),
    "fs": ("fs", "fs", "Files of the block store: ls, put, get, cat, rm, …"),
    "job": ("job", "job", "Jobs of a cluster: list, status, kill, counters, …"),
    "queue": ("queue", "queue", "Pools of a cluster: list, info."),
    "cluster": ("cluster", "cluster", "A cluster on this machine: up, status, down."),
    "admin": ("admin", "admin", "The state of store and nodes: report, fsck, decommission, …"),
    "namenode": ("serve", "namenode", "Run the server that knows every file's name and place."),
    "datanode": ("serve", "datanode", "Run a server that holds blocks."),
    "jobtracker": ("serve", "jobtracker", "Run the server that schedules jobs."),
    "tasktracker": ("serve", "tasktracker", "Run a server that runs tasks."),
    "web": ("web", "web", "Show a cluster in a browser."),
}


class LazyGroup(click.Group):
    """A group whose subcommands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(f".{module}", __package__), attribute)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        from .errors import PipeClosed

        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise PipeClosed from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(f"mapred {version('mapred')}")
    ctx.exit()


@click.group(cls=LazyGroup, context_settings={"max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """MapReduce jobs and an HDFS-like block store, in Python.

    \b
    Run a job on this machine:     mapred submit wordcount.py book.txt
    Start a cluster and use it:    mapred cluster up
                                   mapred fs put book.txt /books/book.txt
                                   mapred submit wordcount.py /books -o /counts

    Every command has an example in its --help.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: runs a command and exits with its code (see errors.py)."""
    from .errors import INTERRUPTED, TERMINATED, run

    ending = _Ending()
    if arguments is None:
        # Before any other, so that it's called after all of them.
        atexit.register(ending.at_exit)
    code = run(cli, sys.argv[1:] if arguments is None else list(arguments))
    if code in (INTERRUPTED, TERMINATED):
        _end_at_once(code)
    ending.code = code
    sys.exit(code)


class _Ending:
    """Spares a process that has come to its end 50 to 80 ms: the interpreter, which would take
    itself apart object by object. Threads have ended then, and exit handlers have run."""

    code: int | None = None

    def at_exit(self) -> None:
        if self.code is None:
            return
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError):
            # The interpreter tries once more, and has words and a code for it.
            return
        os._exit(self.code)


def _end_at_once(code: int) -> NoReturn:
    """What had to be closed is closed. Threads may still be in the middle of a call, though, and
    the interpreter's end waits for some of them for ever."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
