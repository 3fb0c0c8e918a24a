"""The map outputs of a job that a process was told of, for one reduce after the other.

Each reduce needs all of them: with m maps and r reducers, what is done to an output by itself is
done m times r times. So a process is told of each output once, and what its reduces ask of all
outputs (which of them are sheets, of which tracker, in which directory, in which packs) is worked
out once.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mapred.model import MapOutput
from mapred.shuffle.packs import Pack, Share, is_sheet, shared_out


@dataclass(slots=True)
class InFolder:
    """Sheets of one directory."""

    outputs: dict[int, MapOutput] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    # The packs that were there last when these had all of the sheets, and what is taken of each.
    seen: tuple[str, ...] = ()
    shares: Sequence[Share] = ()

    def shared_out(self, packs: Sequence[Pack]) -> tuple[Sequence[Share], dict[int, int]]:
        """From which pack each is taken; and the attempts of those that are in none."""
        names = tuple(pack.path for pack in packs)
        if names and names == self.seen:
            return self.shares, {}
        shares, left = shared_out(self.attempts, packs)
        if not left:
            self.seen, self.shares = names, shares
        return shares, left


class Batch(dict[int, MapOutput]):
    """Sheets of one tracker by map; as it is once somebody has asked for its folders."""

    _folders: dict[str, InFolder] | None = None

    @property
    def folders(self) -> Mapping[str, InFolder]:
        """By the job's directory below a tracker's root."""
        if self._folders is None:
            found: defaultdict[str, InFolder] = defaultdict(InFolder)
            for index, output in self.items():
                place = found[output.path.rsplit("/", 2)[0]]
                place.outputs[index] = output
                place.attempts[index] = output.attempt_number
            self._folders = dict(found)
        return self._folders


def batches_of(outputs: Mapping[int, MapOutput]) -> list[Batch]:
    """A batch a tracker."""
    found: defaultdict[str, Batch] = defaultdict(Batch)
    for index, output in outputs.items():
        found[output.tracker_id][index] = output
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known at some moment."""

    sheets: Sequence[Batch]
    others: Sequence[MapOutput]


class Announced:
    """One process's; told by one thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Guarded by the lock.
        self._outputs: dict[int, MapOutput] = {}
        self._known: Known | None = None

    def tell(self, outputs: Iterable[MapOutput], *, anew: bool = False) -> None:
        """`anew`: what was told before is no more; else a later one of a map replaces."""
        with self._lock:
            before, self._outputs = self._outputs, {} if anew else self._outputs
            told = {output.map_index: output for output in outputs}
            self._outputs.update(told)
            if told or before is not self._outputs:
                self._known = None

    def known(self) -> Known:
        with self._lock:
            if self._known is None:
                sheets = {at: one for at, one in self._outputs.items() if is_sheet(one.path)}
                others = [one for at, one in self._outputs.items() if at not in sheets]
                self._known = Known(batches_of(sheets), others)
            return self._known
