"""Who was heard of, and when: live, stale or dead by missed heartbeats.

Rules
- A node is stale after `stale_after_s` of silence (asked last for reads, not chosen for
  writes) and dead after `dead_after_s` (its work and replicas are given to others).
- Only monotonic time counts; a jump of the wall clock kills nobody.
- `newly_dead` tells of each death once; being heard again makes a node live.
"""

from enum import Enum
from typing import Generic, TypeVar

Name = TypeVar("Name")


class State(Enum):
    LIVE = "live"
    STALE = "stale"
    DEAD = "dead"


class Liveness(Generic[Name]):
    """The last time each name was heard of."""

    def __init__(self, *, stale_after_s: float, dead_after_s: float) -> None:
        if not 0 < stale_after_s <= dead_after_s:
            raise ValueError(
                f"stale_after_s={stale_after_s} must be in (0, dead_after_s={dead_after_s}]"
            )
        self.stale_after_s = stale_after_s
        self.dead_after_s = dead_after_s
        self._heard: dict[Name, float] = {}
        self._mourned: set[Name] = set()

    def heard(self, name: Name, now: float) -> None:
        self._heard[name] = now
        self._mourned.discard(name)

    def silence_s(self, name: Name, now: float) -> float:
        return now - self._heard[name]

    def state(self, name: Name, now: float) -> State:
        """Names never heard of are dead."""
        heard = self._heard.get(name)
        if heard is None or name in self._mourned or now - heard > self.dead_after_s:
            return State.DEAD
        return State.STALE if now - heard > self.stale_after_s else State.LIVE

    def newly_dead(self, now: float) -> list[Name]:
        dead = [
            name
            for name, heard in self._heard.items()
            if name not in self._mourned and now - heard > self.dead_after_s
        ]
        self._mourned.update(dead)
        return dead

    def forget(self, name: Name) -> None:
        self._heard.pop(name, None)
        self._mourned.discard(name)
