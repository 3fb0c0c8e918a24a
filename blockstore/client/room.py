"""Where a reader would like to have the next piece: whoever can put it there spares a copy."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_NOWHERE: Final = memoryview(b"")


class Room:
    """For one thread at a time."""

    def __init__(self) -> None:
        self._target = _NOWHERE
        self._piece = _NOWHERE

    @property
    def size(self) -> int:
        return len(self._target)

    @contextmanager
    def offered(self, target: memoryview) -> Iterator[None]:
        """As long as this lasts; `target` may be overwritten beyond the piece."""
        self._target = target
        try:
            yield
        finally:
            self._target = self._piece = _NOWHERE

    def take(self, length: int) -> memoryview:
        """Its first bytes, for a piece of that length."""
        self._piece = self._target[:length]
        return self._piece

    def has(self, piece: memoryview) -> bool:
        """Whether the piece lies there, and not in memory of its own."""
        return piece is self._piece
