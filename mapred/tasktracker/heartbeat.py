"""The loop of a tracker: it owns the core, talks to the JobTracker, and performs actions.

One thread takes one piece of news after another: what processes say, what the JobTracker
answers, and time. A heartbeat is always open; when there is an event, another one is sent at
once, and the JobTracker answers the older one.
"""

import logging
import queue
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from blockstore.runtime.clock import SYSTEM_CLOCK, Clock
from blockstore.runtime.retry import MASTER_RESTART
from mapred.errors import NotYetError
from mapred.model import DONE_WITH, AttemptId, FailureKind
from mapred.task.failure import disk_error
from mapred.task.messages import MoreOutputs, OutputLost, TaskDone, TaskFailed, TaskProgress
from mapred.tasktracker.actions import (
    Action,
    EndTask,
    KeepLogs,
    LeaveDirectory,
    LookAtDirectories,
    RemoveJob,
    RemoveWork,
    SendOutputs,
    StartTask,
)
from mapred.tasktracker.core import TaskTracker
from mapred.tasktracker.dircheck import DirectoryCheck
from mapred.tasktracker.localdirs import Look
from mapred.tasktracker.logkeeper import LogKeeper
from mapred.tasktracker.processes import Gone, Processes, Said
from mapred.tasktracker.workdirs import WorkDirs
from mapred.tracking import HeartbeatReply, JobTrackerPort, Registered

log = logging.getLogger(__name__)

# One is held by the JobTracker, a second brings an event; more would tell nothing new.
OPEN_HEARTBEATS_MAX: Final = 2
# Events that needn't hurry are told together: a message costs more than what is in it.
GATHER_S: Final = 0.005
# How often it's looked for what was left for jobs that never came.
SWEEP_EVERY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class ProcessSaid:
    attempt: AttemptId
    said: Said


@dataclass(frozen=True, slots=True)
class RegisterAnswered:
    incarnation: int
    answer: Registered | Exception


@dataclass(frozen=True, slots=True)
class HeartbeatAnswered:
    incarnation: int
    answer: HeartbeatReply | Exception


@dataclass(frozen=True, slots=True)
class MemoryUsed:
    """Bytes of each."""

    used: dict[AttemptId, int]


@dataclass(frozen=True, slots=True)
class Looked:
    """At the local directories."""

    looks: tuple[Look, ...]


@dataclass(frozen=True, slots=True)
class StopLoop:
    pass


News: TypeAlias = (
    ProcessSaid | RegisterAnswered | HeartbeatAnswered | MemoryUsed | Looked | StopLoop
)


class HeartbeatLoop:
    """Start once, stop once. `said` may be called from any thread."""

    def __init__(
        self,
        core: TaskTracker,
        jobtracker: JobTrackerPort,
        workdirs: WorkDirs,
        clock: Clock = SYSTEM_CLOCK,
        logs: LogKeeper | None = None,
        check: DirectoryCheck | None = None,
    ) -> None:
        self.registered = threading.Event()
        # Registered, or told by the JobTracker what it waits for itself.
        self.heard = threading.Event()
        self.jobtracker_waits_for = ""
        self._core = core
        self._jobtracker = jobtracker
        self._workdirs = workdirs
        self._clock = clock
        # None: logs go with their job.
        self._logs = logs
        # None: the directories are somebody else's care.
        self._check = check
        self._processes: Processes | None = None
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="tracker", daemon=True)
        self._sweeper = ThreadPoolExecutor(1, thread_name_prefix="sweeper")
        self._watching_over = threading.Event()
        # Owned by the loop.
        self._stopping = False
        self._registering = False
        self._open = 0
        self._something_new = False
        # Since when there is something to tell that waits for more.
        self._gathering_since: float | None = None
        self._next_try_at = 0.0
        self._delays = MASTER_RESTART.delays(random.Random())
        self._unreached_since: float | None = None
        self._sweep_at = 0.0

    def start(self, processes: Processes) -> None:
        self._processes = processes
        processes.report_to(self.said)
        if self._logs:
            self._logs.start()
        if self._check:
            self._check.start(lambda looks: self._news.put(Looked(looks)))
        self._thread.start()
        if self._core.info.memory_bytes:
            threading.Thread(target=self._watch_memory, name="memory", daemon=True).start()

    def stop(self) -> None:
        """Returns when the loop has ended; processes aren't touched."""
        self._news.put(StopLoop())
        self._watching_over.set()
        if self._check:
            self._check.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=10.0)
        if self._logs:
            self._logs.stop()
        self._sweeper.shutdown(wait=False, cancel_futures=True)

    def said(self, attempt: AttemptId, said: Said) -> None:
        self._news.put(ProcessSaid(attempt, said))

    # --- the loop

    def _run(self) -> None:
        next_tick = self._now()
        while not self._stopping:
            self._speak()
            now = self._now()
            if now >= next_tick:
                self._perform(self._core.tick(now))
                self._end_families(now)
                self._sweep(now)
                next_tick = now + self._core.settings.tick_s
            wake_at = min(next_tick, self._next_try_at or next_tick, self._gathered_at(next_tick))
            pause = max(0.0, wake_at - now)
            try:
                news = self._news.get(timeout=pause) if pause else self._news.get_nowait()
            except queue.Empty:
                continue
            self._take(news)

    def _now(self) -> float:
        return self._clock.monotonic()

    def _take(self, news: News) -> None:
        match news:
            case ProcessSaid(attempt, said):
                self._process_said(attempt, said)
            case RegisterAnswered(incarnation, answer):
                self._register_answered(incarnation, answer)
            case HeartbeatAnswered(incarnation, answer):
                self._heartbeat_answered(incarnation, answer)
            case MemoryUsed(used):
                self._perform(self._core.memory(used))
            case Looked(looks):
                self._perform(self._core.looked(looks, self._now()))
            case StopLoop():
                self._stopping = True

    def _process_said(self, attempt: AttemptId, said: Said) -> None:
        match said:
            case TaskProgress():
                self._core.progressed(attempt, said, self._now())
                return
            case OutputLost():
                self._core.output_lost(attempt, said, self._now())
            case TaskDone():
                self._perform(self._core.finished(attempt, said, self._now()))
            case TaskFailed():
                self._perform(self._core.failed(attempt, said, self._now()))
            case Gone(how, last_words, record):
                gone = self._core.process_gone(attempt, how, last_words, self._now(), record)
                self._perform(gone)
        self._something_new = True

    # --- talking

    def _speak(self) -> None:
        if self._registering or self._now() < self._next_try_at:
            return
        self._next_try_at = 0.0
        if not self._core.in_session:
            self._register()
        elif self._open == 0 or (self._must_tell() and self._open < OPEN_HEARTBEATS_MAX):
            self._beat()

    def _must_tell(self) -> bool:
        if not self._something_new:
            return False
        now = self._now()
        if self._gathering_since is None:
            self._gathering_since = now
        return self._core.urgent or now >= self._gathering_since + GATHER_S

    def _gathered_at(self, otherwise: float) -> float:
        if self._gathering_since is None or self._open >= OPEN_HEARTBEATS_MAX:
            return otherwise
        return self._gathering_since + GATHER_S

    def _register(self) -> None:
        registration = self._core.registration()
        incarnation = registration.info.incarnation
        self._registering = True
        self._open = 0
        self._jobtracker.register(
            registration, lambda answer: self._news.put(RegisterAnswered(incarnation, answer))
        )

    def _beat(self) -> None:
        self._something_new, self._gathering_since = False, None
        self._open += 1
        heartbeat = self._core.heartbeat()
        incarnation = heartbeat.incarnation
        self._jobtracker.heartbeat(
            heartbeat, lambda answer: self._news.put(HeartbeatAnswered(incarnation, answer))
        )

    def _register_answered(self, incarnation: int, answer: Registered | Exception) -> None:
        self._registering = False
        if isinstance(answer, NotYetError):
            self.jobtracker_waits_for = str(answer)
            self.heard.set()
        if isinstance(answer, Exception):
            self._unreached(answer)
            return
        self._reached()
        self._core.registered(incarnation, answer)
        self._something_new = self._core.has_events
        if not self.registered.is_set():
            self.registered.set()
            self.heard.set()
        log.info("registered; the JobTracker's epoch is %d", answer.epoch)

    def _heartbeat_answered(self, incarnation: int, answer: HeartbeatReply | Exception) -> None:
        if incarnation != self._core.info.incarnation:
            return
        self._open -= 1
        if isinstance(answer, Exception):
            self._unreached(answer)
            # Whatever that heartbeat brought, the next one brings again.
            self._something_new = self._core.has_events
            return
        self._reached()
        self._perform(self._core.replied(incarnation, answer, self._now()))

    def _unreached(self, error: Exception) -> None:
        now = self._now()
        if self._unreached_since is None:
            self._unreached_since = now
            log.warning("the JobTracker isn't reached, trying on: %s", error)
        pause = next(self._delays, MASTER_RESTART.cap_s)
        self._next_try_at = now + pause

    def _reached(self) -> None:
        if self._unreached_since is not None:
            seconds = self._now() - self._unreached_since
            log.info("the JobTracker is reached again after %.1f s", seconds)
            self._unreached_since = None
            self._delays = MASTER_RESTART.delays(random.Random())

    # --- acting

    def _perform(self, actions: list[Action]) -> None:
        assert self._processes is not None
        for action in actions:
            match action:
                case StartTask():
                    self._start(action)
                case SendOutputs(attempt, outputs):
                    self._processes.send_outputs(attempt, MoreOutputs(outputs))
                case EndTask(attempt, dump_stack):
                    self._processes.end(attempt, dump_stack=dump_stack)
                case KeepLogs(attempt, user, failed):
                    if self._logs:
                        self._logs.ended(attempt, user, failed=failed)
                case RemoveWork(attempt):
                    self._sweeper.submit(self._workdirs.remove_attempt, attempt)
                case RemoveJob(job_id):
                    self._processes.dismiss_job(job_id, self._now())
                    remove = partial(self._workdirs.remove_job, job_id)
                    if self._logs:
                        self._logs.job_over(job_id, remove)
                    else:
                        self._sweeper.submit(remove)

                case LookAtDirectories():
                    if self._check:
                        self._check.look_soon()
                case LeaveDirectory(root):
                    self._processes.leave(root)

    def _watch_memory(self) -> None:
        """On a thread of its own: reading /proc takes longer than what the loop does meanwhile."""
        assert self._processes is not None
        while not self._watching_over.wait(self._core.settings.tick_s):
            if used := self._processes.memory():
                self._news.put(MemoryUsed(used))

    def _end_families(self, now: float) -> None:
        assert self._processes is not None
        for family in self._processes.dismiss_families(now):
            # Here and now, not by the sweeper: the family's next task comes through this loop.
            self._workdirs.remove_family(family)

    def _sweep(self, now: float) -> None:
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY_S
            self._sweeper.submit(self._workdirs.sweep_carried, self._clock.wall())

    def _start(self, action: StartTask) -> None:
        assert self._processes is not None
        if done_with := action.task.spec.settings.get(DONE_WITH):
            self._workdirs.done_with(action.task.attempt.job_id, done_with.split())
        try:
            self._processes.run(action.task)
        except OSError as error:
            attempt = action.task.attempt
            log.warning("%s can't be started: %s", attempt, error)
            said: Said = Gone(f"not started: {error}", "")
            if why := disk_error(error, self._workdirs.roots):
                # It has had no say in that: not its failure.
                said = TaskFailed(FailureKind.KILLED, "not started", disk_error=why)
            self._news.put(ProcessSaid(attempt, said))
