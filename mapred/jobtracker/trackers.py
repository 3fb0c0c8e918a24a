"""The trackers that have a session, and what they have in hand. Nothing here is journaled.

Rules
- A session begins with a registration; another incarnation, or a tracker declared dead, must
  register before anything it says counts.
- An attempt takes a slot from its launch until the tracker has said that it ended: a kill
  order alone frees nothing.
- Behind the slots there is a queue, for short tasks (assigning.py). The tracker starts what is
  queued in the order in which it came, so what runs is known here without being told. What is
  queued is promised its memory when it starts.
- Trackers that the replayed history knows are expected: they get `dead_after_s` to register.
"""

from collections.abc import Callable, Iterable, Iterator
from math import inf

from blockstore.runtime.liveness import Liveness, State
from blockstore.runtime.mailbox import Inbox, Outbox
from mapred.jobtracker.fitness import fits
from mapred.model import (
    AttemptId,
    JobSpec,
    TaskKind,
    TrackerEvent,
    TrackerInfo,
    TrackerOrder,
    TrackerStatus,
)


class Tracker:
    """One session of one tracker."""

    def __init__(
        self,
        info: TrackerInfo,
        attempts: Iterable[AttemptId],
        memory_of: Callable[[AttemptId, TrackerInfo], int] = lambda _, info: info.share_bytes,
    ) -> None:
        self.info = info
        self.outbox: Outbox[TrackerOrder] = Outbox()
        self.inbox: Inbox[TrackerEvent] = Inbox()
        # With the memory that each was promised.
        self.occupied: dict[AttemptId, int] = {}
        self._promised_bytes = 0
        self._running = dict.fromkeys(TaskKind, 0)
        # Of what is occupied, what hasn't started: with the memory that it will be promised.
        self.queued: dict[TaskKind, dict[AttemptId, int]] = {kind: {} for kind in TaskKind}
        # Who is told when a slot is taken or freed.
        self.on_slots: Callable[[Tracker], None] = lambda _: None
        for attempt in attempts:
            self.occupy(attempt, memory_of(attempt, info))
        # Hosts under which splits may name this machine.
        self.names = (info.host, *(a for a in info.host_aliases if a != info.host))
        # Jobs it was told of and not yet told to forget.
        self.jobs: set[str] = {attempt.job_id for attempt in self.occupied}

    def __repr__(self) -> str:
        return f"Tracker({self.id}#{self.info.incarnation}, {len(self.occupied)} attempts)"

    @property
    def id(self) -> str:
        return self.info.tracker_id

    @property
    def without_words(self) -> str:
        """Why what this session doesn't list is lost."""
        bad = ", ".join(self.info.bad_directories)
        return f"tracker {self.id} came back without it" + (f"; not used: {bad}" if bad else "")

    def slots(self, kind: TaskKind) -> int:
        return self.info.map_slots if kind is TaskKind.MAP else self.info.reduce_slots

    def occupy(self, attempt: AttemptId, memory_bytes: int = 0) -> bool:
        """Whether it has a slot; else it is queued."""
        if attempt not in self.occupied:
            starts = self.free(attempt.kind) > 0
            self.occupied[attempt] = 0
            if starts:
                self._start(attempt, memory_bytes)
            else:
                self.queued[attempt.kind][attempt] = memory_bytes
            self.on_slots(self)
        return attempt not in self.queued[attempt.kind]

    def _start(self, attempt: AttemptId, memory_bytes: int) -> None:
        self.occupied[attempt] = memory_bytes
        self._promised_bytes += memory_bytes
        self._running[attempt.kind] += 1

    def vacate(self, attempt: AttemptId) -> AttemptId | None:
        """The queued attempt that has its slot now, if any."""
        if attempt not in self.occupied:
            return None
        queue = self.queued[attempt.kind]
        self._promised_bytes -= self.occupied.pop(attempt)
        following = None
        if queue.pop(attempt, None) is None:
            self._running[attempt.kind] -= 1
            following = next(iter(queue), None)
            if following is not None:
                self._start(following, queue.pop(following))
        self.on_slots(self)
        return following

    def running(self, kind: TaskKind) -> int:
        return self._running[kind]

    def free(self, kind: TaskKind) -> int:
        return self.slots(kind) - self.running(kind)

    def may_queue(self, kind: TaskKind, depth: int) -> bool:
        """Whether its slots are all taken, and fewer than so many a slot wait behind them."""
        return self.free(kind) == 0 and len(self.queued[kind]) < depth * self.slots(kind)

    @property
    def spare_bytes(self) -> float:
        """Promised to nobody."""
        return self.info.memory_bytes - self._promised_bytes if self.info.memory_bytes else inf

    def following_bytes(self, kind: TaskKind) -> float:
        """What an attempt that follows any that runs is sure to find."""
        running = [
            memory
            for attempt, memory in self.occupied.items()
            if attempt.kind is kind and attempt not in self.queued[kind]
        ]
        return min(running, default=0) if self.info.memory_bytes else inf

    def has_memory(self, wanted_bytes: int) -> bool:
        return wanted_bytes <= self.spare_bytes

    def fits(self, spec: JobSpec) -> bool:
        return fits(spec, self.info)


class Trackers:
    """All sessions, by tracker id."""

    def __init__(self, *, dead_after_s: float) -> None:
        self.live: dict[str, Tracker] = {}
        # Those with a free slot: an event finds them without a look at all others.
        self.free: dict[TaskKind, dict[str, Tracker]] = {kind: {} for kind in TaskKind}
        # Those with something queued.
        self.queueing: dict[str, Tracker] = {}
        # Rises when a session begins or ends.
        self.version = 0
        self._gone: dict[str, TrackerInfo] = {}
        self._liveness: Liveness[str] = Liveness(
            stale_after_s=dead_after_s, dead_after_s=dead_after_s
        )

    def __iter__(self) -> Iterator[Tracker]:
        return iter(self.live.values())

    def expect(self, tracker_id: str, now: float) -> None:
        """Gives a tracker that isn't registered the time to do so."""
        self._liveness.heard(tracker_id, now)

    def expected(self, tracker_id: str, now: float) -> bool:
        return self._liveness.state(tracker_id, now) is not State.DEAD

    def silence_s(self, tracker_id: str, now: float) -> float:
        """Since a live or expected tracker was last heard of."""
        return self._liveness.silence_s(tracker_id, now)

    def session(self, tracker_id: str, incarnation: int) -> Tracker | None:
        tracker = self.live.get(tracker_id)
        return tracker if tracker and tracker.info.incarnation == incarnation else None

    def begin(self, tracker: Tracker, now: float) -> None:
        self.live[tracker.id] = tracker
        self.version += 1
        tracker.on_slots = self._look_for_room
        self._look_for_room(tracker)
        self._gone.pop(tracker.id, None)
        self._liveness.heard(tracker.id, now)

    def _look_for_room(self, tracker: Tracker) -> None:
        if self.live.get(tracker.id) is tracker:
            for kind, free in self.free.items():
                if tracker.free(kind) > 0:
                    free[tracker.id] = tracker
                else:
                    free.pop(tracker.id, None)
            if any(tracker.queued.values()):
                self.queueing[tracker.id] = tracker
            else:
                self.queueing.pop(tracker.id, None)

    def find(self, name: str) -> str | None:
        """The id of a tracker, live or not, that is called so: by id or host:port."""
        infos = [tracker.info for tracker in self] + list(self._gone.values())
        for info in infos:
            if name in (info.tracker_id, f"{info.host}:{info.port}"):
                return info.tracker_id
        return None

    def heard(self, tracker_id: str, now: float) -> None:
        self._liveness.heard(tracker_id, now)

    def newly_dead(self, now: float) -> list[str]:
        """Trackers whose time is up, each once; their sessions are over."""
        dead = self._liveness.newly_dead(now)
        for tracker_id in dead:
            if tracker := self.live.pop(tracker_id, None):
                self._gone[tracker_id] = tracker.info
                self.version += 1
                for listed in (*self.free.values(), self.queueing):
                    listed.pop(tracker_id, None)
        return dead

    def status(self, now: float) -> list[TrackerStatus]:
        """Sorted by id; the dead ones too, until they come back."""
        live = [
            TrackerStatus(
                tracker.info,
                "live",
                self._liveness.silence_s(tracker.id, now),
                tracker.running(TaskKind.MAP),
                tracker.running(TaskKind.REDUCE),
            )
            for tracker in self
        ]
        dead = [
            TrackerStatus(info, "dead", self._liveness.silence_s(tracker_id, now), 0, 0)
            for tracker_id, info in self._gone.items()
        ]
        return sorted(live + dead, key=lambda status: status.info.tracker_id)
