"""User code, record by record: what a job's mapper, reducer, combiner and partitioner are.

`map`, `reduce` and `cleanup` return (key, value) pairs: as a generator, as any iterable of
pairs, or None for none. An instance lives as long as its task attempt; the order of calls
is `setup`, then `map` or `reduce` for every record or group, then `cleanup`.

What has been yielded belongs to the engine: a list or dict that goes on changing after it was
yielded may arrive in its later state.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from mapred.task.context import TaskContext

Pairs: TypeAlias = Iterable[tuple[Any, Any]] | None


class Mapper:
    """Turns input records into pairs."""

    ctx: TaskContext

    def setup(self) -> None:
        """Before the first record."""

    def map(self, key: Any, value: Any) -> Pairs:
        """One record; for text, `key` is the line's byte offset and `value` the line."""
        raise NotImplementedError(f"{type(self).__name__} has no map(self, key, value)")

    def cleanup(self) -> Pairs:
        """After the last record."""
        return None


class Reducer:
    """Turns all values of a key into pairs. As a combiner: some values of a key, in a map task.

    A combiner is called any number of times for a key, never mind how its values fall into
    the calls, so it must yield what its reducer takes: pairs with the same key.
    """

    ctx: TaskContext

    def setup(self) -> None:
        """Before the first group."""

    def reduce(self, key: Any, values: Iterator[Any]) -> Pairs:
        """One group; `values` can be gone through once and may be larger than memory."""
        raise NotImplementedError(f"{type(self).__name__} has no reduce(self, key, values)")

    def cleanup(self) -> Pairs:
        """After the last group."""
        return None


class Partitioner:
    """Chooses the reducer of a key; a class without its own `partition` hashes the key."""

    ctx: TaskContext

    def setup(self) -> None:
        """Before the first key."""

    def partition(self, key: Any, partitions: int) -> int:
        """An int in range(partitions), the same for equal keys in every process."""
        from mapred.shuffle.partition import partition_of

        return partition_of(key, partitions)
