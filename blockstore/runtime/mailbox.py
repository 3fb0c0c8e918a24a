"""Orders and reports over a transport that loses, repeats and delays.

The sender numbers what it sends from 1 and sends all of it again until the
receiver has acknowledged it; the receiver takes each number once and in order.
One pair lives as long as one pairing of incarnations: after a restart of either
side both start anew, and what must survive is sent anew by whoever wants it.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Outbox(Generic[Item]):
    """The sender's side."""

    def __init__(self) -> None:
        self._last = 0
        self._unacknowledged: OrderedDict[int, Item] = OrderedDict()

    def put(self, item: Item) -> int:
        self._last += 1
        self._unacknowledged[self._last] = item
        return self._last

    def acknowledge(self, seen: int) -> list[Item]:
        """Forgets every item up to number `seen`; returns what was forgotten."""
        done = []
        while self._unacknowledged and next(iter(self._unacknowledged)) <= seen:
            done.append(self._unacknowledged.popitem(last=False)[1])
        return done

    def pending(self, *, after: int = 0) -> list[tuple[int, Item]]:
        """What isn't acknowledged, of the numbers after that."""
        if not after:
            return list(self._unacknowledged.items())
        return [(number, item) for number, item in self._unacknowledged.items() if number > after]

    def __len__(self) -> int:
        return len(self._unacknowledged)


class Inbox(Generic[Item]):
    """The receiver's side."""

    def __init__(self) -> None:
        self.seen = 0

    def take(self, items: Iterable[tuple[int, Item]]) -> list[Item]:
        """The items not taken before, in order; a gap and all after it waits for the resend."""
        fresh = []
        for seq, item in items:
            if seq == self.seen + 1:
                self.seen = seq
                fresh.append(item)
            elif seq > self.seen + 1:
                break
        return fresh
