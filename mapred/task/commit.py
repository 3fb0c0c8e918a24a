"""The output of one attempt, where nobody looks: OUTPUT/_temporary/<attempt>/<name>.

The JobTracker publishes it by a rename to `final_name`, or removes `_temporary`. A small part
of transient output is no file: it is in its name (inlinefiles.py).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from mapred.engine import TRANSIENT_OUTPUT
from mapred.formats import output_format
from mapred.formats.port import ColumnWriter, RecordWriter
from mapred.inlinefiles import inline_uri
from mapred.model import LAZY_OUTPUT, AttemptId, JobSpec, TaskId
from mapred.shuffle.columns import Rows
from mapred.storage.committing import TEMPORARY
from mapred.storage.port import OutputFile
from mapred.storage.uris import join, name_of
from mapred.task.late import opened


def part_name(task: TaskId, suffix: str, name: str = "part") -> str:
    """part-m-00000 or part-r-00000, as Hadoop names them."""
    return f"{name}-{task.kind.value}-{task.index:05d}{suffix}"


class TaskFile:
    """One file of an attempt being written; ends in `commit` or `discard`.

    A lazy one begins with its first pair: without any there's no file, `temporary_uri` and
    `final_name` are empty, and nothing is to be renamed.
    """

    def __init__(
        self,
        spec: JobSpec,
        attempt: AttemptId,
        word: str,
        *,
        name: str = "part",
        lazy: bool,
        inline_bytes_max: int = 0,
        task: TaskId | None = None,
    ) -> None:
        """`task`: whose number the file bears, if it isn't the attempt's. `inline_bytes_max`: up to
        which size it is in its name."""
        self._spec, self._attempt = spec, attempt
        self._inline_bytes_max = inline_bytes_max
        self._form = output_format(word)
        # Below the attempt's folder.
        self.path = part_name(task or attempt.task, self._form.suffix, name)
        self._uri = join(spec.output_uri, TEMPORARY, str(attempt), self.path)
        self.temporary_uri = self.final_name = ""
        self._file: OutputFile | None = None
        self._writer: RecordWriter | None = None
        self.records = 0
        if not (lazy or self._form.lazy):
            self._begin()

    @property
    def bytes_written(self) -> int:
        return self._writer.bytes_written if self._writer else 0

    def write(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        if not pairs:
            return
        writer = self._writer or self._begin()
        writer.write(pairs)
        self.records += len(pairs)

    def write_rows(self, rows: Rows) -> None:
        """Records in columns, which some formats can write as such."""
        if not len(rows):
            return
        writer = self._writer or self._begin()
        if isinstance(writer, ColumnWriter) and writer.write_rows(rows):
            self.records += len(rows)
        else:
            self.write(rows.pairs())

    def commit(self) -> None:
        """The file is whole; the tracker can be told."""
        if self._writer and self._file:
            self._writer.close()
            self._file.commit()
            if isinstance(self._file, HeldFile) and self._file.held is not None:
                self.temporary_uri, self.final_name = "", inline_uri(self._file.held)

    def discard(self) -> None:
        if self._file:
            self._file.discard()

    def _begin(self) -> RecordWriter:
        self.temporary_uri, self.final_name = self._uri, name_of(self._uri)
        open_file = partial(opened, self._spec, self._attempt, self._uri)
        most = self._inline_bytes_max
        self._file = HeldFile(open_file, most) if most else open_file()
        self._writer = self._form.writer(self._file)
        return self._writer


class PartFile(TaskFile):
    """The attempt's part of the job's output."""

    def __init__(self, spec: JobSpec, attempt: AttemptId, task: TaskId | None = None) -> None:
        super().__init__(
            spec,
            attempt,
            spec.output_format,
            lazy=LAZY_OUTPUT in spec.settings,
            inline_bytes_max=int(spec.settings.get(TRANSIENT_OUTPUT, 0)),
            task=task,
        )


class HeldFile:
    """In memory while it's small enough to be in its name; then a file."""

    def __init__(self, open_file: Callable[[], OutputFile], bytes_max: int) -> None:
        self._open_file = open_file
        self._bytes_max = bytes_max
        self._file: OutputFile | None = None
        # All of it; None: it is a file.
        self.held: bytes | None = b""

    def write(self, data: bytes | bytearray | memoryview) -> int:
        if self.held is not None:
            self.held += data
            if len(self.held) <= self._bytes_max:
                return len(data)
            self._file, whole, self.held = self._open_file(), self.held, None
            self._file.write(whole)
        elif self._file:
            self._file.write(data)
        return len(data)

    def commit(self) -> None:
        if self._file:
            self._file.commit()

    def discard(self) -> None:
        if self._file:
            self._file.discard()
