"""Where splits of a family's jobs were mapped last: there they lie decoded. Not journaled: after a
restart the next round finds out anew.

Rules
- Jobs of a family are the rounds of a loop, or the loops of a fit. A map whose split a live tracker
  has mapped for the family waits for that one as others do for a host of their input
  (scheduler.py), and goes anywhere when it doesn't come free.
- Of one that has more of them waiting than slots, who is idle takes some at once.
- Whose attempt has won has it: a split leaves a tracker that is so slow that another is sooner.
- What a lost tracker had goes where its input is, as in the first round.
- A split of several pieces goes to who has had most of their bytes.
"""

from collections import Counter, OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mapred.jobtracker.pending import PendingTasks
from mapred.model import PROCESS_FAMILY, Split, TaskKind

if TYPE_CHECKING:
    from mapred.jobtracker.jobs import Job

# Loops that run at the same time, and of each the pieces: what is more is found out anew.
FAMILIES_MAX: Final = 64
PIECES_MAX: Final = 20_000

_Piece = tuple[str, int]


def name_of(tracker_id: str) -> str:
    """Among the names of hosts; none of them has a colon and letters behind it."""
    return f"tracker:{tracker_id}"


class Accustomed:
    """Families by name, those in use last; of each the trackers' ids by piece."""

    def __init__(self) -> None:
        self._families: OrderedDict[str, dict[_Piece, str]] = OrderedDict()

    def settle(self, job: "Job") -> None:
        """A job that begins: its maps wait for where their splits were."""
        known = self._families.get(job.spec.settings.get(PROCESS_FAMILY, ""))
        if not known:
            return
        splits = tuple(_at_home(split, known) for split in job.spec.splits)
        pending = PendingTasks(len(splits), splits)
        pending.open_below = job.pending[TaskKind.MAP].open_below
        job.pending[TaskKind.MAP] = pending

    def note(self, job: "Job", map_index: int) -> None:
        """A map has been won."""
        family = job.spec.settings.get(PROCESS_FAMILY, "")
        winner = job.tasks[TaskKind.MAP][map_index].winner
        if not family or winner is None:
            return
        known = self._families.setdefault(family, {})
        self._families.move_to_end(family)
        for file in job.spec.splits[map_index].files:
            known.pop((file.uri, file.start), None)
            known[file.uri, file.start] = winner.tracker_id
        while len(known) > PIECES_MAX:
            del known[next(iter(known))]
        while len(self._families) > FAMILIES_MAX:
            self._families.popitem(last=False)

    def forget(self, tracker_id: str) -> None:
        for family, known in self._families.items():
            self._families[family] = {
                piece: other for piece, other in known.items() if other != tracker_id
            }


def _at_home(split: Split, known: dict[_Piece, str]) -> Split:
    had: Counter[str] = Counter()
    for file in split.files:
        if tracker_id := known.get((file.uri, file.start)):
            had[tracker_id] += file.length + 1
    if not had:
        return split
    ((tracker_id, _),) = had.most_common(1)
    return replace(split, hosts=(name_of(tracker_id),))
