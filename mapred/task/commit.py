"""The output of one attempt, where nobody looks: OUTPUT/_temporary/<attempt>/<name>.

The JobTracker publishes it by a rename to `final_name`, or removes `_temporary`.
"""

from collections.abc import Sequence
from typing import Any, Final

from mapred.formats import output_format
from mapred.model import AttemptId, JobSpec
from mapred.storage import storage_for
from mapred.storage.uris import join

TEMPORARY: Final = "_temporary"


def part_name(attempt: AttemptId, suffix: str) -> str:
    """part-m-00000 or part-r-00000, as Hadoop names them."""
    return f"part-{attempt.kind.value}-{attempt.index:05d}{suffix}"


class PartFile:
    """One part file being written; ends in `commit` or `discard`."""

    def __init__(self, spec: JobSpec, attempt: AttemptId) -> None:
        form = output_format(spec.output_format)
        self.final_name = part_name(attempt, form.suffix)
        self.temporary_uri = join(spec.output_uri, TEMPORARY, str(attempt), self.final_name)
        storage = storage_for(self.temporary_uri)
        self._file = storage.open_write(self.temporary_uri, overwrite=True)
        self._writer = form.writer(self._file)
        self.records = 0

    @property
    def bytes_written(self) -> int:
        return self._writer.bytes_written

    def write(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        self._writer.write(pairs)
        self.records += len(pairs)

    def commit(self) -> None:
        """The file is whole; the tracker can be told."""
        self._writer.close()
        self._file.commit()

    def discard(self) -> None:
        self._file.discard()
