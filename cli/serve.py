"""`mapred namenode|datanode|jobtracker|tasktracker`: one daemon in the foreground.

Each prints one line, "ROLE ready on HOST:PORT", on stdout, logs to stderr, and ends on
SIGTERM or Ctrl-C within seconds.
"""

from collections.abc import Callable
from typing import Any

import click

from blockstore.runtime.config import DATANODE_PORT, NAMENODE_PORT, parse_address

from .addresses import JOBTRACKER, JOBTRACKER_PORT, NAMENODE, TASKTRACKER_PORT, Role

DIRECTORY = click.Path(file_okay=False)


def _bind_options(port: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--host, --port, --insecure and --conf, alike for all four."""
    options = (
        click.option(
            "--host", default="127.0.0.1", show_default=True, help="The address to listen on."
        ),
        click.option(
            "--port",
            type=click.IntRange(0, 65535),
            default=port,
            show_default=True,
            help="The port to listen on; 0: a free one, told in the ready line.",
        ),
        click.option(
            "--insecure",
            is_flag=True,
            help="Listen beyond this machine without a cluster secret.",
        ),
        click.option(
            "--conf",
            "settings",
            metavar="NAME=VALUE",
            multiple=True,
            help="A setting of the daemon; may be repeated. An unknown one lists them all.",
        ),
    )

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _master_option(role: Role) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def parsed(_: click.Context, __: click.Parameter, text: str) -> str:
        host, port = parse_address(text, role.port)
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    return click.option(
        role.option,
        metavar="HOST:PORT",
        envvar=role.variable,
        required=True,
        callback=parsed,
        help=f"The {role.title} to report to.",
        show_envvar=True,
    )


advertise_option = click.option(
    "--advertise",
    metavar="HOST",
    help="The name others reach this machine by, when that isn't --host.",
)


@click.command()
@click.option("--dir", "directory", type=DIRECTORY, required=True, help="Journal and images.")
@click.option(
    "--format",
    is_flag=True,
    help="Make a new namespace beside files that are no namespace; never erases one.",
)
@click.option(
    "--topology-script",
    type=click.Path(exists=True, dir_okay=False, executable=True, resolve_path=True),
    help="A program that is called with DataNodes' hosts and prints the rack of each, a line "
    "each. Without it each DataNode's --rack counts.",
)
@_bind_options(NAMENODE_PORT)
def namenode(directory: str, host: str, port: int, **options: Any) -> int:
    """Run the server that knows every file's name and place.

    \b
    mapred namenode --dir /data/namenode
    mapred namenode --dir /data/namenode --topology-script /etc/mapred/racks.sh

    An empty directory becomes a new namespace.
    """
    from blockstore.namenode import daemon

    return daemon.run(directory, host, port, **options)


@click.command()
@click.option(
    "--dir",
    "directories",
    type=DIRECTORY,
    required=True,
    multiple=True,
    help="A volume for blocks; may be repeated, one per disk.",
)
@_master_option(NAMENODE)
@advertise_option
@click.option(
    "--rack",
    default="/default",
    show_default=True,
    help="Where the machine stands, a path such as /room-2/rack-7: copies of a block are spread "
    "over racks.",
)
@_bind_options(DATANODE_PORT)
def datanode(
    directories: tuple[str, ...], namenode: str, host: str, port: int, **options: Any
) -> int:
    """Run a server that holds blocks.

    \b
    mapred datanode --dir /disk1/blocks --dir /disk2/blocks --namenode 10.0.0.1:8020
    """
    from blockstore.datanode import daemon

    return daemon.run(directories, namenode, host, port, **options)


@click.command()
@_master_option(NAMENODE)
@_bind_options(JOBTRACKER_PORT)
def jobtracker(namenode: str, host: str, port: int, **options: Any) -> int:
    """Run the server that schedules jobs.

    \b
    mapred jobtracker --namenode 10.0.0.1:8020
    """
    from mapred.jobtracker import daemon

    return daemon.run(namenode, host, port, **options)


@click.command()
@_master_option(JOBTRACKER)
@_master_option(NAMENODE)
@click.option(
    "--dir",
    "directories",
    type=DIRECTORY,
    required=True,
    multiple=True,
    help="Scratch space of tasks; may be repeated, one per disk.",
)
@click.option(
    "--slots",
    type=click.IntRange(1, 1000),
    help="Tasks at once [default: the number of processors].",
)
@advertise_option
@click.option(
    "--rack",
    default="",
    help="Where the machine stands, a path such as /room-2/rack-7: tasks run near their input. "
    "Without it the rack counts that the block store has for a DataNode on this host.",
)
@_bind_options(TASKTRACKER_PORT)
def tasktracker(
    jobtracker: str,
    namenode: str,
    directories: tuple[str, ...],
    host: str,
    port: int,
    slots: int | None,
    **options: Any,
) -> int:
    """Run a server that runs tasks.

    \b
    mapred tasktracker --jobtracker 10.0.0.1:8021 --namenode 10.0.0.1:8020 \\
        --dir /disk1/tasks --dir /disk2/tasks
    """
    import os

    from mapred.tasktracker import daemon

    count = slots or os.cpu_count() or 1
    return daemon.run(jobtracker, namenode, directories, host, port, slots=count, **options)
