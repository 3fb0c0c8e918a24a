"""Groups whose commands may be typed as Hadoop's options: `job -list` for `job list`."""

import importlib
from collections.abc import Mapping
from typing import ClassVar

import click


class HadoopWords(click.Group):
    """`lazy`: further commands as "module:object" in this package, imported when they're used."""

    lazy: ClassVar[Mapping[str, str]] = {}
    # Hadoop's word → ours.
    aliases: ClassVar[Mapping[str, str]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self.lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        module, _, name = self.lazy[cmd_name].partition(":")
        command = getattr(importlib.import_module(f".{module}", __package__), name)
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = list(args)
        for place, word in enumerate(words):
            bare = self.aliases.get(word.removeprefix("-"), word.removeprefix("-"))
            if word.startswith("--"):
                continue
            if bare in self.list_commands(ctx):
                # The first word that is a command; what follows is its own.
                words[place] = bare
                break
        return super().parse_args(ctx, words)
