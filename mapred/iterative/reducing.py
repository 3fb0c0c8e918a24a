"""Where a round is reduced: in a task, or by the driver when maps leave little.

Of some hundred bytes a reduce is mostly its task: an order, a process that wakes up, a shuffle, a
report. The driver reads what a round leaves anyhow. So it runs a `Light` reducer itself, once it
knows from a round before how little there is: on the same values in the same order, so that the
state is the same, bit for bit, whoever reduced.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, cast

from mapred.engine import TRANSIENT_OUTPUT
from mapred.formats.packed import read_pairs
from mapred.inlinefiles import BYTES_MAX, inline_data, is_inline
from mapred.iterative.loop import IterativeJob
from mapred.model import JobSpec, JobStatus
from mapred.records import Reducer
from mapred.shuffle.keys import encode
from mapred.storage.port import Storage

if TYPE_CHECKING:
    from mapred.task.context import TaskContext

# Of all maps of a round together. Names of files hold it, which JobTrackers keep for a while.
LITTLE_BYTES: Final = 64 * 1024


class Light(Reducer):
    """A reducer that is quick and makes its pairs of a key and its values alone: it uses nothing
    of its `ctx` but `params`, and values are what a state may hold (packed.py)."""


class Reduction:
    """Of the rounds of one loop, one after the other."""

    def __init__(self, job: IterativeJob, spec: JobSpec, storage: Storage) -> None:
        self._job = job
        self._storage = storage
        light = job.reducer is not None and issubclass(job.reducer, Light)
        plain = job.combiner is None and not job.group_by and spec.reducers == 1
        self._may_be_here = light and plain
        # What the last round's maps left, bytes. Nobody knows before the first.
        self._left = LITTLE_BYTES + 1
        self._here = False

    def planned(self, spec: JobSpec) -> JobSpec:
        """The next round's job: without the reducer if that isn't needed."""
        self._here = self._may_be_here and self._left <= LITTLE_BYTES
        if not self._here:
            return spec
        in_name = max(BYTES_MAX, LITTLE_BYTES // len(spec.splits))
        settings = {**spec.settings, TRANSIENT_OUTPUT: str(in_name)}
        return replace(spec, reducers=0, settings=settings)

    def output(self, status: JobStatus) -> Iterator[tuple[Any, Any]]:
        """What the job's round has left, reduced."""
        name = "output_bytes" if self._here else "shuffle_bytes"
        self._left = status.counters.get(("task", name), 0)
        if self._here and self._left > LITTLE_BYTES:
            # What a shuffle moves is compressed, and says too little of what comes here.
            self._may_be_here = False
        pairs = pairs_in(status.output_files, self._storage)
        return self._reduced(pairs) if self._here else pairs

    def _reduced(self, pairs: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
        groups: dict[bytes, tuple[Any, list[Any]]] = {}
        for key, value in pairs:
            groups.setdefault(encode(key), (key, []))[1].append(value)
        assert self._job.reducer is not None
        reducer = self._job.reducer()
        reducer.ctx = cast("TaskContext", self._job.ctx)
        reducer.setup()
        for _, (key, values) in sorted(groups.items()):
            yield from reducer.reduce(key, iter(values)) or ()
        yield from reducer.cleanup() or ()


def pairs_in(uris: Iterable[str], storage: Storage) -> Iterator[tuple[Any, Any]]:
    """Of part files in order."""
    for uri in uris:
        with BytesIO(inline_data(uri)) if is_inline(uri) else storage.open_read(uri) as file:
            yield from read_pairs(file)
