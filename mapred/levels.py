"""Maps that stand on one another: those of a chain of stages (mapred/pipeline.py).

    level 0     reads the splits of the input
    level n     begins with a partition of every map of level n-1, fetched as a reduce does it
    reduces     fetch from the last level

Maps are numbered through all levels. A job that is no chain has one level.
"""

from collections.abc import Mapping
from itertools import accumulate
from typing import Final

from mapred.model import AttemptId, Split, TaskKind

# In JobSpec.settings: how many maps each level has, such as "40,4,4".
LEVELS: Final = "chain_levels"
NOTHING: Final = range(0)


class Levels:
    """Immutable."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        self.sizes = sizes
        self._ends = tuple(accumulate(sizes))

    def __len__(self) -> int:
        return len(self.sizes)

    def maps(self, level: int) -> range:
        """Its tasks, by their indexes."""
        end = self._ends[level]
        return range(end - self.sizes[level], end)

    def of(self, index: int) -> int:
        """The level of a map."""
        if len(self.sizes) == 1:
            return 0
        return next(level for level, end in enumerate(self._ends) if index < end)

    def feeding(self, kind: TaskKind, index: int) -> range:
        """The maps whose outputs a task begins with."""
        if kind is TaskKind.REDUCE:
            return self.maps(len(self) - 1)
        if kind is not TaskKind.MAP:
            return NOTHING
        level = self.of(index)
        return self.maps(level - 1) if level else NOTHING

    def partition(self, kind: TaskKind, index: int) -> int:
        """Which part of those outputs."""
        if kind is not TaskKind.MAP:
            return index
        return index - self.maps(self.of(index)).start

    def partitions(self, level: int, reducers: int) -> int:
        """Of the outputs of a level: one for each task that begins with them."""
        return self.sizes[level + 1] if level + 1 < len(self) else reducers


def levels_in(settings: Mapping[str, str], maps: int) -> Levels:
    """`maps`: how many a job has that is no chain."""
    sizes = settings.get(LEVELS)
    return Levels(tuple(map(int, sizes.split(","))) if sizes else (maps,))


def feeding(settings: Mapping[str, str], attempt: AttemptId, maps: int) -> range:
    """The maps that an attempt fetches from, `maps` in number."""
    return levels_in(settings, maps).feeding(attempt.kind, attempt.index)


def fetching_split(partition: int) -> Split:
    """What stands for the input of a map of a later level."""
    return Split(f"partition:{partition}", 0, 0, format="packed")
