"""The JobTracker's shell in the simulated world, as mapred/jobtracker/desk.py keeps it: the real
core, the real committer over an outlet, the real segments over a folder that forgets what wasn't
synced.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

from mapred.jobtracker.book import Book
from mapred.jobtracker.core import JobTracker
from mapred.jobtracker.entries import AttemptLaunched, Entry, needs_sync
from mapred.jobtracker.pools import Pools
from mapred.jobtracker.ready import Action, Ready
from mapred.jobtracker.receipts import Receipts
from mapred.jobtracker.segments import SegmentedHistory
from mapred.jobtracker.settings import JobTrackerSettings
from mapred.model import JobSpec, JobStatus, Priority
from mapred.tracking import Heartbeat, HeartbeatReply, Registered, Registration
from simulator.network import Host, Network
from simulator.outlets import Outlet
from simulator.world import Died, Future, World

SETTINGS = JobTrackerSettings(
    heartbeat_interval_s=1.0,
    dead_after_s=8.0,
    no_tracker_timeout_s=60.0,
    drain_s=4.0,
    tick_s=0.25,
)


class SimFolder:
    """A folder of segments that forgets what wasn't synced, perhaps in the middle of a line."""

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}
        self.synced: dict[str, int] = {}

    def names(self) -> list[str]:
        return list(self.files)

    def read(self, name: str) -> bytes:
        return bytes(self.files[name])

    def create(self, name: str) -> "_SimSegment":
        if name in self.files:
            raise FileExistsError(name)
        self.files[name], self.synced[name] = bytearray(), 0
        return _SimSegment(self, name)

    def delete(self, name: str) -> None:
        self.files.pop(name, None)
        self.synced.pop(name, None)

    def close(self) -> None:
        pass

    def crash(self, rng: random.Random) -> bool:
        """Whether a line was torn."""
        torn = False
        for name, data in self.files.items():
            kept = rng.randint(self.synced[name], len(data))
            torn = torn or 0 < kept < len(data)
            del data[kept:]
            self.synced[name] = kept
        return torn


class _SimSegment:
    def __init__(self, folder: SimFolder, name: str) -> None:
        self._folder = folder
        self._name = name

    def write(self, data: bytes, /) -> object:
        self._folder.files[self._name] += data
        return len(data)

    def sync(self) -> None:
        self._folder.synced[self._name] = len(self._folder.files[self._name])

    def close(self) -> None:
        pass

    def discard(self) -> None:
        self._folder.delete(self._name)


class JobTrackerHost(Host):
    """The one JobTracker."""

    def __init__(
        self,
        world: World,
        network: Network,
        outlet: Outlet,
        make_core: type[JobTracker] = JobTracker,
        pools: Pools | None = None,
    ) -> None:
        super().__init__(world, network, "jobtracker")
        self.core: JobTracker | None = None
        self.folder = SimFolder()
        # Every entry of every life, and how many of them may be told.
        self.written: list[Entry] = []
        self.durable = 0
        # Rises with what the core does.
        self.calls = self.checked = 0
        # Compares a replayed book with the entries of all lives; how many of them it has.
        self.on_recovered: Callable[[Book], int] = lambda _: len(self.written)
        # Looks at each launch, at once.
        self.on_launch: Callable[[JobTracker, AttemptLaunched], None] = lambda _, __: None
        self._outlet = outlet
        self._make_core = make_core
        self._pools = pools
        self.rng = world.rng("jobtracker")
        self._power_goes = False

    # --- lives

    def start(self) -> None:
        self.begin_life()
        self.world.spawn(self._run(), self.life)

    async def _run(self) -> None:
        await self.world.sleep(self.rng.uniform(0.05, 1.0))
        self._history = SegmentedHistory(self.folder)
        self._batch: list[Entry] = []
        self._waiting: list[tuple[int, Future[None]]] = []
        self._saving = False
        self._bells: dict[str, Future[None]] = {}
        self._watched: dict[str, Future[None]] = {}
        self._receipts = Receipts()
        core = self._make_core(SETTINGS, self._pools)
        self.replayed = self._history.load()
        core.replay(self.replayed)
        found = self.on_recovered(core.book)
        del self.written[found:]
        self._appended = self._required = self.durable = found
        ready = core.begin(self.world.now, self.world.wall_s)
        await self.world.sleep(self.rng.uniform(0.001, 0.02))
        self._history.begin(core.snapshot())
        self._note_entries(ready.entries)
        self.durable = self._required = self._appended
        self._receipts.durable(self.durable)
        self.core = core
        self.world.note("jobtracker up", core.epoch)
        self._take(Ready((), ready.actions, ready.wakes, ready.changed))
        while True:
            await self.world.sleep(SETTINGS.tick_s)
            self._take(self._running.tick(self.world.now))

    def crash(self, *, power_loss: bool, rng: random.Random) -> None:
        self.core, self._power_goes = None, False
        self.end_life()
        if power_loss:
            if self.folder.crash(rng):
                self.world.count("jobtracker's history torn")
        elif self._waiting_to_write():
            self.world.count("jobtracker's entries lost unsynced")

    def _waiting_to_write(self) -> bool:
        return bool(getattr(self, "_batch", None))

    def arm(self) -> None:
        """The power goes between the next write to the history and its sync."""
        self._power_goes = True

    def disarm(self) -> None:
        self._power_goes = False

    def lose_power(self, what: str) -> NoReturn:
        """In the middle of something."""
        self.world.count(f"jobtracker lost power in {what}")
        self.life.alive = False
        self.world.soon(lambda: self.crash(power_loss=True, rng=self.rng))
        raise Died

    # --- effects, in order

    def _note_entries(self, entries: tuple[Entry, ...]) -> None:
        self.written.extend(entries)
        self._appended = len(self.written)

    def _take(self, ready: Ready) -> None:
        if ready.wakes or ready.changed:
            self.calls += 1
        if ready.entries:
            self.calls += 1
            self._batch += ready.entries
            for entry in ready.entries:
                self._note_entries((entry,))
                if needs_sync(entry):
                    self._required = self._appended
                else:
                    self.on_launch(self._running, entry)
            if not self._saving:
                self.world.spawn(self._save(), self.life)
        for action in ready.actions:
            self.world.spawn(self._perform(action), self.life)
        for tracker_id in sorted(ready.wakes):
            self._ring(tracker_id)
        for job_id in sorted(ready.changed):
            if job_id in self._watched:
                self._watched.pop(job_id).set(None)

    async def _save(self) -> None:
        self._saving = True
        while self._batch:
            batch, self._batch = self._batch, []
            position = self._appended
            await self.world.sleep(self.rng.uniform(0.0005, 0.01))
            self._history.append(batch)
            if self._power_goes:
                self.lose_power("a write")
            await self.world.sleep(self.rng.uniform(0.0005, 0.02))
            self._history.sync()
            self.durable = position
            self._receipts.durable(position)
            waiting, self._waiting = self._waiting, []
            for at, future in waiting:
                if at <= position:
                    future.set(None)
                else:
                    self._waiting.append((at, future))
        self._saving = False

    async def _settled(self) -> None:
        if self.durable < self._required:
            future: Future[None] = Future()
            self._waiting.append((self._required, future))
            await future

    async def _perform(self, action: Action) -> None:
        await self._settled()
        outcome = await self._outlet.perform(self, action)
        if outcome.error is not None:
            self.world.count(f"action failed: {type(action).__name__}", outcome.error)
        self._take(self._running.performed(outcome, self.world.now))

    def _ring(self, tracker_id: str) -> None:
        if tracker_id in self._bells:
            self._bells.pop(tracker_id).set(None)

    # --- calls

    async def serve(self, method: str, *arguments: Any, **named: Any) -> Any:
        if self.core is None:
            await Future()
        return await super().serve(method, *arguments, **named)

    @property
    def _running(self) -> JobTracker:
        assert self.core is not None
        self.core.book.wall_s = self.world.wall_s
        return self.core

    async def serve_register(self, registration: Registration) -> Registered:
        registered, ready = self._running.register(registration, self.world.now)
        self._take(ready)
        self._ring(registration.info.tracker_id)
        await self._settled()
        return registered

    async def serve_heartbeat(self, heartbeat: Heartbeat) -> HeartbeatReply:
        tracker_id, incarnation = heartbeat.tracker_id, heartbeat.incarnation
        session = (tracker_id, incarnation, heartbeat.epoch)
        older = self._bells.pop(tracker_id, None)
        self._take(self._running.heartbeat(heartbeat, self.world.now))
        if older is not None:
            older.set(None)
        reply = self._running.reply(*session)
        self._receipts.took(tracker_id, incarnation, reply.events_seen, self._required)
        if (older is not None or not reply.orders) and not reply.register_again:
            bell = self._bells[tracker_id] = Future()
            self.world.later(SETTINGS.heartbeat_interval_s, lambda: bell.set(None))
            await bell
            reply = self._running.reply(*session)
        return replace(reply, events_seen=self._receipts.of(tracker_id, incarnation))

    async def serve_submit(self, spec: JobSpec, request_id: str) -> str:
        core = self._running
        job_id, ready = core.submit(spec, request_id, self.world.now)
        self._take(ready)
        while core.preparing(job_id):
            await self._watched.setdefault(job_id, Future())
        await self._settled()
        refusal = core.refusal(job_id)
        if refusal is not None:
            raise refusal
        return job_id

    async def serve_status(self, job_id: str) -> JobStatus:
        status, _ = self._running.status(job_id)
        await self._settled()
        return status

    async def serve_kill(self, job_id: str, reason: str) -> bool:
        killed, ready = self._running.kill(job_id, reason, self.world.now)
        self._take(ready)
        await self._settled()
        return killed

    async def serve_set_priority(self, job_id: str, priority: Priority) -> bool:
        changed, ready = self._running.set_priority(job_id, priority, self.world.now)
        self._take(ready)
        await self._settled()
        return changed

    async def serve_drain(self, tracker: str, drained: bool) -> bool:
        _, changed, ready = self._running.drain(tracker, self.world.now, drained=drained)
        self._take(ready)
        await self._settled()
        return changed
