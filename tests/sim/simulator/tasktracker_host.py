"""The TaskTracker's shell in the simulated world, as mapred/tasktracker/heartbeat.py keeps it:
the real core, simulated task processes, map outputs on a disk that a new process finds empty.
"""

from collections import Counter
from typing import Any

from blockstore.errors import UnreachableException
from mapred.errors import FetchError, MapredError
from mapred.model import AttemptId, MapOutput, RecordAt, TaskKind, TrackerInfo
from mapred.task.messages import OutputLost, TaskDone, TaskFailed, TaskProgress
from mapred.tasktracker.actions import (
    Action,
    EndTask,
    RemoveJob,
    RemoveWork,
    SendOutputs,
    StartTask,
)
from mapred.tasktracker.core import TaskTracker
from mapred.tasktracker.localdirs import Health, Look
from mapred.tasktracker.settings import TaskTrackerSettings
from mapred.tracking import HeartbeatReply
from simulator.network import Host, Network
from simulator.outlets import Outlet
from simulator.plans import Plans
from simulator.tasks import SimulatedTask
from simulator.world import Broken, Life, World

SETTINGS = TaskTrackerSettings(stall_s=20.0)
# A new process must not be taken for the old one: its sessions count from here on.
SESSIONS_PER_LIFE = 1_000_000
OPEN_HEARTBEATS_MAX = 2
DIRECTORIES = ("/disk-0", "/disk-1")
# One large task of `jobusers.py`, or three small ones.
MEMORY_BYTES = 100


class TaskTrackerHost(Host):
    """One TaskTracker and its processes."""

    def __init__(
        self,
        world: World,
        network: Network,
        name: str,
        outlet: Outlet,
        plans: Plans,
        *,
        near: str,
        rack: str,
        slowness: float,
        make_core: type[TaskTracker] = TaskTracker,
    ) -> None:
        super().__init__(world, network, name)
        self.outlet = outlet
        self.plans = plans
        self.near = near
        # Empty: what jobs' inputs say of it.
        self.rack = rack
        self.slowness = slowness
        # The share of attempts that fail because of this machine.
        self.sickness = 0.0
        self.rng = world.rng(name)
        self.core: TaskTracker | None = None
        self.outputs: dict[AttemptId, tuple[bytes, ...]] = {}
        self.processes: dict[AttemptId, tuple[SimulatedTask, Life]] = {}
        # Rises with what the core does.
        self.calls = self.checked = 0
        self._make_core = make_core
        self._lives = 0
        # Over all its lives, and those of the JobTracker.
        self._ever_started: set[AttemptId] = set()

    # --- lives

    def start(self) -> None:
        self.begin_life()
        info = TrackerInfo(
            self.name,
            self._lives * SESSIONS_PER_LIFE,
            self.name,
            1,
            map_slots=2,
            reduce_slots=1,
            service_slots=1,
            rack=self.rack,
            host_aliases=(self.near,),
            memory_bytes=MEMORY_BYTES,
        )
        self._lives += 1
        self.core = self._make_core(info, DIRECTORIES, SETTINGS)
        # Map outputs: attempt → partition → content. A new process finds an empty disk.
        self.outputs, self.processes = {}, {}
        self._open = 0
        self._something_new = False
        self._registering = False
        self.world.spawn(self._loop(), self.life)

    def crash(self, **_: Any) -> None:
        for _, life in list(self.processes.values()):
            life.end()
        self.core = None
        self.end_life()

    def disarm(self) -> None:
        pass

    async def _loop(self) -> None:
        await self.world.sleep(self.rng.uniform(0.01, 0.5))
        while True:
            await self._speak()
            await self.world.sleep(0.25)
            assert self.core is not None
            self._perform(self.core.tick(self.world.now))

    # --- talking

    async def _speak(self) -> None:
        core = self.core
        assert core is not None
        if self._registering:
            return
        if not core.in_session:
            await self._register()
        elif self._open == 0:
            self._beat()

    async def _register(self) -> None:
        core = self.core
        assert core is not None
        self._registering, self._open = True, 0
        registration = core.registration()
        self.calls += 1
        try:
            answer = await self.network.call(self, "jobtracker", "register", registration)
            core.registered(registration.info.incarnation, answer)
            self.world.figures["tracker registered"] += 1
        except (UnreachableException, MapredError) as error:
            self.world.note("not registered", self.name, error)
        finally:
            self._registering = False
        self.calls += 1
        if core.in_session:
            self._beat()

    def news(self) -> None:
        """There is an event: another heartbeat brings it at once."""
        self.calls += 1
        self._something_new = True
        assert self.core is not None
        if self.core.in_session and self._open < OPEN_HEARTBEATS_MAX and not self._registering:
            self._beat()

    def _beat(self) -> None:
        assert self.core is not None
        self._something_new = False
        self._open += 1
        self.world.spawn(self._heartbeat(self.core.info.incarnation), self.life)

    async def _heartbeat(self, session: int) -> None:
        core = self.core
        assert core is not None
        if session != core.info.incarnation:
            # It was paused before it could speak: another session has begun.
            return
        heartbeat = core.heartbeat()
        reply: HeartbeatReply | None = None
        try:
            reply = await self.network.call(self, "jobtracker", "heartbeat", heartbeat)
        except (UnreachableException, MapredError) as error:
            self.world.note("no answer to heartbeat", self.name, error)
            await self.world.sleep(0.2)
        if heartbeat.incarnation != core.info.incarnation:
            return
        self._open -= 1
        if reply is not None:
            self.calls += len(reply.orders)
            self._perform(core.replied(heartbeat.incarnation, reply, self.world.now))
        if core.in_session and (self._something_new or self._open == 0):
            self._beat()

    # --- acting

    def _perform(self, actions: list[Action]) -> None:
        self.calls += len(actions)
        for action in actions:
            match action:
                case StartTask(task):
                    self._start_process(task)
                case SendOutputs(attempt, outputs):
                    if attempt in self.processes:
                        self.processes[attempt][0].more_outputs(outputs)
                case EndTask(attempt):
                    self.world.later(
                        self.rng.uniform(0.01, 1.0),
                        lambda attempt=attempt: self._end(attempt),
                        self.life,
                    )
                case RemoveWork(attempt):
                    self.outputs.pop(attempt, None)
                case RemoveJob(job_id):
                    for attempt in [a for a in self.outputs if a.job_id == job_id]:
                        del self.outputs[attempt]

    def _start_process(self, task: Any) -> None:
        attempt = task.attempt
        if attempt in self.processes:
            raise Broken(f"{attempt} is started twice on {self.name}")
        if (before := self.plans.started.setdefault(attempt, self.name)) != self.name or (
            attempt in self._ever_started
        ):
            raise Broken(f"{attempt} is started on {self.name}, and was started on {before}")
        self._ever_started.add(attempt)
        life = Life(str(attempt))
        process = SimulatedTask(self, task, life)
        self.processes[attempt] = (process, life)
        taken = Counter[TaskKind]()
        for one, (other, _) in self.processes.items():
            taken[one.kind] += other.cpus
        info = self.core.info if self.core is not None else None
        assert info is not None
        if any(taken[kind] > info.slots(kind) for kind in TaskKind):
            raise Broken(f"{self.name} runs {sorted(map(str, self.processes))}")
        self.world.spawn(process.run(), life)

    def _end(self, attempt: AttemptId) -> None:
        """SIGKILL, in effect."""
        if attempt in self.processes:
            self.processes.pop(attempt)[1].end()
            self.world.figures["task process ended by order"] += 1
            self.gone(attempt, "killed by SIGKILL")

    # --- what processes say

    def progressed(self, attempt: AttemptId, fraction: float, phase: str) -> None:
        assert self.core is not None
        self.core.progressed(attempt, TaskProgress(fraction, phase), self.world.now)

    def output_lost(self, attempt: AttemptId, lost: OutputLost) -> None:
        assert self.core is not None
        self.core.output_lost(attempt, lost, self.world.now)
        self.news()

    def finished(self, attempt: AttemptId, done: TaskDone, output: tuple[bytes, ...]) -> None:
        assert self.core is not None
        self.processes.pop(attempt)
        if done.output_path:
            self.outputs[attempt] = output
        self._perform(self.core.finished(attempt, done, self.world.now))
        if attempt in self.core.work:
            # It was to be ended, and came to its end by itself.
            self.gone(attempt, "exit code 0")
        self.news()

    def failed(self, attempt: AttemptId, failed: TaskFailed) -> None:
        assert self.core is not None
        self.processes.pop(attempt)
        self._perform(self.core.failed(attempt, failed, self.world.now))
        if attempt in self.core.work:
            self.gone(attempt, "exit code 1")
        self.news()

    def gone(self, attempt: AttemptId, how: str, record: RecordAt | None = None) -> None:
        assert self.core is not None
        self.processes.pop(attempt, None)
        self._perform(self.core.process_gone(attempt, how, "", self.world.now, record))
        self.news()

    def is_too_large(self, attempt: AttemptId, used_bytes: int) -> bool:
        """Whether its process is to end for the memory that it holds now."""
        assert self.core is not None
        ending = self.core.memory({attempt: used_bytes})
        self._perform(ending)
        return bool(ending)

    # --- its disks

    def directory_is(self, look: Look) -> None:
        """Somebody has looked at it, and found it so."""
        assert self.core is not None
        if look.health is Health.FAILED:
            for attempt in [a for a in self.outputs if self._lies_on(look.root, a)]:
                del self.outputs[attempt]
        self._perform(self.core.looked([look], self.world.now))

    def _lies_on(self, root: str, attempt: AttemptId) -> bool:
        assert self.core is not None
        held = self.core.held.get(attempt)
        return held is not None and held.path.startswith(f"{root}/")

    # --- what reduces ask

    async def serve_fetch(self, output: MapOutput, job_id: str, partition: int) -> bytes:
        for attempt, content in self.outputs.items():
            if (attempt.job_id, attempt.index, attempt.number) == (
                job_id,
                output.map_index,
                output.attempt_number,
            ) and attempt.kind is TaskKind.MAP:
                return content[partition]
        raise FetchError(f"{self.name} has no output of map {output.map_index}")
