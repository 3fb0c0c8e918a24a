"""Groups of keys that begin alike: secondary sort.

Keys are tuples, sorted whole; a group is what has the same first `count` elements. Its key
is that element, or the tuple of them when they are several, and its values come in the order
of the whole keys.
"""

from collections.abc import Collection, Iterable, Iterator
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa

from mapred.shuffle.columns import Kind, key_column
from mapred.shuffle.keys import encode, head_of
from mapred.shuffle.sorter import PartitionFunction


def by_prefix(
    groups: Iterable[tuple[Any, Iterator[Any]]], count: int
) -> Iterator[tuple[Any, Iterator[Any]]]:
    """(beginning of the keys, values of them all); a group may be larger than memory."""
    if not count:
        yield from groups
        return
    # Encoded: in Python True equals 1, and NaN doesn't equal itself.
    for _, run in groupby(groups, lambda group: encode(head_of(group[0], count))):
        key, values = next(run)
        more = map(itemgetter(1), run)  # noqa: B031  (the first was taken, these are the rest)
        yield head_of(key, count), chain(values, chain.from_iterable(more))


def partition_by_prefix(inner: PartitionFunction, count: int) -> PartitionFunction:
    """The reducers of the keys' beginnings."""
    if not count:
        return inner

    def targets(keys: Collection[Any], _: Kind, __: pa.Array) -> Any:
        heads = [head_of(key, count) for key in keys]
        return inner(heads, *key_column(heads)[:2])

    return targets
