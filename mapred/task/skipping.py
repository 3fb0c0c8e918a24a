"""Records that a map sets aside: malformed ones, and those that the user's map fails on.

Off unless the job asks for it (`on_bad_record`, `on_error`: "skip"). Each record that is set
aside is counted ("skipped": bad_records, failed_records) and kept as a line of JSON under
OUTPUT/_skipped/: its file, offset, reason and content. Nothing of a record on which `map` has
failed is emitted, also what it had yielded before.

The budget is of a task: more than `skipped_max` records, or at its end more than the share
`skipped_share` of all that it has seen, fail the attempt. Unlike Hadoop's, records are
skipped in the first attempt: what fails here is an exception, not a process that died.
Mappers of batches and blocks have no records to skip: there, both fail.
"""

import json
from collections.abc import Callable
from typing import Any, Final

from mapred.errors import InputError
from mapred.formats.badrecords import REFUSED, described
from mapred.model import SKIPPING, Split
from mapred.task.context import TaskContext
from mapred.task.failure import sample_of
from mapred.usercode import one_line

BAD: Final = "bad_records"
FAILED: Final = "failed_records"
_GROUP: Final = "skipped"

Map = Callable[[Any, Any], Any]


class Skipping:
    """What one map task sets aside; takes the place of a reader's `BadRecords`."""

    def __init__(self, context: TaskContext) -> None:
        wishes = json.loads(context.job.settings.get(SKIPPING, "{}"))
        self._ctx = context
        self._bad: bool = wishes.get("bad", False)
        self._errors: bool = wishes.get("errors", False)
        self._most: int = wishes.get("max", 0)
        self._share: float = wishes.get("share", 0.0)
        self._skipped = 0

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

    def finish(self, records: int) -> None:
        """Raises InputError when too large a share of the task's records was set aside."""
        seen = max(1, records + self._ctx.counters.get((_GROUP, BAD), 0))
        if self._skipped > self._share * seen:
            raise InputError(
                f"{self._skipped} of {seen} records were skipped in this task, more than the share "
                f"of {self._share:g} that skipped_share allows"
            )

    def _set_aside(self, kind: str, uri: str, offset: int, record: Any, reason: str) -> None:
        self._skipped += 1
        if self._skipped > self._most:
            raise InputError(
                f"more than {self._most} records were skipped in this task (skipped_max). "
                f"The next one: {described(uri, offset, record, reason)}"
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
