"""What reduces say of map outputs they can't fetch, and whom to believe.

Rules
- A reduce has tried several times before it complains (mapred/shuffle), so two different
  reduces, or one that complains three times, condemn the output: the map runs again.
- A complaint of a tracker that hasn't been heard of for SILENT_AFTER_S is believed at once
  (flow.py), and the tracker isn't blamed: it is about to be found dead.
- Until then the output is announced again after a pause, and the reduce tries again.
- A reduce that alone complains of many maps of several trackers has the fault itself: it is
  ended and tried elsewhere. Complaints of others show that it isn't alone; and of one
  tracker alone it complains when that one is dead and nobody knows yet.
"""

from collections import defaultdict
from enum import Enum
from typing import Final

from mapred.model import AttemptId

# Distinct reduces that condemn an output: one may have a broken network card, two rarely.
REDUCES_TO_CONDEMN: Final = 2
# Complaints of one reduce that do so alone, for the job whose other reduces have fetched.
COMPLAINTS_TO_CONDEMN: Final = 3
# Maps of which one reduce alone complains until it is thought to be cut off itself.
MAPS_TO_BLAME_REDUCE: Final = 5
TRACKERS_TO_BLAME_REDUCE: Final = 2
# A tracker always has a heartbeat open, and begins the next one within the interval of a second.
SILENT_AFTER_S: Final = 5.0


class Verdict(Enum):
    TRY_AGAIN = "try again"
    OUTPUT_LOST = "output lost"
    REDUCE_CUT_OFF = "reduce cut off"


class FetchReports:
    """The complaints in one job."""

    def __init__(self) -> None:
        self._against: defaultdict[tuple[int, int], list[AttemptId]] = defaultdict(list)
        self._by: defaultdict[AttemptId, set[tuple[int, int]]] = defaultdict(set)
        self._tracker_of: dict[tuple[int, int], str] = {}

    def complain(
        self, reduce: AttemptId, map_index: int, number: int, *, tracker_id: str
    ) -> Verdict:
        """`tracker_id` has the output."""
        output = (map_index, number)
        self._tracker_of[output] = tracker_id
        complaints = self._against[output]
        complaints.append(reduce)
        self._by[reduce].add(output)
        if len(set(complaints)) >= REDUCES_TO_CONDEMN:
            return Verdict.OUTPUT_LOST
        alone = [o for o in self._by[reduce] if set(self._against[o]) == {reduce}]
        trackers = {self._tracker_of[o] for o in alone}
        if len(alone) >= MAPS_TO_BLAME_REDUCE and len(trackers) >= TRACKERS_TO_BLAME_REDUCE:
            return Verdict.REDUCE_CUT_OFF
        if len(complaints) >= COMPLAINTS_TO_CONDEMN:
            return Verdict.OUTPUT_LOST
        return Verdict.TRY_AGAIN

    def forget_output(self, map_index: int, number: int) -> None:
        self._tracker_of.pop((map_index, number), None)
        for reduce in self._against.pop((map_index, number), []):
            self._by[reduce].discard((map_index, number))

    def forget_reduce(self, reduce: AttemptId) -> None:
        for output in self._by.pop(reduce, set()):
            self._against[output] = [r for r in self._against[output] if r != reduce]
