"""Which sheets a reduce asks of which tracker, and when. Pure.

- They wait until every map's output has been announced: then one question a tracker brings all
  that it has, and the reduces of a tracker need the same packs.
- What is asked for isn't asked for again until there's an answer.
- When a tracker doesn't answer, it is complained of by a few of its maps; the others wait for what
  is said about these. A complaint is always answered, by an announcement.
"""

import random
from collections import deque
from collections.abc import Collection, Sequence
from typing import Final

from mapred.model import MapOutput
from mapred.shuffle.announced import Batch, batches_of

# Of the maps of one tracker at once: more tell the JobTracker nothing.
COMPLAINTS_MAX: Final = 5


class SheetQueue:
    """One reduce's."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        # What was there at the beginning, as long as nothing else was heard of it.
        self._first: Sequence[Batch] = ()
        self._waiting: dict[int, MapOutput] = {}
        self._asked: set[int] = set()
        self._held_back: dict[int, MapOutput] = {}
        self._batches: deque[Batch] = deque()

    def begin_with(self, batches: Sequence[Batch]) -> None:
        """Before anything else. Batches are left as they are."""
        self._first = batches

    def put(self, output: MapOutput) -> None:
        """It was announced; a later one of a map replaces."""
        self._open_first()
        self._held_back.pop(output.map_index, None)
        self._waiting[output.map_index] = output

    def drop(self, maps: Collection[int]) -> None:
        """Of these maps nothing is needed any more."""
        self._open_first()
        if self._waiting or self._held_back:
            for index in maps:
                self._waiting.pop(index, None)
                self._held_back.pop(index, None)

    def _open_first(self) -> None:
        for batch in self._first:
            self._waiting.update(batch)
        self._first = ()

    def release(self) -> None:
        """Something was announced."""
        if self._held_back:
            self._waiting = self._held_back | self._waiting
            self._held_back = {}

    def is_asked(self, index: int) -> bool:
        return index in self._asked

    def next_batch(self, busy: set[int]) -> Batch | None:
        """To be asked for now, if there is something; not of maps that are `busy`."""
        if not self._batches and (self._first or self._waiting):
            self._form(busy)
        return self._batches.popleft() if self._batches else None

    def _form(self, busy: set[int]) -> None:
        taken = self._asked | busy
        if self._first and not taken and not self._waiting:
            batches, self._first = list(self._first), ()
        else:
            self._open_first()
            ready = {at: one for at, one in self._waiting.items() if at not in taken}
            self._waiting = {at: one for at, one in self._waiting.items() if at in taken}
            batches = batches_of(ready)
        for batch in batches:
            self._asked.update(batch)
        # Reduces don't queue at one tracker.
        self._rng.shuffle(batches)
        self._batches.extend(batches)

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
