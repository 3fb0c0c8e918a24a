"""Python's cycle collector in a process whose state is millions of objects without cycles.

Left to itself it looks through all of them whenever a quarter has been added: steps of a second
with a million tasks, and a third of a JobTracker's time. Here what has lasted is put aside
(`gc.freeze`): it goes by its reference counts as before, and nobody looks for cycles in it.

- What is in a call just then is put aside too, and if it ends as a cycle it stays. So that happens
  only after so much growth that this is nothing beside it.
- When no job is left all is looked through again.
"""

import gc
from typing import Final

# New objects, less those that went, until the collector looks at the youngest; ten times as many
# until it looks at those that have outlived that.
YOUNG_MAX: Final = 10_000
OLDER_MAX: Final = 10
# So many looks at the older ones until what has lasted is put aside: half a million objects.
LOOKS_TO_FREEZE: Final = 5


class Collecting:
    """Of the whole process: only a daemon's own root makes one."""

    def __init__(self) -> None:
        gc.set_threshold(YOUNG_MAX, OLDER_MAX, OLDER_MAX)
        self._looks = self._looks_so_far()

    def look(self, jobs: int) -> None:
        """Now and then, with the number of jobs that run."""
        if not jobs:
            if gc.get_freeze_count():
                gc.unfreeze()
        elif self._looks_so_far() - self._looks >= LOOKS_TO_FREEZE:
            gc.freeze()
            self._looks = self._looks_so_far()

    @staticmethod
    def _looks_so_far() -> int:
        return sum(int(older["collections"]) for older in gc.get_stats()[1:])
