"""What stays beside the records that a loop carries on: values by key that no round changes.

The loop's `placement` is a job that goes before its first round, with as many reducers as the loop
and the same partitions. What its reducers yield is a file a partition:

    OUTPUT/_loop/<lineage>/placed/part-r-00003.packed

A task that asks for it (`self.ctx.placed`) reads its partition's, and the process keeps it with
what else is pinned (invariants.py). A partition's tasks go to the tracker and the process that had
it. Where that isn't to be, since a tracker has died or is busy, another reads the file.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NoReturn

from mapred.errors import InputError
from mapred.formats.packed import PackedReader
from mapred.formats.port import RecordBatch
from mapred.iterative.carried import carry_settings
from mapred.iterative.invariants import PINNED
from mapred.iterative.status import CARRIED
from mapred.iterative.taken import bytes_of
from mapred.model import JobSpec, Split, TaskId, TaskKind
from mapred.storage import storage_for
from mapred.storage.uris import join

_FORMAT: Final = "packed"
_NO_PLACEMENT: Final = (
    "nothing is placed for this job. self.ctx.placed is for loops with  carries = True  and a "
    "placement"
)
_OPENING: Final = (
    "what is placed belongs to partitions, and a mapper of the loop's input has none. The loop's "
    "mapper, its reducer and its ending can ask for it"
)


class Table(dict[Any, Any]):
    """The values of a partition by key. It is there for all rounds: it can't be changed."""

    def __init__(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        super().__init__(pairs)
        # About what it takes in memory.
        self.nbytes = sys.getsizeof(self) + bytes_of((list(self), list(self.values())))

    def __reduce__(self) -> tuple[Any, ...]:
        return Table, (list(self.items()),)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("what is placed is the same in all rounds, and can't be changed")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse


def placed_for(
    spec: JobSpec,
    partition: int,
    folder: str,
    count: Callable[[str, str, int], None],
) -> Mapping[Any, Any]:
    """What the task of that partition has. `folder` is on a disk for what has no room in memory.

    Raises:
        AttributeError: nothing is placed for it.
        InputError: the placement has two values for a key, or its file is damaged.
    """
    own = carry_settings(spec.settings) if CARRIED in spec.settings else None
    if own is None or not own.placed_uri:
        raise AttributeError(_NO_PLACEMENT)
    if own.sources is None and not own.restores:
        raise AttributeError(_OPENING)
    split = Split(join(own.placed_uri, _name(partition)), 0, 0, format=_FORMAT)
    reader = PINNED.reader(spec, split, lambda: _Reader(split), folder=folder)
    [(_, [table])] = list(reader.batches())
    for name, amount in reader.counters().items():
        count(_FORMAT, name, amount)
    return table  # type: ignore[no-any-return]


def _name(partition: int) -> str:
    from mapred.task.commit import part_name

    return part_name(TaskId("", TaskKind.REDUCE.value, partition), ".packed")


class _Reader:
    """A partition's file, as one record: the table."""

    def __init__(self, split: Split) -> None:
        self._split = split
        self.bytes_read = 0

    def batches(self) -> Iterator[RecordBatch]:
        reader = PackedReader(self._split, storage_for(self._split.uri))
        table: dict[Any, Any] = {}
        for keys, values in reader.batches():
            for key, value in zip(keys, values, strict=True):
                if key in table:
                    raise InputError(
                        f"{self._split.uri}: the loop's placement has yielded two values for the "
                        f"key {key!r}. Its reducer must yield one for each"
                    )
                table[key] = value
        yield [0], [Table(table.items())]

    def counters(self) -> Mapping[str, int]:
        return {}
