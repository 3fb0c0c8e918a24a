"""Which replicas a DataNode has, and what each event does to them. Pure.

Rules
- One replica per block. A replica with an older stamp gives way to a whole newer copy,
  never to a pipeline. So does one of the same stamp that can't become whole by itself:
  it waits for recovery, is damaged, or was left open by a pipeline that went on without it.
- An open replica (RBW) that the node finds after a restart waits for recovery (RWR):
  nobody writes to it until an update gives it a new stamp and a length.
- An update gives a newer stamp. One that comes again with the stamp that the replica has by now
  changes nothing: the replica may have grown since, and those bytes are acknowledged.
- A recovery with a stamp promises this replica to itself: writers of older stamps and
  recoveries with lower stamps are refused from then on.
- An order to delete names a stamp; a replica that has got a newer one since stays.
- `check` says whether an event is legal, the shell makes it durable, `apply` takes note
  of it and returns what the NameNode must hear.
"""

from collections import deque
from collections.abc import Iterable
from enum import Enum
from typing import Final

from blockstore.errors import InvalidRequestException, ReplicaNotFoundException
from blockstore.model import Block, Replica, ReplicaState

# Enough to see what the last minutes did to a replica that behaves strangely.
STORY_LENGTH: Final = 1_000


class Event(Enum):
    """What happens to a replica."""

    CREATE = "a client begins to write it"
    RESUME = "a client goes on writing it"
    COPY = "a whole copy of it has arrived"
    JOIN = "a copy has arrived that a client goes on writing"
    FINALIZE = "its writer ended it"
    UPDATE = "it was cut and stamped for a rebuilt pipeline"
    UPDATE_FINAL = "it was cut, stamped and finalised by a recovery"
    DELETE = "it was removed"
    ROT = "its bytes don't match their checksums"
    LOST = "its volume failed"


_ABSENT, _RBW, _RWR = ReplicaState.ABSENT, ReplicaState.RBW, ReplicaState.RWR
_FINALIZED, _CORRUPT = ReplicaState.FINALIZED, ReplicaState.CORRUPT

TRANSITIONS: Final = {
    (_ABSENT, Event.CREATE): _RBW,
    (_ABSENT, Event.COPY): _FINALIZED,
    (_ABSENT, Event.JOIN): _RBW,
    (_RBW, Event.RESUME): _RBW,
    (_RBW, Event.FINALIZE): _FINALIZED,
    (_RBW, Event.UPDATE): _RBW,
    (_RBW, Event.UPDATE_FINAL): _FINALIZED,
    (_RBW, Event.COPY): _FINALIZED,
    (_RBW, Event.JOIN): _RBW,
    (_RBW, Event.DELETE): _ABSENT,
    (_RBW, Event.LOST): _ABSENT,
    (_RWR, Event.UPDATE): _RBW,
    (_RWR, Event.UPDATE_FINAL): _FINALIZED,
    (_RWR, Event.COPY): _FINALIZED,
    (_RWR, Event.JOIN): _RBW,
    (_RWR, Event.DELETE): _ABSENT,
    (_RWR, Event.LOST): _ABSENT,
    (_FINALIZED, Event.UPDATE): _RBW,
    (_FINALIZED, Event.UPDATE_FINAL): _FINALIZED,
    (_FINALIZED, Event.COPY): _FINALIZED,
    (_FINALIZED, Event.JOIN): _RBW,
    (_FINALIZED, Event.DELETE): _ABSENT,
    (_FINALIZED, Event.ROT): _CORRUPT,
    (_FINALIZED, Event.LOST): _ABSENT,
    (_CORRUPT, Event.COPY): _FINALIZED,
    (_CORRUPT, Event.JOIN): _RBW,
    (_CORRUPT, Event.DELETE): _ABSENT,
    (_CORRUPT, Event.ROT): _CORRUPT,
    (_CORRUPT, Event.LOST): _ABSENT,
}

_SAME_STAMP: Final = frozenset({Event.RESUME, Event.FINALIZE})
_ARRIVALS: Final = frozenset({Event.COPY, Event.JOIN})
_UPDATES: Final = frozenset({Event.UPDATE, Event.UPDATE_FINAL})


class Replicas:
    """The replicas of one DataNode."""

    def __init__(self, found: Iterable[Replica] = ()) -> None:
        """`found` is what was on the disks: open replicas wait for recovery."""
        self._replicas: dict[int, Replica] = {}
        # The highest stamp of a recovery that was promised a replica.
        self._promised: dict[int, int] = {}
        self._story: deque[tuple[int, Event, Replica]] = deque(maxlen=STORY_LENGTH)
        for replica in found:
            state = _RWR if replica.state is _RBW else replica.state
            self._replicas[replica.block.id] = Replica(replica.block, state)

    def __len__(self) -> int:
        return len(self._replicas)

    def get(self, block_id: int) -> Replica:
        return self._replicas.get(block_id) or Replica(Block(block_id, 0), _ABSENT)

    def report(self) -> list[Replica]:
        """Everything that a full report names; damaged replicas are reported one by one."""
        return [r for r in self._replicas.values() if r.state is not _CORRUPT]

    def damaged(self) -> list[Replica]:
        return [r for r in self._replicas.values() if r.state is _CORRUPT]

    def story(self, block_id: int) -> str:
        """What happened to a replica lately, for error messages."""
        return "; ".join(
            f"{event.name} → {after.state.name} {after.block} {after.block.length}"
            for found, event, after in self._story
            if found == block_id
        )

    def check(
        self, event: Event, block: Block, *, since: int = 0, written: bool = False
    ) -> Replica:
        """The replica as it is, if `event` may happen to it with the stamp and length of `block`.

        `since` is the oldest stamp that an update accepts; `written`: a stream writes it now.

        Raises:
            ReplicaNotFoundException: there is none, or it has an older stamp.
            InvalidRequestException: its state or stamp forbids the event.
        """
        held = self.get(block.id)
        if (held.state, event) not in TRANSITIONS:
            self._refuse(held, event, block)
        generation = held.block.generation
        if event in _SAME_STAMP and generation != block.generation:
            self._refuse(held, event, block)
        if event in _ARRIVALS and held.state is not _ABSENT:
            incomplete = held.state in (_RWR, _CORRUPT) or (held.state is _RBW and not written)
            redo = incomplete and generation == block.generation
            if generation >= block.generation and not redo:
                self._refuse(held, event, block)
        if event in _UPDATES and not since <= generation < block.generation:
            self._refuse(held, event, block)
        if event in _UPDATES and held.block.length < block.length:
            self._refuse(held, event, block)
        if event is Event.DELETE and generation > block.generation:
            self._refuse(held, event, block)
        if event in _SAME_STAMP | _UPDATES and self._promised.get(block.id, 0) > block.generation:
            raise InvalidRequestException(
                f"{block} is under recovery with stamp {self._promised[block.id]}"
            )
        return held

    def apply(self, event: Event, block: Block) -> tuple[Replica, ...]:
        """Takes note of an event that was checked and performed; returns the reports."""
        held = self.get(block.id)
        after = TRANSITIONS[held.state, event]
        self._story.append((block.id, event, Replica(block, after)))
        if after is _ABSENT:
            del self._replicas[block.id]
            self._promised.pop(block.id, None)
            return (Replica(held.block, ReplicaState.DELETED),)
        replica = self._replicas[block.id] = Replica(block, after)
        if self._promised.get(block.id, 0) <= block.generation:
            self._promised.pop(block.id, None)
        # Open replicas are known from their pipeline; one that was durable before isn't now.
        if after is _RBW and held.state is not _FINALIZED:
            return ()
        return (replica,)

    def grow(self, block: Block) -> None:
        """An open replica has got longer."""
        self._replicas[block.id] = Replica(block, _RBW)

    def promise(self, block: Block, recovery: int) -> Replica:
        """Gives the replica to the recovery with this stamp; returns it as it is.

        Raises:
            InvalidRequestException: a recovery with a higher stamp was here already.
        """
        held = self.get(block.id)
        if max(held.block.generation, self._promised.get(block.id, 0)) > recovery:
            raise InvalidRequestException(
                f"{held.block}: recovery {recovery} comes too late: {self.story(block.id)}"
            )
        if held.state is not _ABSENT:
            self._promised[block.id] = recovery
        return held

    def _refuse(self, held: Replica, event: Event, block: Block) -> None:
        message = (
            f"{event.name} of {block} (length {block.length}) is refused: this DataNode has it as "
            f"{held.state.name} {held.block} (length {held.block.length})"
        )
        if story := self.story(block.id):
            message += f": {story}"
        if held.state is _ABSENT or held.block.generation < block.generation:
            raise ReplicaNotFoundException(message)
        raise InvalidRequestException(message)
