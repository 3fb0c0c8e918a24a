"""Programs of one attempt: where they run, what they find in their environment, how they end.

They run in a folder of the attempt's own, in which the job's files are linked, so that they open
them by name. What they make there is theirs alone; the job's files are everybody's, and are to be
read only.
"""

import os
import shlex
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mapred.model import TaskKind
from mapred.shuffle.columns import Rows
from mapred.streaming.child import Child
from mapred.streaming.contract import (
    FILES_FOLDER,
    Contract,
    contract_of,
    input_separator,
    reduce_output,
)
from mapred.streaming.linecolumns import columns_of
from mapred.streaming.properties import Properties, variable
from mapred.streaming.stderr import Stderr
from mapred.task.context import TaskContext

_FOLDER: Final = "streaming"


class Programs:
    """Starts programs; they end with the attempt."""

    def __init__(self, context: TaskContext) -> None:
        self._ctx = context
        self.contract: Contract = contract_of(context.job)
        self.properties = Properties(self.contract.properties)

    def start(self, role: str, command: str) -> Child:
        """Raises ProgramError."""
        folder = self._folder()
        child = Child(
            f"{role} '{command}'",
            _in_folder(arguments(command), folder),
            folder,
            self._environment(folder),
            Stderr(
                self.properties.text("stream.stderr.reporter.prefix", "reporter:"),
                self._ctx.count,
                self._ctx.status,
            ),
            self._ctx.alive,
            exit_code_counts=self.properties.flag("stream.non.zero.exit.is.failure", True),
        )
        self._ctx.at_end.callback(child.kill)
        return child

    def combined(self, rows: Rows) -> Iterator[tuple[bytes, bytes]]:
        """What the combiner makes of sorted rows, which it gets as a reducer would."""
        child = self.start("combiner", self.contract.combiner)
        fields = reduce_output(self.properties)
        between = input_separator(self.properties, "reduce")
        keys = [raw(key) for key in rows.key_list()]
        data = joined(keys, rows.value_list(), between)
        for said in (child.feed(data), child.finish()):
            for lines in said:
                found, values = columns_of(lines, fields)
                yield from zip(found.to_pylist(), values.to_pylist(), strict=True)

    def _folder(self) -> Path:
        folder = self._ctx.scratch / _FOLDER
        if not folder.is_dir():
            folder.mkdir(parents=True)
            for name in self.contract.files:
                (folder / name).symlink_to(self._ctx.file(f"{FILES_FOLDER}/{name}").resolve())
        return folder

    def _environment(self, folder: Path) -> dict[str, str]:
        found = {**os.environ, **self.properties.environment()}
        for name, value in self._facts(folder).items():
            found[variable(name)] = value
        return {**found, "PWD": str(folder), **self.contract.environment}

    def _facts(self, folder: Path) -> dict[str, str]:
        """What Hadoop tells of a task, under the names of today and the older ones."""
        job, attempt, split = self._ctx.job, self._ctx.attempt, self._ctx.split
        is_map = "true" if attempt.kind is TaskKind.MAP else "false"
        both = {
            ("mapreduce.job.id", "mapred.job.id"): attempt.job_id,
            ("mapreduce.job.name", "mapred.job.name"): job.name,
            ("mapreduce.job.user.name", "user.name"): job.user,
            ("mapreduce.job.reduces", "mapred.reduce.tasks"): str(job.reducers),
            ("mapreduce.job.local.dir", "job.local.dir"): str(folder),
            ("mapreduce.cluster.local.dir", "mapred.local.dir"): str(folder),
            ("mapreduce.task.id", "mapred.tip.id"): str(attempt.task),
            ("mapreduce.task.attempt.id", "mapred.task.id"): str(attempt),
            ("mapreduce.task.partition", "mapred.task.partition"): str(attempt.index),
            ("mapreduce.task.ismap", "mapred.task.is.map"): is_map,
            ("mapreduce.output.fileoutputformat.outputdir", "mapred.output.dir"): job.output_uri,
        }
        if split is not None:
            both[("mapreduce.map.input.file", "map.input.file")] = split.uri
            both[("mapreduce.map.input.start", "map.input.start")] = str(split.start)
            both[("mapreduce.map.input.length", "map.input.length")] = str(split.length)
        return {name: value for names, value in both.items() for name in names}


def arguments(command: str) -> list[str]:
    """A command's words: quotes keep blanks together, and there is no shell.

    Raises:
        ValueError: a quote isn't closed.
    """
    words = shlex.shlex(command, posix=True)
    words.whitespace_split, words.escape, words.commenters = True, "", ""
    return list(words)


def _in_folder(command: list[str], folder: Path) -> list[str]:
    """A program of the job's own comes before one on the PATH, and may be run."""
    program = folder / command[0]
    if "/" not in command[0].removeprefix("./") and program.is_file():
        mode = program.stat().st_mode
        if not mode & stat.S_IXUSR:
            program.chmod(mode | stat.S_IXUSR)
        return [str(program), *command[1:]]
    return [shutil.which(command[0]) or command[0], *command[1:]]


def raw(key: bytes | tuple[object, ...]) -> bytes:
    """The key that a program wrote; with a comparator the shuffle has it behind what sorts."""
    found = key[-1] if isinstance(key, tuple) else key
    assert isinstance(found, bytes)
    return found


def joined(keys: list[bytes], values: list[bytes], between: bytes) -> bytes:
    """Lines for a program."""
    return b"".join(
        [
            part
            for key, value in zip(keys, values, strict=True)
            for part in (key, between, value, b"\n")
        ]
    )
