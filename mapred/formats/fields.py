"""A pair as a row of named fields: what CSV, Parquet and Arrow files are written from.

- The key's fields come first, then the value's. A dict has a field per entry, a tuple one per
  element, None as a key none; anything else is one field.
- The names are those that were told. Otherwise entries of dicts have their own, single
  fields are `key` and `value`, elements of tuples `key_0`, `value_0`, and so on.
- The first pair of a file says which fields there are; all others must have the same.
"""

from collections.abc import Sequence
from typing import Any, Final

from mapred.task.failure import RecordError, sample_of

_SIDES: Final = ("key", "value")


class Fields:
    """The columns of one file's pairs."""

    def __init__(self, told: Sequence[str] = ()) -> None:
        self._told = list(told)
        self._sides: list[_Side] = []
        # Known from the first pair on, or when they were told.
        self.names: list[str] = self._told

    def columns(self, pairs: Sequence[tuple[Any, Any]]) -> list[Sequence[Any]]:
        """Of each field the values, in order of `names`; raises RecordError."""
        if not self._sides:
            self._learn(*pairs[0])
        keys, values = [key for key, _ in pairs], [value for _, value in pairs]
        try:
            return [*self._sides[0].columns(keys), *self._sides[1].columns(values)]
        except (_Unlike, KeyError, ValueError, TypeError, AttributeError):
            raise self._unlike(pairs) from None

    def _learn(self, key: Any, value: Any) -> None:
        sides = [_Side(_SIDES[0], key), _Side(_SIDES[1], value)]
        names = [name for side in sides for name in side.names]
        if self._told and len(self._told) != len(names):
            raise RecordError(
                f"{sample_of((key, value))} has {len(names)} fields, and {len(self._told)} columns "
                f"were told: {', '.join(self._told)}"
            )
        if len(set(names)) < len(names) and not self._told:
            raise RecordError(
                f"{sample_of((key, value))} has two fields of one name among {', '.join(names)}. "
                "Tell the output format its columns"
            )
        self._sides, self.names = sides, self._told or names

    def _unlike(self, pairs: Sequence[tuple[Any, Any]]) -> RecordError:
        for key, value in pairs:
            try:
                self._sides[0].columns([key])
                self._sides[1].columns([value])
            except (_Unlike, KeyError, ValueError, TypeError, AttributeError):
                return RecordError(
                    f"{sample_of((key, value))} has other fields than the first pair of this "
                    f"file, which had {', '.join(self.names)}"
                )
        raise AssertionError("each pair alone has the fields")


class _Unlike(Exception):
    """An item of another shape."""


class _Side:
    """The shape of all keys, or of all values."""

    def __init__(self, side: str, first: Any) -> None:
        self._keys: list[Any] | None = None
        self._count = -1
        if isinstance(first, dict):
            self._keys = list(first)
            self.names = [str(name) for name in first]
        elif isinstance(first, tuple):
            self._count = len(first)
            self.names = [f"{side}_{number}" for number in range(len(first))]
        else:
            self._nothing = first is None and side == "key"
            self.names = [] if self._nothing else [side]

    def columns(self, items: list[Any]) -> list[Sequence[Any]]:
        """Raises _Unlike, or what items of other shapes raise."""
        if self._keys is not None:
            if set(map(len, items)) != {len(self._keys)}:
                raise _Unlike
            return [[item[key] for item in items] for key in self._keys]
        kinds = set(map(type, items))
        if self._count >= 0:
            if any(not issubclass(kind, tuple) for kind in kinds):
                raise _Unlike
            if set(map(len, items)) != {self._count}:
                raise _Unlike
            return list(zip(*items, strict=True))
        if any(issubclass(kind, dict | tuple) for kind in kinds):
            raise _Unlike
        if not self._nothing:
            return [items]
        if kinds != {type(None)}:
            raise _Unlike
        return []
