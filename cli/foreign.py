"""Options of Hadoop that mean nothing here: refused by name, with what to do instead."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

# Of the group itself, before the verb.
GENERIC: Final = {
    "-D": "Hadoop's properties have no meaning here; the options of a verb say what can be chosen",
    "-conf": "there are no configuration files of clients; see the options of the verb",
    "-jt": "no verb of mapred fs needs a JobTracker",
    "-files": "it is for jobs; see  mapred streaming --help",
    "-libjars": "there are no jars",
    "-archives": "it is for jobs; see  mapred streaming --help",
}

_CHECKSUMS: Final = "checksums are always compared, and lie in the block store alone"


def _refused(option: str, why: str) -> Callable[[Command], Command]:
    def refuse(context: click.Context, _: click.Parameter, given: bool) -> None:
        if given:
            context.fail(f"{option}: {why}")

    return click.option(
        option, is_flag=True, hidden=True, is_eager=True, expose_value=False, callback=refuse
    )


def without_checksums(command: Command) -> Command:
    return _refused("-ignoreCrc", _CHECKSUMS)(command)


def with_checksum_files(command: Command) -> Command:
    return _refused("-crc", _CHECKSUMS)(command)


def by_storage(command: Command) -> Command:
    """What Hadoop's `count` has beyond sums and quotas."""
    command = _refused("-t", "there are no storage types")(command)
    command = _refused("-s", "there are no snapshots")(command)
    return _refused("-e", "there are no erasure coding policies; all blocks are copies")(command)


def in_new_block(command: Command) -> Command:
    return _refused("-n", "what is added goes on in the file's last block")(command)
