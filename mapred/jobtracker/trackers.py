"""The trackers that have a session, and what they have in hand. Nothing here is journaled.

Rules
- A session begins with a registration; another incarnation, or a tracker declared dead, must
  register before anything it says counts.
- An attempt takes its slots from its launch until the tracker has said that it ended: a kill
  order alone frees nothing.
- Behind the slots there is a queue, for short tasks (assigning.py). The tracker starts what is
  queued in the order in which it came, so what runs is known here without being told. What is
  queued is promised its memory when it starts. Nothing is queued behind a task of several slots,
  whose end would start several at once.
- Trackers that the replayed history knows are expected: they get `dead_after_s` to register.
"""

from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import Final

from blockstore.runtime.liveness import Liveness, State
from blockstore.runtime.mailbox import Inbox, Outbox
from mapred.jobtracker.accustomed import name_of
from mapred.jobtracker.fitness import fits
from mapred.jobtracker.memory import Portion
from mapred.model import (
    AttemptId,
    JobSpec,
    TaskKind,
    TrackerEvent,
    TrackerInfo,
    TrackerOrder,
    TrackerStatus,
)

_PLAIN: Final = Portion()


class Tracker:
    """One session of one tracker."""

    def __init__(
        self,
        info: TrackerInfo,
        attempts: Iterable[AttemptId],
        portion_of: Callable[[AttemptId, TrackerInfo], Portion] = (
            lambda _, info: Portion(info.share_bytes)
        ),
    ) -> None:
        self.info = info
        self.id = info.tracker_id
        self.outbox: Outbox[TrackerOrder] = Outbox()
        self.inbox: Inbox[TrackerEvent] = Inbox()
        # Of the outputs of jobs' maps (joboutputs.py).
        self.told: dict[str, tuple[int, int]] = {}
        # With what each was promised.
        self.occupied: dict[AttemptId, Portion] = {}
        self._promised_bytes = 0
        self._running = dict.fromkeys(TaskKind, 0)
        self._slots_taken = dict.fromkeys(TaskKind, 0)
        # Of what is occupied, what hasn't started.
        self.queued: dict[TaskKind, dict[AttemptId, Portion]] = {kind: {} for kind in TaskKind}
        # Who is told when a slot is taken or freed.
        self.on_slots: Callable[[Tracker], None] = lambda _: None
        for attempt in attempts:
            self.occupy(attempt, portion_of(attempt, info))
        # Under which splits may name this tracker, and then its machine.
        aliases = (a for a in info.host_aliases if a != info.host)
        self.names = (name_of(info.tracker_id), info.host, *aliases)
        # Jobs it was told of and not yet told to forget.
        self.jobs: set[str] = {attempt.job_id for attempt in self.occupied}

    def __repr__(self) -> str:
        return f"Tracker({self.id}#{self.info.incarnation}, {len(self.occupied)} attempts)"

    @property
    def without_words(self) -> str:
        """Why what this session doesn't list is lost."""
        bad = ", ".join(self.info.bad_directories)
        return f"tracker {self.id} came back without it" + (f"; not used: {bad}" if bad else "")

    def slots(self, kind: TaskKind) -> int:
        return self.info.slots(kind)

    def occupy(self, attempt: AttemptId, portion: Portion = _PLAIN) -> bool:
        """Whether it has its slots; else it is queued."""
        if attempt not in self.occupied:
            starts = portion.slots <= self.free(attempt.kind)
            self.occupied[attempt] = portion
            if starts:
                self._start(attempt, portion)
            else:
                self.queued[attempt.kind][attempt] = portion
            self.on_slots(self)
        return attempt not in self.queued[attempt.kind]

    def _start(self, attempt: AttemptId, portion: Portion) -> None:
        self._promised_bytes += portion.memory_bytes
        self._slots_taken[attempt.kind] += portion.slots
        self._running[attempt.kind] += 1

    def vacate(self, attempt: AttemptId) -> list[AttemptId]:
        """The queued attempts that have its slots now."""
        if attempt not in self.occupied:
            return []
        kind = attempt.kind
        queue, portion = self.queued[kind], self.occupied.pop(attempt)
        if queue.pop(attempt, None) is None:
            self._promised_bytes -= portion.memory_bytes
            self._slots_taken[kind] -= portion.slots
            self._running[kind] -= 1
        started = []
        while queue:
            following = next(iter(queue))
            if queue[following].slots > self.idle(kind):
                break
            self._start(following, queue.pop(following))
            started.append(following)
        self.on_slots(self)
        return started

    def running(self, kind: TaskKind) -> int:
        return self._running[kind]

    def idle(self, kind: TaskKind) -> int:
        """Slots that nothing runs in, though something may wait for more of them."""
        return self.info.slots(kind) - self._slots_taken[kind]

    def free(self, kind: TaskKind) -> int:
        """Slots for what comes next."""
        return 0 if self.queued[kind] else self.idle(kind)

    def may_queue(self, kind: TaskKind, depth: int) -> bool:
        """Whether its slots are all taken, one by each attempt, and fewer than so many a slot wait
        behind them."""
        return (
            self._running[kind] == self.info.slots(kind)
            and len(self.queued[kind]) < depth * self._running[kind]
        )

    @property
    def spare_bytes(self) -> float:
        """Promised to nobody."""
        return self.info.memory_bytes - self._promised_bytes if self.info.memory_bytes else inf

    @property
    def passing_bytes(self) -> float:
        """Promised to nobody that runs for ever."""
        lasting = (p.memory_bytes for a, p in self.occupied.items() if a.kind is TaskKind.SERVICE)
        return self.info.memory_bytes - sum(lasting) if self.info.memory_bytes else inf

    def following_bytes(self, kind: TaskKind) -> float:
        """What an attempt that follows any that runs is sure to find."""
        running = [
            portion.memory_bytes
            for attempt, portion in self.occupied.items()
            if attempt.kind is kind and attempt not in self.queued[kind]
        ]
        return min(running, default=0) if self.info.memory_bytes else inf

    def has_memory(self, wanted_bytes: int) -> bool:
        return wanted_bytes <= self.spare_bytes

    def has_room(self, kind: TaskKind, portion: Portion) -> bool:
        return portion.slots <= self.free(kind) and self.has_memory(portion.memory_bytes)

    def fits(self, spec: JobSpec) -> bool:
        return fits(spec, self.info)


class Trackers:
    """All sessions, by tracker id."""

    def __init__(self, *, dead_after_s: float) -> None:
        self.live: dict[str, Tracker] = {}
        # Those with a free slot: an event finds them without a look at all others.
        self.free: dict[TaskKind, dict[str, Tracker]] = {kind: {} for kind in TaskKind}
        # Of those, the ones whose room has changed since they were asked last (assigning.py).
        self.stirred: dict[TaskKind, dict[str, Tracker]] = {kind: {} for kind in TaskKind}
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
                    free[tracker.id] = self.stirred[kind][tracker.id] = tracker
                else:
                    free.pop(tracker.id, None)
                    self.stirred[kind].pop(tracker.id, None)
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
                for listed in (*self.free.values(), *self.stirred.values(), self.queueing):
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
