"""Properties of Hadoop's configuration, `-D name=value`, that mean something here.

Each is known under its name of today and its older ones. Programs find all properties of a job in
their environment, with every letter that isn't one of a name made `_`; those that only tune
Hadoop's own machinery have no other effect, and whoever submits is told so.
"""

import re
from collections.abc import Mapping
from typing import Final

from mapred.errors import ParamError

# Name of today → older names.
OLD_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "mapreduce.job.name": ("mapred.job.name",),
    "mapreduce.job.queuename": ("mapred.job.queue.name",),
    "mapreduce.job.priority": ("mapred.job.priority",),
    "mapreduce.job.reduces": ("mapred.reduce.tasks",),
    "mapreduce.map.maxattempts": ("mapred.map.max.attempts",),
    "mapreduce.reduce.maxattempts": ("mapred.reduce.max.attempts",),
    "mapreduce.task.timeout": ("mapred.task.timeout",),
    "mapreduce.job.reduce.slowstart.completedmaps": ("mapred.reduce.slowstart.completed.maps",),
    "mapreduce.input.fileinputformat.split.maxsize": ("mapred.max.split.size",),
    "mapreduce.input.lineinputformat.linespermap": ("mapred.line.input.format.linespermap",),
    "mapreduce.input.keyvaluelinerecordreader.key.value.separator": (
        "key.value.separator.in.input.line",
    ),
    "mapreduce.output.fileoutputformat.compress": ("mapred.output.compress",),
    "mapreduce.output.fileoutputformat.compress.codec": ("mapred.output.compression.codec",),
    "mapreduce.output.textoutputformat.separator": ("mapred.textoutputformat.separator",),
    "mapreduce.job.output.key.comparator.class": ("mapred.output.key.comparator.class",),
    "mapreduce.partition.keycomparator.options": ("mapred.text.key.comparator.options",),
    "mapreduce.partition.keypartitioner.options": ("mapred.text.key.partitioner.options",),
    "mapreduce.map.output.key.field.separator": ("map.output.key.field.separator",),
    "mapreduce.job.partitioner.class": ("mapred.partitioner.class",),
    "mapreduce.job.end-notification.url": (
        "job.end-notification.url",
        "job.end.notification.url",
    ),
    "mapreduce.job.end-notification.retry.attempts": (
        "job.end-notification.retry.attempts",
        "job.end.retry.attempts",
    ),
    "mapreduce.job.end-notification.retry.interval": (
        "job.end-notification.retry.interval",
        "job.end.retry.interval",
    ),
    "mapreduce.job.end-notification.max.attempts": ("job.end-notification.max.attempts",),
    "mapreduce.job.end-notification.max.retry.interval": (
        "job.end-notification.max.retry.interval",
    ),
    "mapreduce.job.end-notification.timeout": ("job.end-notification.timeout",),
    "num.key.fields.for.partition": (),
    "stream.map.input.ignoreKey": (),
    "stream.map.input.field.separator": (),
    "stream.map.output.field.separator": (),
    "stream.num.map.output.key.fields": (),
    "stream.reduce.input.field.separator": (),
    "stream.reduce.output.field.separator": (),
    "stream.num.reduce.output.key.fields": (),
    "stream.non.zero.exit.is.failure": (),
    "stream.stderr.reporter.prefix": (),
}
_TODAY: Final = {old: new for new, names in OLD_NAMES.items() for old in names}
# Beginnings of names that belong to Hadoop: others are the user's own.
_HADOOPS: Final = ("mapred.", "mapreduce.", "stream.", "io.", "dfs.", "yarn.", "fs.", "hadoop.")
_BOOLS: Final = {"true": True, "false": False}
_ESCAPES: Final = {r"\t": "\t", r"\\": "\\"}


class Properties:
    """What was said, by the names of today."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self.said = dict(words)
        self._values = {_TODAY.get(name, name): value for name, value in words.items()}

    def text(self, name: str, default: str = "") -> str:
        return self._values.get(name, default)

    def separator(self, name: str, default: str = "\t") -> str:
        r"""As in a shell, where nobody can type a tab: `\t` is one."""
        found = self.text(name, default)
        return re.sub(r"\\[t\\]", lambda escape: _ESCAPES[escape[0]], found)

    def number(self, name: str, default: int) -> int:
        """Raises ParamError."""
        word = self._values.get(name)
        if word is None:
            return default
        if not word.isdecimal():
            raise ParamError(f"-D {name}={word}: it must be a number such as {max(1, default)}")
        return int(word)

    def fraction(self, name: str, default: float) -> float:
        """Raises ParamError."""
        word = self._values.get(name)
        try:
            found = default if word is None else float(word)
        except ValueError:
            found = -1.0
        if not 0.0 <= found <= 1.0:
            raise ParamError(f"-D {name}={word}: it must be a number from 0 to 1")
        return found

    def flag(self, name: str, default: bool) -> bool:
        """Raises ParamError."""
        word = self._values.get(name)
        if word is None:
            return default
        if word.lower() not in _BOOLS:
            raise ParamError(f"-D {name}={word}: it must be true or false")
        return _BOOLS[word.lower()]

    def without_effect(self) -> list[str]:
        """Hadoop's names that nothing here asks for."""
        return [
            name
            for name in self.said
            if name.startswith(_HADOOPS) and _TODAY.get(name, name) not in OLD_NAMES
        ]

    def environment(self) -> dict[str, str]:
        """All of them, under the names that were said and those of today."""
        both = {**self._values, **self.said}
        return {variable(name): value for name, value in both.items()}


def variable(name: str) -> str:
    """What a property is called in a program's environment."""
    return re.sub(r"[^A-Za-z0-9]", "_", name)
