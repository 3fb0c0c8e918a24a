"""A combiner's values by key, in two shapes; both keep the order in which they came.

    Counted     all values are one and the same (the 1 of a count): per key only how many
    Listed      any values: a list per key

Python's dict takes 1, 1.0 and True for one key, while in the order of keys True is another.
So only str and bytes are keys of a dict here; other keys gather under their encoding.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import repeat
from typing import Any, Final, TypeAlias

from mapred.shuffle.keys import encode
from mapred.task.pairs import Chunk, explained

# (key, how many values, the values)
Gathered: TypeAlias = tuple[Any, int, Iterator[Any]]

_UNCONFUSED: Final = frozenset({str, bytes})
# Values of these types that are equal are the same to everybody.
_CONSTANTS: Final = frozenset({int, str, bytes, bool, type(None)})


class Counted:
    """How often each key came, all with one value."""

    def __init__(self) -> None:
        self._counts: Counter[Any] = Counter()
        self._value: Any = None

    def add(self, chunk: Chunk) -> bool:
        """False, and nothing taken, when there is a second value or a key that isn't str or bytes.

        A few passes over the chunk in C cost a third of a list's append per pair.
        """
        try:
            keys, values = zip(*chunk, strict=True)
        except (TypeError, ValueError):
            return False
        value = self._value if self._counts else values[0]
        if values.count(value) != len(values) or set(map(type, values)) != {type(value)}:
            return False
        if type(value) not in _CONSTANTS or not _UNCONFUSED.issuperset(map(type, keys)):
            return False
        self._value = value
        self._counts.update(keys)
        return True

    def groups(self) -> Iterator[Gathered]:
        for key, number in self._counts.items():
            yield key, number, repeat(self._value, number)

    def __len__(self) -> int:
        return len(self._counts)


class _Lists(dict[Any, list[Any]]):
    """Lists by key; what isn't str or bytes is kept apart."""

    def __init__(self) -> None:
        super().__init__()
        self.others: dict[bytes, tuple[Any, list[Any]]] = {}

    def __missing__(self, key: Any) -> list[Any]:
        if isinstance(key, str | bytes):
            values: list[Any] = []
            self[key] = values
            return values
        return self.others.setdefault(encode(key), (key, []))[1]


class Listed:
    """All values of each key."""

    def __init__(self, earlier: Counted) -> None:
        self._lists = _Lists()
        for key, _, values in earlier.groups():
            self._lists[key] = list(values)

    def add(self, chunk: Chunk) -> None:
        """Raises RecordError for a key without order, or something that is no pair."""
        lists = self._lists
        try:
            for key, value in chunk:
                lists[key].append(value)
        except (TypeError, ValueError) as error:
            raise explained(error, chunk) from None

    def __len__(self) -> int:
        """How many keys."""
        return len(self._lists) + len(self._lists.others)

    def groups(self) -> Iterator[Gathered]:
        for key, values in self._lists.items():
            yield key, len(values), iter(values)
        for key, values in self._lists.others.values():
            yield key, len(values), iter(values)
