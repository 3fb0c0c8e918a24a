"""A JobTracker with trackers of cardboard: orders are read as tests want to see them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from mapred.errors import MapredError
from mapred.jobtracker.core import JobTracker
from mapred.jobtracker.entries import Entry
from mapred.jobtracker.pools import Pools
from mapred.jobtracker.ready import Action, Outcome, Ready
from mapred.jobtracker.settings import JobTrackerSettings
from mapred.model import (
    AttemptDone,
    AttemptFailed,
    AttemptId,
    Failure,
    FailureKind,
    FetchFailed,
    ForgetJob,
    JobSpec,
    JobStatus,
    KillAttempt,
    Launch,
    MapOutput,
    OutputsReady,
    Split,
    TaskKind,
    TrackerEvent,
    TrackerInfo,
    TrackerOrder,
)
from mapred.tracking import Heartbeat, HeldOutput, Registration

# Of a split: more than a small job has.
LARGE = 1 << 30


def short(attempt: AttemptId) -> str:
    """ "m0.1": map 0, attempt 1."""
    return f"{attempt.kind.value}{attempt.index}.{attempt.number}"


class FakeTracker:
    """Says what the test wants, and remembers the orders it was given."""

    def __init__(self, master: "Master", name: str, host: str, slots: int) -> None:
        self.master = master
        self.info = TrackerInfo(name, 0, host, 7, slots, slots)
        self.running: dict[str, AttemptId] = {}
        self.held: dict[str, HeldOutput] = {}
        self.orders: list[TrackerOrder] = []
        self._events: list[TrackerEvent] = []
        self._seen = 0

    def register(self, *, keeps: bool = True) -> None:
        """A new session; without `keeps` the tracker has lost all it had."""
        self.info = replace(self.info, incarnation=self.info.incarnation + 1)
        if not keeps:
            self.running, self.held = {}, {}
        self._events, self._seen = [], 0
        registration = Registration(
            self.info, tuple(self.running.values()), tuple(self.held.values())
        )
        _, ready = self.master.core.register(registration, self.master.now)
        self.master.take(ready)

    def beat(self, *events: TrackerEvent) -> "FakeTracker":
        """One heartbeat; `said` shows the orders of its reply."""
        self._events += events
        numbered = tuple(enumerate(self._events, start=1))
        core = self.master.core
        heartbeat = Heartbeat(
            self.info.tracker_id, self.info.incarnation, core.epoch, self._seen, numbered
        )
        self.master.take(core.heartbeat(heartbeat, self.master.now))
        reply = core.reply(self.info.tracker_id, self.info.incarnation, core.epoch)
        for seq, order in reply.orders:
            if seq > self._seen:
                self._seen = seq
                self.orders.append(order)
                self._obey(order)
        return self

    def _obey(self, order: TrackerOrder) -> None:
        match order:
            case Launch(attempt):
                self.running[short(attempt)] = attempt
            case ForgetJob(job_id):
                self.held = {n: h for n, h in self.held.items() if h.attempt.job_id != job_id}

    @property
    def said(self) -> list[str]:
        """The orders since the last look, in words."""
        words, self.orders = [_in_words(order) for order in self.orders], []
        return words

    def done(self, name: str, further: tuple[str, ...] = ()) -> "FakeTracker":
        attempt = self.running.pop(name)
        if attempt.kind is TaskKind.MAP and self.master.reducers:
            output = MapOutput(
                attempt.index, attempt.number, self.info.tracker_id, self.info.host, 7, "/p", 10
            )
            self.held[name] = HeldOutput(attempt, output)
            return self.beat(AttemptDone(attempt, {("n", name[0]): 1}, output, further=further))
        part = f"part-{attempt.kind.value}-{attempt.index:05d}"
        uri = f"{self.master.output}/_temporary/{attempt}/{part}"
        return self.beat(AttemptDone(attempt, {("n", name[0]): 1}, None, uri, part))

    def failed(
        self, name: str, reason: str = "bad", kind: FailureKind = FailureKind.FAILED
    ) -> "FakeTracker":
        return self.beat(
            AttemptFailed(self.running.pop(name), Failure(kind, reason, host=self.info.host))
        )

    def cannot_fetch(self, reduce: str, map_name: str) -> "FakeTracker":
        index, _, number = map_name[1:].partition(".")
        return self.beat(FetchFailed(self.running[reduce], int(index), int(number), "refused"))


def _in_words(order: TrackerOrder) -> str:
    match order:
        case Launch(attempt):
            return f"launch {short(attempt)}"
        case KillAttempt(attempt):
            return f"kill {short(attempt)}"
        case OutputsReady(_, outputs):
            return "outputs " + ",".join(f"m{o.map_index}.{o.attempt_number}" for o in outputs)
        case ForgetJob():
            return "forget"
    raise AssertionError(order)


class Master:
    """The core with a clock that stands still; actions wait until `perform`."""

    def __init__(
        self, settings: JobTrackerSettings | None = None, pools: Pools | None = None
    ) -> None:
        self.now = 0.0
        self.pools = pools
        self.settings = settings or JobTrackerSettings(speculation=False)
        self.core = JobTracker(self.settings, pools)
        self.actions: list[Action] = []
        self.entries: list[Entry] = []
        self.trackers: dict[str, FakeTracker] = {}
        self.reducers = 0
        # Where hosts stand, as the block store would say.
        self.racks: dict[str, str] = {}
        self.output = "file:///out"
        self.take(self.core.begin(0.0, 1_700_000_000.0))

    def take(self, ready: Ready) -> None:
        self.core.check_invariants()
        self.entries += ready.entries
        self.actions += ready.actions

    def tracker(self, name: str, *, host: str = "", slots: int = 1) -> FakeTracker:
        tracker = self.trackers[name] = FakeTracker(self, name, host or f"host-{name}", slots)
        tracker.register()
        return tracker

    def submit(
        self,
        maps: int | Iterable[tuple[str, ...]] = 1,
        reducers: int = 0,
        *,
        request: str = "r",
        prepare: bool = True,
        split_bytes: int = LARGE,
        **spec: Any,
    ) -> str:
        """`maps`: how many, or the hosts of each split."""
        hosts = [()] * maps if isinstance(maps, int) else list(maps)
        splits = tuple(
            Split(
                "file:///in",
                i,
                split_bytes,
                tuple(h),
                racks=tuple(self.racks[name] for name in h if self.racks),
            )
            for i, h in enumerate(hosts)
        )
        self.reducers = reducers
        wanted = {"output_uri": self.output, "slowstart": 0.0} | spec
        job = JobSpec("wc", "me", "", "", "m", "J", splits, reducers, **wanted)
        job_id, ready = self.core.submit(job, request, self.now)
        self.take(ready)
        if prepare:
            self.perform()
        return job_id

    def _racks_of(self, hosts: Iterable[str]) -> tuple[str, ...]:
        return tuple(self.racks[name] for name in hosts) if self.racks else ()

    def perform(self, error: MapredError | None = None) -> list[str]:
        """Performs the actions asked for so far, and those that follow; their names."""
        names = []
        while self.actions:
            names.append(self.perform_one(error))
            error = None
        return names

    def perform_one(self, error: MapredError | None = None) -> str:
        action = self.actions.pop(0)
        self.take(self.core.performed(Outcome(action, error), self.now))
        return type(action).__name__

    def after(self, seconds: float) -> "Master":
        self.now += seconds
        self.take(self.core.tick(self.now))
        return self

    def status(self, job_id: str) -> JobStatus:
        return self.core.status(job_id)[0]

    def kill(self, job_id: str, reason: str = "enough") -> bool:
        killed, ready = self.core.kill(job_id, reason, self.now)
        self.take(ready)
        return killed

    def restart(self) -> None:
        """A crash: a new core with the same journal. No tracker has registered yet."""
        snapshot = self.core.snapshot()
        self.core = JobTracker(self.settings, self.pools)
        self.core.replay(snapshot)
        self.actions = []
        self.take(self.core.begin(self.now, 1_700_000_000.0 + self.now))


@pytest.fixture
def master() -> Master:
    return Master()
