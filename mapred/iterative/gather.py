"""A large file of a state comes to this machine: chunk by chunk, from other machines or the store.

What is asked whom for is decided in swarm.py; here are the threads and the bytes.
"""

import contextlib
import logging
import queue
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, BinaryIO, Final, Protocol, TypeAlias, runtime_checkable

from blockstore.errors import StoreError
from mapred.errors import FetchError
from mapred.iterative.chunks import Chunks
from mapred.iterative.partialcopy import COMING, MISSING, PartialCopy, View
from mapred.iterative.swarm import LANES, Action, Ask, Read, Swarm, Take
from mapred.storage.port import Storage

log = logging.getLogger(__name__)

# Questions on their way; they are small, and one may wait for a machine that is gone.
_ASKING_AT_ONCE: Final = 8
# How long nothing at all may have to be decided.
_LOOK_AGAIN_S: Final = 0.25


class NotWholeError(OSError):
    """What was read has another hash."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A tracker, and where it is reached."""

    tracker_id: str
    host: str
    port: int


class Peers(Protocol):
    """What other trackers have of a loop's states. Thread-safe; every call ends in time."""

    def view(self, peer: Peer, sha256: str) -> View:
        """Raises StoreError: it doesn't answer."""
        ...

    def chunk(self, peer: Peer, chunks: Chunks, number: int) -> bytes:
        """Raises FetchError: it won't give it just now. StoreError: it doesn't answer."""
        ...

    def close(self) -> None: ...


class Alone:
    """There is no other."""

    def view(self, peer: Peer, sha256: str) -> View:
        raise StoreError(f"nobody is there, nor is {peer}")

    def chunk(self, peer: Peer, chunks: Chunks, number: int) -> bytes:
        raise StoreError(f"nobody is there, nor is {peer}")

    def close(self) -> None:
        pass


@dataclass(slots=True)
class Traffic:
    """Where the bytes came from."""

    from_store: int = 0
    from_peers: int = 0
    # Chunks with other bytes than the driver's.
    wrong: int = 0
    # Trackers that weren't asked any more, because they didn't answer or sent such chunks.
    given_up: int = 0


@runtime_checkable
class _Positioned(Protocol):
    def pread(self, offset: int, length: int) -> bytes: ...


_Answer: TypeAlias = Callable[[float], None]


@dataclass
class Gathering:
    """One file. `run` is called once."""

    partial: PartialCopy
    uri: str
    storage: Storage
    peers: Peers
    me: str
    others: Sequence[Peer]
    traffic: Traffic
    clock: Callable[[], float] = time.monotonic
    _answers: "queue.SimpleQueue[_Answer]" = field(default_factory=queue.SimpleQueue)

    def __post_init__(self) -> None:
        name = self.partial.chunks.sha256
        self._by_id = {peer.tracker_id: peer for peer in self.others}
        self._swarm = Swarm(
            len(self.partial.chunks),
            name,
            self.me,
            list(self._by_id),
            here=self.partial.here,
            now=self.clock(),
            # Machines ask in different orders, and a repeated task in the same.
            rng=random.Random(f"{self.me} {name}"),
        )
        self._file: BinaryIO | None = None
        # Why the store doesn't give it.
        self._trouble: Exception | None = None

    def run(self) -> None:
        """Returns when all of it is here.

        Raises:
            NotWholeError: there are other bytes in the store.
            OSError: they can't be read there, and nobody else has them.
        """
        asking = ThreadPoolExecutor(_ASKING_AT_ONCE, thread_name_prefix="ask")
        with contextlib.ExitStack() as ending:
            # Who doesn't answer isn't waited for.
            ending.callback(asking.shutdown, wait=False, cancel_futures=True)
            ending.callback(lambda: self._file and self._file.close())
            lanes = ending.enter_context(ThreadPoolExecutor(LANES, thread_name_prefix="chunk"))
            while not self._swarm.done:
                self._begin(self._swarm.next(self.clock()), asking, lanes)
                self._take_answers()
                if self._trouble and self._swarm.hopeless(self.clock()):
                    raise self._trouble

    def _begin(
        self, actions: Sequence[Action], asking: ThreadPoolExecutor, lanes: ThreadPoolExecutor
    ) -> None:
        for action in actions:
            match action:
                case Ask():
                    asking.submit(self._answered, self._ask, action)
                case Take():
                    lanes.submit(self._answered, self._take, action)
                case Read(number):
                    self.partial.mark(number, COMING)
                    lanes.submit(self._answered, self._read, action)

    def _take_answers(self) -> None:
        now = self.clock()
        pause = min(self._swarm.wake_at(now) - now, _LOOK_AGAIN_S)
        with contextlib.suppress(queue.Empty):
            self._answers.get(timeout=max(pause, 0.001))(self.clock())
            while True:
                self._answers.get_nowait()(self.clock())

    # --- on other threads: each ends in one answer

    def _answered(self, work: Callable[[Any], _Answer], action: Action) -> None:
        try:
            answer = work(action)
        except BaseException as error:
            answer = partial(_raise, error)
        self._answers.put(answer)

    def _ask(self, action: Ask) -> _Answer:
        try:
            view = self.peers.view(self._by_id[action.peer], self.partial.chunks.sha256)
        except (StoreError, FetchError) as error:
            return partial(self._unheard, action, str(error))
        return partial(self._swarm.heard, action.peer, view)

    def _take(self, action: Take) -> _Answer:
        chunks = self.partial.chunks
        try:
            data = self.peers.chunk(self._by_id[action.peer], chunks, action.number)
        except FetchError:
            return partial(self._swarm.refused, action)
        except StoreError as error:
            return partial(self._spoilt, action, str(error))
        if not chunks.is_right(action.number, data):
            return partial(self._wrong, action)
        self.partial.write(action.number, data)
        return partial(self._taken, action)

    def _read(self, action: Read) -> _Answer:
        chunks, number = self.partial.chunks, action.number
        try:
            data = self._from_store(chunks.start(number), chunks.size(number))
            if not chunks.is_right(number, data):
                raise NotWholeError(
                    f"{self.uri} has other bytes than were sent, in its chunk {number} "
                    f"of {len(chunks)}"
                )
        except (StoreError, OSError) as error:
            self.partial.mark(number, MISSING)
            return partial(self._unread, action, error)
        self.partial.write(number, data)
        return partial(self._taken, action)

    def _from_store(self, start: int, size: int) -> bytes:
        """One thread at a time."""
        if self._file is None:
            self._file = self.storage.open_read(self.uri)
        if isinstance(self._file, _Positioned):
            # Which asks for no more than these.
            return self._file.pread(start, size)
        self._file.seek(start)
        return self._file.read(size)

    # --- what has become of it

    def _taken(self, action: Take | Read, now: float) -> None:
        self._swarm.arrived(action)
        size = self.partial.chunks.size(action.number)
        if isinstance(action, Read):
            self.traffic.from_store += size
        else:
            self.traffic.from_peers += size

    def _unheard(self, action: Ask, why: str, now: float) -> None:
        self._give_up(action.peer, why)
        self._swarm.unheard(action.peer)

    def _spoilt(self, action: Take, why: str, now: float) -> None:
        self._give_up(action.peer, why)
        self._swarm.spoilt(action)

    def _wrong(self, action: Take, now: float) -> None:
        self.traffic.wrong += 1
        self._give_up(action.peer, f"chunk {action.number} of it has other bytes than were sent")
        self._swarm.spoilt(action)

    def _unread(self, action: Read, why: Exception, now: float) -> None:
        log.warning("%s isn't read from the store any more: %s", self.uri, why)
        self._trouble = why
        self._swarm.unread(action)

    def _give_up(self, tracker_id: str, why: str) -> None:
        self.traffic.given_up += 1
        peer = self._by_id[tracker_id]
        log.warning(
            "state-%s: tracker %s at %s:%d isn't asked any more: %s",
            self.partial.chunks.sha256[:12],
            tracker_id,
            peer.host,
            peer.port,
            why,
        )


def _raise(error: BaseException, now: float) -> None:
    raise error
