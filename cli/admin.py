"""`mapred admin`: the block store as its administrator sees it, with the words of `hdfs dfsadmin`.

To add a command, write it in a module of admin_commands/ and name it in COMMANDS.
"""

import importlib
from typing import Final

import click

from .store import namenode_option

# Command → "module:object" in this package; the module is imported when the command is used.
COMMANDS: Final[dict[str, str]] = {
    "report": "admin_commands.report:report",
    "safemode": "admin_commands.safemode:safemode",
    "fsck": "admin_commands.fsck:fsck",
    "decommission": "admin_commands.duties:decommission",
    "maintenance": "admin_commands.duties:maintenance",
    "recommission": "admin_commands.duties:recommission",
    "forget": "admin_commands.duties:forget",
    "balancer": "admin_commands.balancer:balancer",
    "trackers": "admin_commands.trackers:trackers",
    "drain-tracker": "admin_commands.trackers:drain_tracker",
    "undrain-tracker": "admin_commands.trackers:undrain_tracker",
    "journal": "journal:journal",
    "image": "journal:image",
}


class AdminGroup(click.Group):
    """Takes `-report` for `report`, as Hadoop's command does."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(f".{module}", __package__), name)
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = [
            word[1:] if word.startswith("-") and word[1:] in COMMANDS else word for word in args
        ]
        return super().parse_args(ctx, words)


@click.group(cls=AdminGroup)
@namenode_option
@click.pass_context
def admin(ctx: click.Context, namenode: str | None) -> None:
    """The block store's state, its nodes, and the TaskTrackers.

    \b
    mapred admin report
    mapred admin safemode why
    mapred admin fsck / --racks
    mapred admin decommission 10.0.0.4:9866 --wait
    mapred admin balancer start

    \b
    Exit codes
      0  done
      1  it failed or was refused; of fsck and journal recover: there is damage
      2  the command line can't be meant; of these two also: it can't be told
    """
    ctx.obj = namenode
