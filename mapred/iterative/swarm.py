"""Which chunk of a file a machine asks whom for next, so that together they read it once.

Rules
- What another machine has is taken from it; each gathers in an order of its own.
- Each chunk has an order of machines, the same for all. The first of them that is at it reads it
  from the store, and who comes behind waits until he can have it from there.
- Nothing is read before the others have said what they have, or `UNKNOWN_S` is over. A machine
  that has gained nothing for `PATIENCE_S` is passed over; what it has is welcome.
- Who sends wrong bytes or doesn't answer isn't asked again; who won't give, a little later.
- When the store fails, what others have is gathered still; then there is nothing to wait for.

No clock, socket, disk or thread: `now` and `rng` are arguments.
"""

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from mapred.iterative.partialcopy import COMING, HERE, View

# Chunks on their way at once, of which one from the store, and one from each other machine.
LANES: Final = 3
# Between two questions what somebody has: so long for each of those that are asked.
ASK_EVERY_S: Final = 0.01
# A chunk comes in a fraction of this; one from a store that is being mended in more.
PATIENCE_S: Final = 2.0
UNKNOWN_S: Final = 1.0
# What somebody says of himself who isn't at it is good for so long.
FRESH_S: Final = 0.05
# Somebody gives to as many as he can, or has just gone on to the next state.
REFUSED_PAUSE_S: Final = 0.1
REFUSALS_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Ask:
    """What has this machine?"""

    peer: str


@dataclass(frozen=True, slots=True)
class Take:
    """This chunk from this machine."""

    number: int
    peer: str


@dataclass(frozen=True, slots=True)
class Read:
    """This chunk from the store."""

    number: int


Action: TypeAlias = Ask | Take | Read


@dataclass(slots=True)
class _Peer:
    # It has said what it has: these, and these it is reading.
    known: bool = False
    has: set[int] = field(default_factory=set)
    reads: set[int] = field(default_factory=set)
    # It has some, or none, of what it wants.
    at_it: bool = False
    # The last time that it had more than before.
    moved_at: float = 0.0
    heard_at: float = 0.0
    ask_at: float = 0.0
    asking: bool = False
    taking: bool = False
    # It has refused since it said what it has.
    stale: bool = False
    refusals: int = 0
    out: bool = False

    def gathers(self, now: float) -> bool:
        """It is at it, and comes forward."""
        return not self.out and self.at_it and now < self.moved_at + PATIENCE_S


class Swarm:
    """One file on its way to one machine. One caller at a time."""

    def __init__(
        self,
        chunks: int,
        name: str,
        me: str,
        peers: Sequence[str],
        *,
        here: Iterable[int] = (),
        now: float,
        rng: random.Random,
    ) -> None:
        """`me` is one of `peers` if the others know of this machine."""
        self._me = me
        self._rng = rng
        self._began_at = now
        self._all = frozenset(range(chunks))
        self._peers = {peer: _Peer() for peer in peers if peer != me}
        self._missing = set(self._all.difference(here))
        self._under_way: set[int] = set()
        self._reading = False
        self._store_failed = False
        # Of chunks that nobody gathers who goes before this machine: since when it would read them.
        self._wished: dict[int, float] = {}
        # Of each chunk, who goes before this machine.
        self._before = {number: _before(name, number, me, peers) for number in self._missing}
        order = sorted(self._missing)
        rng.shuffle(order)
        # Those that nobody else would read come first.
        order.sort(key=lambda number: len(self._before[number]))
        self._turn = {number: turn for turn, number in enumerate(order)}

    def __repr__(self) -> str:
        out = sum(peer.out for peer in self._peers.values())
        return (
            f"Swarm({self._me}: {len(self._missing)} missing, {len(self._under_way)} under way, "
            f"{len(self._peers)} others, {out} of them out)"
        )

    @property
    def done(self) -> bool:
        return not self._missing

    def hopeless(self, now: float) -> bool:
        """The store has failed, and nobody has or gathers what is missing."""
        if not self._store_failed or self._under_way:
            return False
        return not any(
            peer.gathers(now) or peer.has & self._missing or not peer.known
            for peer in self._peers.values()
            if not peer.out
        )

    # --- what to do

    def next(self, now: float) -> list[Action]:
        """What is to be begun; each is answered by one of the calls below."""
        actions: list[Action] = []
        while len(self._under_way) < LANES and (action := self._take() or self._read(now)):
            self._under_way.add(action.number)
            actions.append(action)
        if self._missing - self._under_way and len(self._under_way) < LANES:
            actions += self._questions(now)
        return actions

    def wake_at(self, now: float) -> float:
        """When `next` should be called again though nothing was answered."""
        times = [self._began_at + UNKNOWN_S]
        for peer in self._peers.values():
            if not (peer.out or peer.asking):
                times.append(peer.ask_at)
            if peer.gathers(now):
                times.append(peer.moved_at + PATIENCE_S)
        return min((at for at in times if at > now), default=now + PATIENCE_S)

    def _take(self) -> Take | None:
        wanted = self._missing - self._under_way
        giving = [
            name
            for name, peer in self._peers.items()
            if not (peer.out or peer.taking or peer.stale) and not wanted.isdisjoint(peer.has)
        ]
        if not giving:
            return None
        name = self._rng.choice(giving)
        peer = self._peers[name]
        peer.taking = True
        return Take(min(wanted & peer.has, key=self._turn.__getitem__), name)

    def _read(self, now: float) -> Read | None:
        others = [peer for peer in self._peers.values() if not peer.out]
        unknown = now < self._began_at + UNKNOWN_S and not all(peer.known for peer in others)
        if self._reading or self._store_failed or unknown:
            return None
        wanted = self._missing - self._under_way
        for peer in others:
            wanted -= peer.has
            if peer.gathers(now):
                wanted -= peer.reads
        for number in sorted(wanted, key=self._turn.__getitem__):
            before = [peer for name in self._before[number] if not (peer := self._peers[name]).out]
            if any(peer.gathers(now) for peer in before):
                self._wished.pop(number, None)
                continue
            # They may have begun since they were asked: each is heard once more.
            wished = self._wished.setdefault(number, now)
            heard_after = min(wished, now - FRESH_S)
            old = [peer for peer in before if peer.known and peer.heard_at < heard_after]
            if not old:
                self._reading = True
                return Read(number)
            for peer in old:
                peer.ask_at = min(peer.ask_at, now)
            return None
        return None

    def _questions(self, now: float) -> list[Action]:
        asked: list[Action] = []
        for name, peer in self._peers.items():
            has_all = len(peer.has) == len(self._all) and not peer.stale
            if not (peer.out or peer.asking or has_all) and now >= peer.ask_at:
                peer.asking = True
                asked.append(Ask(name))
        return asked

    # --- what has become of it

    def heard(self, name: str, view: View, now: float) -> None:
        """The answer to Ask."""
        peer = self._peers[name]
        has = set(self._all) if view.whole else _marked(view, HERE)
        if not peer.at_it or len(has) > len(peer.has):
            peer.moved_at = now
        peer.known, peer.at_it = True, bool(view.marks)
        peer.has, peer.reads = has, _marked(view, COMING)
        peer.asking = peer.stale = False
        peer.heard_at, peer.ask_at = now, now + ASK_EVERY_S * max(2, len(self._peers))

    def unheard(self, name: str) -> None:
        """It doesn't answer."""
        self._peers[name].asking, self._peers[name].out = False, True

    def arrived(self, action: Take | Read) -> None:
        """It is right, and here."""
        self._missing.discard(action.number)
        self._over(action)

    def refused(self, action: Take, now: float) -> None:
        """It is there, and doesn't give the chunk."""
        self._over(action)
        peer = self._peers[action.peer]
        peer.refusals += 1
        peer.out = peer.out or peer.refusals > REFUSALS_MAX
        peer.stale, peer.ask_at = True, now + REFUSED_PAUSE_S

    def spoilt(self, action: Take) -> None:
        """It doesn't answer, or what it has sent is wrong."""
        self._over(action)
        self._peers[action.peer].out = True

    def unread(self, action: Read) -> None:
        """The store doesn't give it."""
        self._over(action)
        self._store_failed = True

    def _over(self, action: Take | Read) -> None:
        self._under_way.discard(action.number)
        if isinstance(action, Take):
            self._peers[action.peer].taking = False
        else:
            self._reading = False


def _before(name: str, number: int, me: str, peers: Sequence[str]) -> list[str]:
    """Who goes before this machine: everybody, where the others don't know it."""
    if me not in peers:
        return list(peers)
    own = _place(name, number, me)
    return [peer for peer in peers if _place(name, number, peer) < own]


def _place(name: str, number: int, peer: str) -> bytes:
    return hashlib.blake2b(f"{name} {number} {peer}".encode(), digest_size=8).digest()


def _marked(view: View, mark: int) -> set[int]:
    return {number for number, found in enumerate(view.marks) if found == mark}
