"""The trash: what is deleted lies here for a while, and then goes by itself. Part of the core.

    /.Trash                                 the superuser's; nobody else makes or removes it
    /.Trash/ana                             closed to others
    /.Trash/ana/Current/logs/2026           what ana deleted since the last checkpoint, by its path
    /.Trash/ana/20261123160000/logs/2025    a checkpoint: what she had deleted before that time, UTC

Rules
- A deletion is a rename into the deleter's own trash. Who may delete may throw away.
- A name that is taken there gets the time behind it: notes.1795449600000.
- What lies in the trash is deleted for good when it is deleted again, and `trash_interval_s` after
  its checkpoint. Checkpoints are made every `trash_checkpoint_s`, if there is something.
- A tick looks at USERS_PER_TICK of those whose turn it is.
"""

from collections import deque
from datetime import UTC, datetime
from typing import Final

from blockstore.model import Permission, Removal
from blockstore.namenode.entries import Deleted, DirectoryMade, Renamed
from blockstore.namenode.namespace import Directory, Inode
from blockstore.namenode.naming import Naming
from blockstore.namenode.outcomes import once
from blockstore.namenode.parts import Parts
from blockstore.namenode.paths import NAME_BYTES_MAX, PATH_BYTES_MAX, TRASH, join, split
from blockstore.namenode.ready import Ready
from blockstore.namenode.treewalk import RemovalLook

CURRENT: Final = "Current"
USERS_PER_TICK: Final = 20
# A dot and milliseconds since the epoch.
_STAMPED_BYTES: Final = 14
_STAMP: Final = "%Y%m%d%H%M%S"
_CLOSED: Final = 0o700
_OPEN_TO_ALL: Final = 0o755


class Trash:
    """Throws away, makes checkpoints, empties."""

    def __init__(self, parts: Parts, naming: Naming) -> None:
        self._parts = parts
        self._names = parts.names
        self._naming = naming
        # Users' directories that this round has still to look at.
        self._turn: deque[int] = deque()
        self._next_round = float("-inf")

    @property
    def is_on(self) -> bool:
        return self._parts.config.trash_interval_s > 0

    # --- throwing away ------------------------------------------------------------------

    @once
    def throw_away(
        self,
        path: str,
        *,
        recursive: bool = False,
        look: RemovalLook | None = None,
        request_id: str = "",
        wall: float,
    ) -> Ready[Removal]:
        """Raises as a delete does."""
        self._parts.safe_mode.check(f"deleting '{path}'")
        removal = self._thrown_away(path, recursive, look, request_id, wall)
        return self._parts.ready(removal)

    def _thrown_away(
        self, path: str, recursive: bool, look: RemovalLook | None, request_id: str, wall: float
    ) -> Removal:
        before = self._parts.state.requests.get(request_id)
        if isinstance(before, Deleted):
            return Removal(True)
        if isinstance(before, Renamed):
            moved = self._names.inodes.get(before.inode_id)
            is_there = moved is not None and self._names.stands(moved)
            return Removal(True, self._names.path_of(moved) if moved and is_there else "")
        inode = self._naming.deletable(path, recursive, look)
        if inode is None:
            return Removal(False)
        if not self.is_on or self._is_inside(inode):
            self._parts.record(Deleted(inode.id, wall, request_id))
            return Removal(True)
        directory, name = self._place_for(inode, wall)
        self._parts.record(Renamed(inode.id, directory.id, name, wall, request_id=request_id))
        return Removal(True, self._names.path_of(inode))

    def _is_inside(self, inode: Inode) -> bool:
        while inode.parent is not None and inode.parent is not self._names.root:
            inode = inode.parent
        return inode.name == TRASH

    def _place_for(self, inode: Inode, wall: float) -> tuple[Directory, str]:
        """Where it goes: directories on the way are made."""
        root, user = self._names.root, self._parts.access.caller.user
        owned = Permission(user, root.permission.group, _CLOSED)
        top = Permission(self._parts.config.superuser, root.permission.group, _OPEN_TO_ALL)
        names = split(self._names.path_of(inode))
        if len(join((TRASH, user, CURRENT, *names)).encode()) > PATH_BYTES_MAX - _STAMPED_BYTES:
            # It couldn't be named by its whole path.
            names = names[-1:]
        directory = self._folder(root, TRASH, top, wall)
        for name in (user, CURRENT, *names[:-1]):
            directory = self._folder(directory, name, owned, wall)
        return directory, _free_name(directory, names[-1], wall)

    def _folder(
        self, parent: Directory, name: str, permission: Permission, wall: float
    ) -> Directory:
        there = parent.children.get(name)
        if isinstance(there, Directory):
            return there
        inode_id = self._parts.state.next_inode_id
        free = _free_name(parent, name, wall)
        self._parts.record(DirectoryMade(inode_id, parent.id, free, wall, permission))
        return self._names.directory(inode_id)

    # --- emptying -----------------------------------------------------------------------

    def tick(self, now: float, wall: float) -> None:
        if not self.is_on:
            return
        if not self._turn and now >= self._next_round:
            self._next_round = now + self._parts.config.trash_checkpoint_s
            top = self._names.root.children.get(TRASH)
            if isinstance(top, Directory):
                self._turn.extend(child.id for child in top.children.values())
        for _ in range(min(USERS_PER_TICK, len(self._turn))):
            directory = self._names.inodes.get(self._turn.popleft())
            if isinstance(directory, Directory) and self._names.stands(directory):
                self._go_through(directory, wall)

    @once
    def expunge(self, *, immediate: bool = False, request_id: str = "", wall: float) -> Ready[None]:
        """The caller's own: a checkpoint now, and what is due goes; `immediate`: all goes."""
        self._parts.safe_mode.check("emptying the trash")
        directory = self._names.find(join((TRASH, self._parts.access.caller.user)))
        is_new = not self._parts.is_repeated(request_id, Deleted)
        if isinstance(directory, Directory) and is_new:
            if immediate:
                self._parts.record(Deleted(directory.id, wall, request_id))
            else:
                self._go_through(directory, wall)
        return self._parts.ready(None)

    def _go_through(self, directory: Directory, wall: float) -> None:
        for child in list(directory.children.values()):
            made_at = _time_of(child.name)
            if made_at is not None and wall - made_at >= self._parts.config.trash_interval_s:
                self._parts.record(Deleted(child.id, wall))
        current = directory.children.get(CURRENT)
        if isinstance(current, Directory) and current.children:
            stamp = datetime.fromtimestamp(wall, UTC).strftime(_STAMP)
            name = _free_name(directory, stamp, wall)
            self._parts.record(Renamed(current.id, directory.id, name, wall))


def _free_name(directory: Directory, name: str, wall: float) -> str:
    """The name, or with the time behind it where it's taken."""
    stamp, free = int(wall * 1000), name
    while free in directory.children:
        kept = name.encode()[: NAME_BYTES_MAX - _STAMPED_BYTES].decode(errors="ignore")
        free = f"{kept}.{stamp}"
        stamp += 1
    return free


def _time_of(name: str) -> float | None:
    """When a checkpoint was made, by its name; None: it is none."""
    try:
        return datetime.strptime(name.partition(".")[0], _STAMP).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
