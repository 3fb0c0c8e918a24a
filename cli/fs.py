"""`mapred fs`: the block store's files, with the words of `hdfs dfs` (`-ls` works like `ls`).

To add a verb, write its command in a module of verbs/ and name it in VERBS.
"""

import difflib
import importlib
import os
from typing import Any, Final

import click

from blockstore.errors import UnreachableException

from . import complaints, foreign
from .errors import DEBUG_VARIABLE, CommandError, explain
from .store import SCHEME, is_uri, namenode_option

# Verb → "module:object" in verbs/, which is imported when the verb is used: `ls` must feel instant.
VERBS: Final[dict[str, str]] = {
    "appendToFile": "append:append_to_file",
    "cat": "read:cat",
    "checksum": "checksum:checksum",
    "chgrp": "attributes:chgrp",
    "chmod": "attributes:chmod",
    "chown": "attributes:chown",
    "concat": "concat:concat",
    "copyFromLocal": "transfer:copy_from_local",
    "copyToLocal": "transfer:copy_to_local",
    "count": "usage:count",
    "cp": "copy:cp",
    "df": "usage:df",
    "du": "usage:du",
    "expunge": "change:expunge",
    "find": "find:find",
    "get": "transfer:get",
    "getmerge": "transfer:getmerge",
    "head": "read:head",
    "help": "help:help_",
    "lease": "lease:lease",
    "ls": "show:ls",
    "mkdir": "change:mkdir",
    "moveFromLocal": "transfer:move_from_local",
    "mv": "change:mv",
    "put": "transfer:put",
    "rm": "change:rm",
    "rmdir": "change:rmdir",
    "setrep": "replication:setrep",
    "stat": "show:stat",
    "tail": "tail:tail",
    "test": "show:test",
    "text": "read:text",
    "touch": "attributes:touch",
    "touchz": "change:touchz",
    "truncate": "truncate:truncate",
    "usage": "help:usage",
}

# Hadoop's old words for a verb with an option.
ALIASES: Final = {"rmr": ("rm", "-r"), "lsr": ("ls", "-R"), "dus": ("du", "-s")}


class VerbGroup(click.Group):
    """Takes `-ls` for `ls`, and Hadoop's old words; says what somebody may have meant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name].partition(":")
        command = getattr(importlib.import_module(f".verbs.{module}", __package__), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in VERBS:
            ctx.fail(f"'{args[0]}': no such verb; {self._nearest(args[0])}")
        return super().resolve_command(ctx, args)

    @staticmethod
    def _nearest(word: str) -> str:
        by_lower = {verb.lower(): verb for verb in VERBS}
        near = difflib.get_close_matches(word.strip("-").lower(), by_lower, n=1)
        if near:
            return f"did you mean '{by_lower[near[0]]}'? All verbs:  mapred fs --help"
        return "see them all:  mapred fs --help"

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (BrokenPipeError, UnreachableException):
            raise
        except (OSError, CommandError) as error:
            if os.environ.get(DEBUG_VARIABLE):
                raise
            complaints.tell("", error)
            return explain(error)[1]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, self._in_our_words(list(args)))

    @staticmethod
    def _as_namenode(args: list[str]) -> list[str]:
        """Hadoop's generic options, which stand before the verb: -fs is our --namenode."""
        if not args or (args[0] != "-fs" and args[0] not in foreign.GENERIC):
            return args
        if args[0] != "-fs":
            raise click.UsageError(f"{args[0]}: {foreign.GENERIC[args[0]]}")
        if len(args) < 2 or not is_uri(args[1]):
            raise click.UsageError(f"-fs: name a block store:  -fs {SCHEME}HOST:PORT")
        return ["--namenode", args[1].removeprefix(SCHEME).partition("/")[0], *args[2:]]

    def _in_our_words(self, args: list[str]) -> list[str]:
        args = self._as_namenode(args)
        position = 0
        while position < len(args) and args[position].startswith("--"):
            takes_value = args[position] == "--namenode"
            position += 2 if takes_value else 1
        if position >= len(args):
            return args
        word = args[position].removeprefix("-")
        if word in ALIASES:
            return [*args[:position], *ALIASES[word], *args[position + 1 :]]
        if word not in VERBS:
            # Whatever it is, it's no option: the group has only long ones.
            return [*args[:position], "--", *args[position:]]
        return [*args[:position], word, *args[position + 1 :]]


@click.group(cls=VerbGroup)
@namenode_option
@click.pass_context
def fs(ctx: click.Context, namenode: str | None) -> None:
    """Files of the block store.

    \b
    mapred fs mkdir -p /books
    mapred fs put moby.txt ulysses.txt /books
    mapred fs ls -h '/books/*.txt'
    mapred fs cat /counts/part-r-00000 | head

    Hadoop's spellings work, too: mapred fs -ls /books. A path may name its store:
    bs://HOST:PORT/books.

    \b
    Exit codes
      0  done
      1  something failed or was refused: it was told, and the rest is done
      2  the command line can't be meant: nothing was done
    """
    ctx.obj = namenode
