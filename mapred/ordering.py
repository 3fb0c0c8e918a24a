"""Order of a job's output beyond one reducer's: pieces to put into a Job.

    class Sort(Job):
        mapper, reducer, partitioner = Lines, Same, TotalOrder

TotalOrder   every key of a part comes before every key of the next part. The boundaries are
             chosen when the job is submitted, from keys that the mapper makes of some records
             of up to 16 splits, always the same for the same input; they travel with the job.
             A key that has more than its share of the records gets a reducer of its own.

desc(key)    sorts the other way round: `yield desc(count), word`, or within a tuple
             `yield (user, desc(time)), event`. `reduce` gets it as it is; `key.value` is what it
             holds, and as text it is written as that.

Secondary sort is `group_by = 1` in the Job: keys are tuples, sorted as such, and `reduce` is
called once for all keys that begin with the same one element, with that as its key; 2: with
the same two, as a tuple. Reducers are chosen by this beginning.

    class Sessions(Job):
        mapper, reducer, group_by = ByUserAndTime, Session, 1
"""

import base64
import json
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from mapred.columnar import BatchMapper, BlockMapper
from mapred.errors import JobDefinitionError, MapredError
from mapred.formats import input_format
from mapred.job import Job
from mapred.jobinputs import mapper_of
from mapred.model import TOTAL_ORDER, JobSpec, Split, TaskId
from mapred.params import values_of
from mapred.records import Mapper, Partitioner
from mapred.shuffle.boundaries import choose
from mapred.shuffle.keys import Descending as Descending
from mapred.shuffle.keys import encode, head_of
from mapred.storage import storage_for
from mapred.task.context import TaskContext
from mapred.usercode import one_line, user_traceback

_SPLITS_SAMPLED: Final = 16
# For a reducer: enough that parts differ by a few percent.
_KEYS_WANTED: Final = 1_000
_KEYS_MAX: Final = 32_000
# They are chosen from so many times as many records, the first of their splits.
_RECORDS_READ: Final = 10
_SEED: Final = 20260101

desc = Descending


class TotalOrder(Partitioner):
    """Ranges of keys, in order of the parts."""

    def partition(self, key: Any, partitions: int) -> int:
        """One at a time; tasks ask for columns of keys at once."""
        from mapred.shuffle.columns import key_column
        from mapred.shuffle.ranges import ranges

        boundaries = boundaries_in(self.ctx.job)
        return int(ranges(boundaries)([key], *key_column([key])[:2])[0])


def boundaries_in(spec: JobSpec) -> list[bytes]:
    """Of a job whose boundaries were chosen."""
    return [base64.b64decode(one) for one in json.loads(spec.settings.get(TOTAL_ORDER, "[]"))]


def boundaries_setting(job: type[Job], spec: JobSpec, folder: Path) -> str:
    """The boundaries as the job carries them; runs the user's mapper on a sample.

    Raises:
        JobDefinitionError: the user's code fails.
    """
    try:
        chosen = choose(_sample(job, spec, folder), spec.reducers)
    except MapredError:
        raise
    except Exception as error:
        raise JobDefinitionError(
            f"the mapper of {job.__name__} failed on records that were to show how keys are "
            f"spread: {one_line(error)}\n{user_traceback(error, folder)}"
        ) from None
    return json.dumps([base64.b64encode(one).decode() for one in chosen])


def _sample(job: type[Job], spec: JobSpec, folder: Path) -> list[bytes]:
    rng = random.Random(_SEED)
    sample: list[bytes] = []
    files = [file for split in spec.splits for file in split.files]
    step = max(1, len(files) // _SPLITS_SAMPLED)
    chosen = files[::step][:_SPLITS_SAMPLED]
    kept = -(-min(_KEYS_WANTED * spec.reducers, _KEYS_MAX) // max(1, len(chosen)))
    for split in chosen:
        keys = list(islice(_keys(job, spec, split, folder), _RECORDS_READ * kept))
        sample += map(encode, rng.sample(keys, min(len(keys), kept)))
    return sample


def _keys(job: type[Job], spec: JobSpec, split: Split, folder: Path) -> Iterator[Any]:
    """The keys that the mapper makes of a split's first records."""
    kind = mapper_of(job, split.input)
    assert kind is not None
    mapper: Mapper = kind()
    mapper.ctx = TaskContext(
        params=values_of(job, spec.params_json),
        spec=spec,
        attempt=TaskId("job_sample", "m", 0).attempt(0),
        split=split,
        folder=folder,
    )
    mapper.setup()
    if isinstance(mapper, BatchMapper | BlockMapper):
        yield from _keys_of_columns(job, mapper, split)
        return
    reader = input_format(split.format).reader(split, storage_for(split.uri))
    for batch in reader.batches():
        for key, value in zip(*batch, strict=True):
            for pair in mapper.map(key, value) or ():
                yield head_of(pair[0], job.group_by)


def _keys_of_columns(
    job: type[Job], mapper: BatchMapper | BlockMapper, split: Split
) -> Iterator[Any]:
    from mapred.task.blocks import ColumnReader, as_rows

    for item in ColumnReader(mapper, split).yielded():
        for key in as_rows(item, type(mapper).__name__).key_list():
            yield head_of(key, job.group_by)
