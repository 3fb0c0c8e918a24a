"""The JobTracker's core with a large cluster in virtual time: the real core, no process, no wire.

Every task takes a drawn time; trackers report it, obey their orders at once, and beat once a
second with the progress of all that they run. An event is the launch of an attempt or its end:
heartbeats, ticks, commits and progress cost what they cost, and don't count. What is measured is
processor time.
"""

import heapq
import random
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from mapred.jobtracker.collecting import Collecting
from mapred.jobtracker.core import JobTracker
from mapred.jobtracker.ready import Action, Outcome, Ready
from mapred.jobtracker.settings import JobTrackerSettings
from mapred.model import (
    AttemptDone,
    AttemptFailed,
    AttemptId,
    Failure,
    FailureKind,
    JobSpec,
    KillAttempt,
    Launch,
    MapOutput,
    Progress,
    Split,
    TaskKind,
    TrackerEvent,
    TrackerInfo,
)
from mapred.tracking import Heartbeat, Registration

# Without news; what has any comes at once.
BEAT_S = 1.0
TASK_S = (5.0, 15.0)


@dataclass
class Tally:
    """What the run cost."""

    # Launches and ends of attempts.
    events: int = 0
    beats: int = 0
    tasks: int = 0
    core_s: float = 0.0
    # Of one call, the longest.
    slowest_s: float = 0.0
    # With all jobs submitted, and the most that there ever was; of the process.
    submitted_bytes: int = 0
    most_bytes: int = 0
    virtual_s: float = 0.0

    @property
    def events_per_s(self) -> float:
        return self.events / self.core_s


@dataclass
class _Tracker:
    info: TrackerInfo
    seen: int = 0
    sent: int = 0
    events: list[tuple[int, TrackerEvent]] = field(default_factory=list)
    # Since when, and how long.
    running: dict[AttemptId, tuple[float, float]] = field(default_factory=dict)
    next_beat_at: float = 0.0


def resident_bytes() -> int:
    """Of this process now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


class BigCluster:
    """One run; `go` returns when every job has ended."""

    def __init__(
        self,
        trackers: int,
        jobs: int,
        maps: int,
        reduces: int,
        seed: int = 1,
        beat_s: float = BEAT_S,
    ) -> None:
        self.tally = Tally()
        self._beat_s = beat_s
        self._collecting = Collecting()
        self._rng = random.Random(seed)
        self._core = JobTracker(JobTrackerSettings(jobs_kept=10))
        self._queue: list[tuple[float, int, _Tracker | None, AttemptId | None]] = []
        self._numbers = 0
        self._now = 0.0
        self._reduces = reduces
        self._trackers = {
            f"t{n}": _Tracker(TrackerInfo(f"t{n}", 1, f"h{n}", 1, 2, 2)) for n in range(trackers)
        }
        self._take(self._core.begin(0.0, 1.7e9))
        for tracker in self._trackers.values():
            self._take(self._core.register(Registration(tracker.info), 0.0)[1])
            self._later(self._rng.uniform(0, beat_s), tracker, None)
        hosts = [f"h{n}" for n in range(trackers)]
        for number in range(jobs):
            splits = tuple(
                Split("bs:///in", at, 1, tuple(self._rng.sample(hosts, 3))) for at in range(maps)
            )
            spec = JobSpec(
                f"j{number}", "me", "", "", "m", "J", splits, reduces, f"bs:///o{number}"
            )
            self._take(self._core.submit(spec, f"r{number}", 0.0)[1])
        self._later(0.1, None, None)
        self.tally.submitted_bytes = resident_bytes()

    def go(self, *, events_max: float = inf) -> Tally:
        while self._queue and self.tally.events < events_max and self._core.book.jobs:
            self._now, _, tracker, attempt = heapq.heappop(self._queue)
            if tracker is None:
                self._take(self._timed(lambda: self._core.tick(self._now)))
                self._collecting.look(len(self._core.book.jobs))
                self._later(0.1, None, None)
            elif attempt is None:
                self._beat(tracker, self._progress(tracker))
                if self._now >= tracker.next_beat_at:
                    tracker.next_beat_at = self._now + self._beat_s
                    self._later(self._beat_s, tracker, None)
            elif attempt in tracker.running:
                del tracker.running[attempt]
                self._report(tracker, self._done(tracker, attempt))
                self.tally.tasks += 1
                self._beat(tracker)
        self.tally.virtual_s = self._now
        self.tally.most_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return self.tally

    def _done(self, tracker: _Tracker, attempt: AttemptId) -> AttemptDone:
        if attempt.kind is TaskKind.MAP and self._reduces:
            output = MapOutput(
                attempt.index,
                attempt.number,
                tracker.info.tracker_id,
                tracker.info.host,
                1,
                "/p",
                9,
            )
            return AttemptDone(attempt, {}, output)
        return AttemptDone(attempt, {}, None, "", f"part-{attempt.index}")

    def _report(self, tracker: _Tracker, event: TrackerEvent) -> None:
        self.tally.events += 1
        tracker.sent += 1
        tracker.events.append((tracker.sent, event))

    def _progress(self, tracker: _Tracker) -> tuple[Progress, ...]:
        return tuple(
            Progress(attempt, (self._now - since) / took_s)
            for attempt, (since, took_s) in tracker.running.items()
        )

    def _beat(self, tracker: _Tracker, progress: tuple[Progress, ...] = ()) -> None:
        self.tally.beats += 1
        name, epoch = tracker.info.tracker_id, self._core.epoch
        beat = Heartbeat(name, 1, epoch, tracker.seen, tuple(tracker.events), progress)
        self._take(self._timed(lambda: self._core.heartbeat(beat, self._now)))
        self._obey(tracker)

    def _obey(self, tracker: _Tracker) -> None:
        reply = self._core.reply(tracker.info.tracker_id, 1, self._core.epoch)
        tracker.events = [(seq, event) for seq, event in tracker.events if seq > reply.events_seen]
        for seq, order in reply.orders:
            if seq <= tracker.seen:
                continue
            tracker.seen = seq
            if isinstance(order, Launch):
                self.tally.events += 1
                took_s = self._rng.uniform(*TASK_S)
                tracker.running[order.attempt] = (self._now, took_s)
                self._later(took_s, tracker, order.attempt)
            elif isinstance(order, KillAttempt) and order.attempt in tracker.running:
                del tracker.running[order.attempt]
                killed = Failure(FailureKind.KILLED, order.reason)
                self._report(tracker, AttemptFailed(order.attempt, killed))
                self._later(0.0, tracker, None)

    def _timed(self, call: Callable[[], Ready]) -> Ready:
        began = time.process_time()
        ready = call()
        took = time.process_time() - began
        self.tally.core_s += took
        self.tally.slowest_s = max(self.tally.slowest_s, took)
        return ready

    def _take(self, ready: Ready) -> None:
        for action in ready.actions:
            self._take(self._performed(action))
        for name in sorted(ready.wakes):
            self._obey(self._trackers[name])

    def _performed(self, action: Action) -> Ready:
        return self._timed(lambda: self._core.performed(Outcome(action), self._now))

    def _later(self, seconds: float, tracker: _Tracker | None, attempt: AttemptId | None) -> None:
        self._numbers += 1
        heapq.heappush(self._queue, (self._now + seconds, self._numbers, tracker, attempt))
