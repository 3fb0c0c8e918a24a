"""Ready-made reducers that are right as combiners too: a part's result is a value again."""

from collections.abc import Iterator
from typing import Any

from mapred.records import Reducer


class Sum(Reducer):
    """The sum of a key's values."""

    def reduce(self, key: Any, values: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
        yield key, sum(values)


class Min(Reducer):
    """The least of a key's values."""

    def reduce(self, key: Any, values: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
        yield key, min(values)


class Max(Reducer):
    """The greatest of a key's values."""

    def reduce(self, key: Any, values: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
        yield key, max(values)
