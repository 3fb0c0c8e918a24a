"""Which of a pool's jobs goes first."""

from enum import Enum
from typing import Final


class Priority(Enum):
    """Which of a pool's jobs goes first; in fair pools `weight` is its part."""

    VERY_LOW = "very-low"
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    VERY_HIGH = "very-high"

    @property
    def weight(self) -> float:
        return _PRIORITY_WEIGHTS[self]


_PRIORITY_WEIGHTS: Final = {
    Priority.VERY_LOW: 0.25,
    Priority.LOW: 0.5,
    Priority.NORMAL: 1.0,
    Priority.HIGH: 2.0,
    Priority.VERY_HIGH: 4.0,
}


def priority_of(word: str) -> Priority:
    """Of a word as people write it; Hadoop's VERY_HIGH is our very-high.

    Raises:
        ValueError: it is none; says which there are.
    """
    try:
        return Priority(word.lower().replace("_", "-"))
    except ValueError:
        known = ", ".join(one.value for one in Priority)
        raise ValueError(f"'{word}' is none of {known}") from None
