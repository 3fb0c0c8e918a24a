"""Boundaries between reducers that each get about as many records; without numpy, for clients."""

from collections import Counter
from collections.abc import Iterable


def choose(sample: Iterable[bytes], partitions: int) -> list[bytes]:
    """Boundaries between reducers, at most `partitions` - 1; `sample` has encoded keys.

    A key that is itself a fair share or more has a reducer of its own, and the others share
    what is left: a hot key doesn't take its neighbours along.
    """
    counts = sorted(Counter(sample).items())
    left, held = sum(number for _, number in counts), 0
    boundaries: list[bytes] = []
    for key, number in counts:
        share = left / (partitions - len(boundaries))
        # Ended here, it is nearer to its share than with this key.
        if held and len(boundaries) < partitions - 1 and held + number / 2 > share:
            boundaries.append(key)
            left, held = left - held, 0
        held += number
    return boundaries
