"""Which sheets a reduce asks of which tracker, and when. Pure.

- They wait until every map's output has been announced: then one question a tracker brings all
  that it has, and the reduces of a tracker need the same packs.
- What is asked for isn't asked for again until there's an answer.
- When a tracker doesn't answer, it is complained of by a few of its maps; the others wait for what
  is said about these. A complaint is always answered, by an announcement.
"""

import random
from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Final

from mapred.model import MapOutput

# Of the maps of one tracker at once: more tell the JobTracker nothing.
COMPLAINTS_MAX: Final = 5

# One tracker's, by map.
Batch = dict[int, MapOutput]


class SheetQueue:
    """One reduce's."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._waiting: Batch = {}
        self._asked: set[int] = set()
        self._held_back: Batch = {}
        self._batches: deque[Batch] = deque()

    def put(self, output: MapOutput) -> None:
        """It was announced; a later one of a map replaces."""
        self._held_back.pop(output.map_index, None)
        self._waiting[output.map_index] = output

    def drop(self, maps: Iterable[int]) -> None:
        """Of these maps nothing is needed any more."""
        for index in maps:
            self._waiting.pop(index, None)
            self._held_back.pop(index, None)

    def release(self) -> None:
        """Something was announced."""
        if self._held_back:
            self._waiting = self._held_back | self._waiting
            self._held_back = {}

    def is_asked(self, index: int) -> bool:
        return index in self._asked

    def next_batch(self, busy: set[int]) -> Batch | None:
        """To be asked for now, if there is something; not of maps that are `busy`."""
        if not self._batches and self._waiting:
            self._form(busy)
        return self._batches.popleft() if self._batches else None

    def _form(self, busy: set[int]) -> None:
        taken = self._asked | busy
        ready, self._waiting = self._waiting, {}
        if taken:
            self._waiting = {index: one for index, one in ready.items() if index in taken}
            ready = {index: one for index, one in ready.items() if index not in taken}
        batches: defaultdict[str, Batch] = defaultdict(dict)
        for index, output in ready.items():
            batches[output.tracker_id][index] = output
        self._asked.update(ready)
        # Reduces don't queue at one tracker.
        order = list(batches.values())
        self._rng.shuffle(order)
        self._batches.extend(order)

    def answered(self, batch: Batch) -> None:
        self._asked.difference_update(batch)

    def unanswered(self, batch: Batch) -> list[MapOutput]:
        """Whose loss is to be reported."""
        self.answered(batch)
        outputs = list(batch.values())
        for output in outputs[COMPLAINTS_MAX:]:
            if output.map_index not in self._waiting:
                self._held_back[output.map_index] = output
        return outputs[:COMPLAINTS_MAX]
