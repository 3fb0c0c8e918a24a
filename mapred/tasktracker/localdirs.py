"""The local directories of one tracker: which of them take attempts, and which one gets the next.

Rules
- One that can't be read and written is failed: what was on it counts as gone. It is as new
  when it comes back (its shell sweeps it first).
- One without room is full: what is on it stays and is served, and nothing new goes there.
- An attempt for which a directory had no room takes it out for `out_s`, whatever was freed with
  the attempt's end.
- The next attempt goes where most room falls to each that is there or was sent there since the
  last look: equal disks take turns, a larger one gets more.

Pure: looks at the disks are arguments (dircheck.py takes them).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum


class Health(Enum):
    USED = "in use"
    FULL = "full"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Look:
    """What was found at a directory; `why` in words, when it isn't used."""

    root: str
    health: Health = Health.USED
    free_bytes: int = 0
    why: str = ""


@dataclass(slots=True)
class _Directory:
    look: Look
    # Attempts sent there since the last look.
    sent: int = 0
    # An attempt had no room there: not before then.
    out_until: float = 0.0
    out_why: str = ""

    @property
    def why(self) -> str:
        return self.look.why or self.out_why

    @property
    def used(self) -> bool:
        return self.look.health is Health.USED and not self.out_why


class LocalDirectories:
    """In the order in which they were given; all of them used until a look says otherwise."""

    def __init__(self, roots: Sequence[str], out_s: float) -> None:
        self._directories = {root: _Directory(Look(root)) for root in roots}
        # 0: nobody looks after them, and none is taken out.
        self._out_s = out_s

    def __repr__(self) -> str:
        return f"LocalDirectories({', '.join(self._directories)}; bad: {self.troubles or 'none'})"

    @property
    def troubles(self) -> tuple[str, ...]:
        """Those that aren't used, each with its reason."""
        return tuple(
            f"{root}: {one.why}" for root, one in self._directories.items() if not one.used
        )

    @property
    def usable(self) -> bool:
        return any(one.used for one in self._directories.values())

    @property
    def first(self) -> str:
        """Of those that are used."""
        return next(root for root, one in self._directories.items() if one.used)

    def looked(self, looks: Iterable[Look]) -> list[str]:
        """Those that have failed since the last look."""
        failed = []
        for look in looks:
            directory = self._directories[look.root]
            if look.health is Health.FAILED and directory.look.health is not Health.FAILED:
                failed.append(look.root)
            directory.look, directory.sent = look, 0
        return failed

    def refused(self, root: str, why: str, now: float) -> None:
        """It didn't take what an attempt wrote."""
        if self._out_s and root in self._directories:
            self._directories[root].out_until = now + self._out_s
            self._directories[root].out_why = why

    def tick(self, now: float) -> None:
        for directory in self._directories.values():
            if directory.out_why and now >= directory.out_until:
                directory.out_why = ""

    def choose(self, running: Mapping[str, int]) -> str:
        """Where the next attempt works; `running`: how many are at each now.

        Raises:
            LookupError: none is used.
        """
        used = [root for root, one in self._directories.items() if one.used]
        if not used:
            raise LookupError("no local directory can be used")
        chosen = max(used, key=lambda root: self._room_for_one_more(root, running.get(root, 0)))
        self._directories[chosen].sent += 1
        return chosen

    def _room_for_one_more(self, root: str, running: int) -> tuple[float, int]:
        directory = self._directories[root]
        crowd = max(running, directory.sent)
        return directory.look.free_bytes / (crowd + 1), -crowd
