"""`mapred fs`: the block store's files, with the words of `hadoop fs` (`-ls` works like `ls`)."""

from typing import Final

import click

from .fs_change import mkdir, mv, rm, setrep
from .fs_copy import cat, get, put
from .fs_show import du, ls, stat, test
from .store import namenode_option

# Hadoop's other names for the same.
ALIASES: Final = {
    "copyFromLocal": "put",
    "copyToLocal": "get",
    "rmr": "rm -r",
    "lsr": "ls -R",
    "dus": "du -s",
}


class HadoopGroup(click.Group):
    """Takes `-ls` for `ls`, and Hadoop's aliases."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, self._in_our_words(list(args)))

    def _in_our_words(self, args: list[str]) -> list[str]:
        position = 0
        while position < len(args) and args[position].startswith("--"):
            takes_value = args[position] == "--namenode"
            position += 2 if takes_value else 1
        if position >= len(args):
            return args
        word = args[position].removeprefix("-")
        words = ALIASES.get(word, word).split()
        if words[0] not in self.commands:
            return args
        return [*args[:position], *words, *args[position + 1 :]]


@click.group(cls=HadoopGroup)
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
    """
    ctx.obj = namenode


for command in (ls, put, get, cat, mkdir, mv, rm, stat, du, setrep, test):
    fs.add_command(command)
