"""A damaged journal: what of it can be used, what would be lost, and how it is put right.

Rules
- What remains is everything before the first damage. Later transactions may be readable, but
  they speak of what the damaged ones made.
- `survey` changes nothing. `repair` keeps every file it replaces, as `damaged-<n>-<name>`, and
  can be interrupted and run again.
"""

from dataclasses import dataclass
from typing import Final

from blockstore.errors import JournalCorruptException
from blockstore.namenode import image, journal, journalreader, recovery, syncmark
from blockstore.namenode.disk import Disk
from blockstore.namenode.entries import Entry
from blockstore.namenode.journalreader import JournalDamage

ASIDE: Final = "damaged-"
_REPAIRED: Final = "repaired-"


@dataclass(frozen=True, slots=True)
class Survey:
    """What `repair` would do; `damage` is None when there is nothing to do."""

    # The namespace that remains.
    last: int
    inodes: int
    blocks: int
    damage: JournalDamage | None
    # The highest transaction that anything in the directory speaks of.
    highest: int
    # Transactions after the damage that could still be read.
    dropped: tuple[tuple[int, Entry], ...] = ()
    # Segments that are moved aside whole, and images that can't be read.
    aside: tuple[str, ...] = ()

    @property
    def lost(self) -> int:
        """How many transactions."""
        return self.highest - self.last if self.damage else 0


def survey(disk: Disk) -> Survey:
    """Reads everything.

    Raises:
        JournalCorruptException: there is nothing to start from: no image can be read.
    """
    state = recovery.newest(disk)
    damage = None
    try:
        recovery.replay(disk, state)
    except JournalDamage as found:
        damage = found
    last = state.transaction
    inodes, blocks = len(state.names.inodes), len(state.blocks)
    if damage is None:
        return Survey(last, inodes, blocks, None, last)
    dropped = [
        found
        for first in journal.segments(disk)
        for found in journalreader.readable(disk, first)
        if found[0] > last
    ]
    aside = [journal.segment_name(f) for f in journal.segments(disk) if f > last]
    if damage.offset and damage.name in aside:
        aside.remove(damage.name)
    aside += [image.image_name(t) for t in image.images(disk) if not image.is_whole(disk, t)]
    highest = max(
        [last + 1, syncmark.read(disk), *(number for number, _ in dropped)]
        + [first - 1 for first in journal.segments(disk)]
    )
    return Survey(last, inodes, blocks, damage, highest, tuple(dropped), tuple(aside))


def repair(disk: Disk, found: Survey) -> list[str]:
    """Does it; returns the names of the files that were kept.

    Raises:
        OSError: not all of it is done; run it again.
        JournalCorruptException: the journal is still not right.
    """
    damage = found.damage
    if damage is None:
        return []
    kept = []
    # The last first: what is left is a journal at every moment.
    for name in sorted(found.aside, reverse=True):
        kept.append(_free_name(disk, name))
        disk.replace(name, kept[-1])
    for name in (damage.name, syncmark.NAME):
        if name in disk.names():
            kept.append(_free_name(disk, name))
            _write(disk, kept[-1], disk.read(name))
    disk.sync_names()
    syncmark.write(disk, found.last)
    if damage.name in disk.names():
        whole = disk.read(damage.name)
        _write(disk, _REPAIRED + damage.name, whole[: damage.offset])
        disk.replace(_REPAIRED + damage.name, damage.name)
    disk.sync_names()
    left = survey(disk)
    if left.damage is not None or left.last != found.last:
        raise JournalCorruptException(f"the journal is still damaged: {left.damage}")
    return kept


def _write(disk: Disk, name: str, data: bytes) -> None:
    file = disk.create(name)
    try:
        file.write(data)
        file.sync()
    finally:
        file.close()


def _free_name(disk: Disk, name: str) -> str:
    taken = set(disk.names())
    number = 1
    while f"{ASIDE}{number}-{name}" in taken:
        number += 1
    return f"{ASIDE}{number}-{name}"
