"""From a directory to the state: newest image, then the journal since; and how images are made.

image 17     journal-1   journal-18        journal-40
             ────────────┴─── replayed ────┴── replayed, torn end cut ──→ state
"""

import logging
import uuid

from blockstore.errors import JournalCorruptException
from blockstore.model import Permission
from blockstore.namenode import image, journal, journalreader
from blockstore.namenode.disk import Disk
from blockstore.namenode.entries import OPEN_ROOT, Formatted
from blockstore.namenode.journal import Journal
from blockstore.namenode.state import State
from blockstore.runtime import failpoint

log = logging.getLogger(__name__)


def is_formatted(disk: Disk) -> bool:
    return bool(image.images(disk) or journal.segments(disk))


def recover(disk: Disk, *, wall: float, root: Permission = OPEN_ROOT) -> tuple[State, Journal]:
    """The state, and the journal open for what follows.

    An empty directory becomes a new namespace, with this `root`. Raises:
        JournalCorruptException: the directory is damaged; says where and what to do.
    """
    image.remove_parts(disk)
    state = newest(disk)
    from_image = state.transaction
    replay(disk, state, repair=True)
    writing = Journal(disk)
    writing.open(state.transaction)
    if not state.transaction:
        _format(state, writing, wall, root)
    log.info(
        "recovered %d inodes and %d blocks: image of transaction %d, then %d transactions",
        len(state.names.inodes),
        len(state.blocks),
        from_image,
        state.transaction - from_image,
    )
    return state, writing


def newest(disk: Disk) -> State:
    """The state to replay the journal on; raises JournalCorruptException."""
    try:
        return image.newest(disk)
    except JournalCorruptException:
        if 1 not in journal.segments(disk):
            raise
        log.warning("no image can be read, but the journal is there from its beginning")
        return State()


def _format(state: State, writing: Journal, wall: float, root: Permission) -> None:
    entry = Formatted(f"cluster-{uuid.uuid4()}", wall, root)
    state.apply(entry)
    writing.append(entry)
    writing.sync()
    log.info("a new namespace: %s", entry.cluster_id)


def replay(disk: Disk, state: State, *, through: int | None = None, repair: bool = False) -> None:
    """Applies what the journal has beyond the state, to the end."""
    for transaction, entry in journalreader.read(
        disk, state.transaction, through=through, repair=repair
    ):
        try:
            state.apply(entry)
        except (KeyError, IndexError, AssertionError) as error:
            raise JournalCorruptException(
                f"{disk.place}: transaction {transaction} ({entry}) doesn't fit what was before "
                f"it ({type(error).__name__}: {error}): start the version that wrote it, or put "
                "back the directory from a copy"
            ) from error
    state.forget_all()


def checkpoint(disk: Disk, through: int, unique: int) -> State:
    """Makes an image of transaction `through` from the newest image and sealed segments."""
    state = newest(disk)
    replay(disk, state, through=through)
    failpoint.hit("recovery.checkpoint.before_image")
    image.write(disk, state, unique)
    failpoint.hit("recovery.checkpoint.after_image")
    return state


def purge(disk: Disk, writing: Journal) -> None:
    """Removes images and segments that nothing needs, beyond the last two images."""
    kept = image.images(disk)[-image.IMAGES_KEPT :]
    if len(kept) < image.IMAGES_KEPT:
        return
    for transaction in image.images(disk):
        if transaction < kept[0]:
            failpoint.hit("recovery.purge.before_remove")
            disk.remove(image.image_name(transaction))
            failpoint.hit("recovery.purge.after_remove")
    writing.purge(kept[0])
    failpoint.hit("recovery.purge.after_segments")
