"""Records that a map sets aside: malformed ones, and those that the user's map fails on.

Off unless the job asks for it (`on_bad_record`, `on_error`: "skip"). Each record that is set
aside is counted ("skipped": bad_records, failed_records) and kept as a line of JSON under
OUTPUT/_skipped/: its file, offset, reason and content. Nothing of a record on which `map` has
failed is emitted, also what it had yielded before.

The budget is of a task: more than `skipped_max` records, or at its end more than the share
`skipped_share` of all that it has seen, fail the attempt. Unlike with Hadoop,
an exception is skipped in the first attempt. A record that kills its process (a crash in C, too
much memory, standing still) is found after two failures: jobtracker/records.py has the rules.
Mappers of batches and blocks have no records to skip: there, both fail.
"""

import itertools
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

from mapred.errors import InputError
from mapred.formats.badrecords import REFUSED, described
from mapred.model import SKIPPING, RecordAt, Split
from mapred.task.context import TaskContext
from mapred.task.failure import sample_of
from mapred.task.mark import Mark
from mapred.usercode import one_line

BAD: Final = "bad_records"
FAILED: Final = "failed_records"
_GROUP: Final = "skipped"

Map = Callable[[Any, Any], Any]


class Skipping:
    """What one map task sets aside; takes the place of a reader's `BadRecords`."""

    def __init__(
        self,
        context: TaskContext,
        left_out: Collection[RecordAt] | None = None,
        folder: Path = Path(),
    ) -> None:
        wishes = json.loads(context.job.settings.get(SKIPPING, "{}"))
        self._ctx = context
        self._bad: bool = wishes.get("bad", False)
        self._errors: bool = wishes.get("errors", False)
        self._most: int = wishes.get("max", 0)
        self._share: float = wishes.get("share", 0.0)
        self._skipped = 0
        # Those that have killed a process.
        self._left_out = frozenset(left_out or ())
        self._mark = None if left_out is None else Mark(folder)

    def take(self, uri: str, offset: int, record: Any, reason: str) -> None:
        """A malformed record; raises InputError when it isn't to be skipped."""
        if not self._bad:
            REFUSED.take(uri, offset, record, reason)
        self._set_aside(BAD, uri, offset, record, reason)

    def guarded(self, map_record: Map, split: Split) -> Map:
        """The user's map, with its exceptions taken when that is asked for."""
        if not self._errors:
            return map_record

        def guarded(key: Any, value: Any) -> Any:
            try:
                pairs = map_record(key, value)
                return None if pairs is None else list(pairs)
            except Exception as error:
                offset = key if isinstance(key, int) else -1
                self._set_aside(FAILED, split.uri, offset, value, f"made {one_line(error)}")
                return None

        return guarded

    def careful(self, map_record: Map, split: Split, file: int) -> Map:
        """The map with a mark at each record, without those that have killed a process."""
        mark, numbers = self._mark, itertools.count()
        assert mark is not None

        def careful(key: Any, value: Any) -> Any:
            record = next(numbers)
            if (file, record) in self._left_out:
                offset = key if isinstance(key, int) else -1
                self._set_aside(FAILED, split.uri, offset, value, "killed the task's process")
                return None
            mark.enter(file, record)
            try:
                return map_record(key, value)
            finally:
                mark.leave()

        return careful

    def finish(self, records: int) -> None:
        """Raises InputError when too large a share of the task's records was set aside."""
        seen = max(1, records + self._ctx.counters.get((_GROUP, BAD), 0))
        if self._skipped > self._share * seen:
            raise InputError(
                f"this task has skipped {self._skipped} of {_records(seen)}, more than the "
                f"share of {self._share:g} that skipped_share allows"
            )

    def _set_aside(self, kind: str, uri: str, offset: int, record: Any, reason: str) -> None:
        self._skipped += 1
        if self._skipped > self._most:
            raise InputError(
                f"a task may skip {_records(self._most)} (skipped_max), and this would be "
                f"one more: {described(uri, offset, record, reason)}"
            )
        self._ctx.count(_GROUP, kind)
        self._ctx.side_outputs.skipped().write(
            None,
            {
                "file": uri,
                "offset": offset,
                "reason": reason,
                "record": record if isinstance(record, str) else sample_of(record),
            },
        )


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"
