"""Further outputs of an attempt: what `self.ctx.output(name)` writes, and skipped records.

    errors-m-00000, errors-r-00000     a file per name and task that wrote to it
    _skipped/part-m-00000.jsonl        records that a map has set aside

They lie in the attempt's folder under _temporary, and are renamed with its part file by the
same commit; a task that writes nothing to an output has no file of it. A map of a job with
reducers may have them, too.
"""

from collections.abc import Sequence
from typing import Any, Final

from mapred.model import OUTPUT_PREFIX, AttemptId, JobSpec, TaskId
from mapred.task.commit import TaskFile

# What a writer gets at once.
_PAIRS: Final = 1024
_SKIPPED_FORMAT: Final = 'jsonl {"keys": false}'


class SideOutput:
    """One of them."""

    def __init__(self, file: TaskFile) -> None:
        self._file = file
        self._held: list[tuple[Any, Any]] = []

    @property
    def path(self) -> str:
        """Below the attempt's folder; "" as long as nothing was written."""
        return self._file.path if self._file.records else ""

    def write(self, key: Any, value: Any) -> None:
        """One pair, by the format of this output."""
        self._held.append((key, value))
        if len(self._held) == _PAIRS:
            self._flush()

    def write_all(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        self._flush()
        self._file.write(pairs)

    def commit(self) -> None:
        self._flush()
        self._file.commit()

    def discard(self) -> None:
        self._file.discard()

    def _flush(self) -> None:
        held, self._held = self._held, []
        self._file.write(held)


class SideOutputs:
    """All of an attempt."""

    def __init__(self, spec: JobSpec, attempt: AttemptId) -> None:
        self._spec = spec
        self._attempt = attempt
        self._made: dict[str, SideOutput] = {}

    def named(self, name: str) -> SideOutput:
        """Raises ValueError for a name that the job doesn't declare."""
        word = self._spec.settings.get(OUTPUT_PREFIX + name)
        if word is None:
            declared = [
                setting.removeprefix(OUTPUT_PREFIX)
                for setting in self._spec.settings
                if setting.startswith(OUTPUT_PREFIX)
            ]
            raise ValueError(
                f"the job has no output '{name}', only {sorted(declared) or 'the main one'}. "
                f'Declare it in the Job class:  outputs = {{"{name}": "text"}}'
            )
        return self._output(name, word)

    def kept(self, name: str, word: str, task: TaskId) -> SideOutput:
        """The pairs of a stage of a chain, in files called as its tasks' would be."""
        return self._output(name, word, task)

    def skipped(self) -> SideOutput:
        return self._output("_skipped/part", _SKIPPED_FORMAT)

    def commit(self) -> tuple[str, ...]:
        """The paths of what was written."""
        for output in self._made.values():
            output.commit()
        return tuple(output.path for output in self._made.values() if output.path)

    def discard(self) -> None:
        for output in self._made.values():
            output.discard()

    def _output(self, name: str, word: str, task: TaskId | None = None) -> SideOutput:
        if name not in self._made:
            file = TaskFile(self._spec, self._attempt, word, name=name, lazy=True, task=task)
            self._made[name] = SideOutput(file)
        return self._made[name]
