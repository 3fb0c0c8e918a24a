"""Task processes: the only process I/O of a tracker.

A process is forked by the nursery, serves tasks of one job, one at a time, and is used again
until its job is over, it has failed a task, served `tasks_per_process`, or grown too large.
Jobs of a family share processes: these outlive a job for a while, and since they keep what
they have decoded, each gets the tasks that it has had before, if it's idle then.
Some spare ones that serve no job yet are kept ready, so that a job doesn't wait for a fork.

What processes say is handed to whom `report_to` names, on threads of this class, in the order
in which each process said it; `Gone` comes last, once per process that had a task.
"""

import contextlib
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from multiprocessing.reduction import ForkingPickler
from typing import Any, Final, TypeAlias

from mapred.model import PROCESS_FAMILY, AttemptId, RecordAt, Split
from mapred.task.mark import read_mark
from mapred.task.messages import (
    MoreOutputs,
    OutputLost,
    RunTask,
    Stop,
    TaskDone,
    TaskFailed,
    TaskProgress,
)
from mapred.tasktracker.endwords import tail
from mapred.tasktracker.memory import used_bytes
from mapred.tasktracker.nurserylink import Nursery, NurseryLink
from mapred.tasktracker.settings import TaskTrackerSettings
from mapred.tasktracker.sparedirs import make
from mapred.tasktracker.toldoutputs import ToldOutputs

log = logging.getLogger(__name__)

# A process that has closed its pipe is reported when what it said has been read.
DRAIN_S: Final = 2.0
# An idle process ends within milliseconds when told to, unless user code keeps it.
STOP_S: Final = 1.0
# Reading /proc costs as much as a task that does nothing.
WEIGHED_EVERY_S: Final = 0.5
# Of the pipe to an idle process, which has read all before: so much fits in without a wait.
FITS_BYTES: Final = 32 * 1024
# Splits that a process is known to have had: those of many loops.
MAPPED_MAX: Final = 20_000
# What of stderr goes into a failure.
LAST_WORDS_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Gone:
    """The process ended without a report on its task."""

    how: str
    last_words: str
    # In which record, if the attempt marked them.
    record: RecordAt | None = None


Said: TypeAlias = TaskProgress | OutputLost | TaskDone | TaskFailed | Gone


@dataclass(slots=True)
class TaskProcess:
    """One process; fields are guarded by the lock of `Processes`."""

    id: int
    pipe: Connection
    # The job that it serves, or its family; "": a spare one.
    serves: str = ""
    # It may be used by the family's next job.
    in_family: bool = False
    idle_since: float = 0.0
    # Which files' splits it has mapped; of a family's processes only.
    mapped: set[tuple[str, int]] = field(default_factory=set)
    task: RunTask | None = None
    told: ToldOutputs = field(default_factory=ToldOutputs)
    tasks_done: int = 0
    # Where the code of what it serves is; "spoilt": the disk there is no good any more.
    code_dir: str = ""
    spoilt: bool = False
    ending: bool = False
    pid: int = 0
    outgoing: "queue.SimpleQueue[Any]" = field(default_factory=queue.SimpleQueue)
    # When its memory was last looked at, idle.
    weighed_at: float = 0.0
    # Held while something goes through the pipe.
    sending: threading.Lock = field(default_factory=threading.Lock)
    reader: threading.Thread | None = None


class Processes:
    """Thread-safe."""

    def __init__(
        self,
        settings: TaskTrackerSettings,
        *,
        spares: int,
        child: str = "mapred.task.child",
        preload: Sequence[str] = (),
        make: Callable[[str], None] = make,
    ) -> None:
        """`make` makes a directory of an attempt."""
        self._make = make
        self._report: Callable[[AttemptId, Said], None] = lambda *_: None
        self._settings = settings
        self._spares_wanted = spares
        self._child, self._preload = child, list(preload)
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._processes: dict[int, TaskProcess] = {}
        self._families: set[str] = set()
        self._stopped = False
        self._link: NurseryLink | None = None

    # --- life

    def start(self, nursery: Nursery | None = None) -> None:
        """Starts the spare processes, and the nursery if it isn't given; returns before they
        are ready."""
        with self._lock:
            self._link = NurseryLink(self, nursery or Nursery(self._child, self._preload))
            self._fill_spares()

    def report_to(self, report: Callable[[AttemptId, Said], None]) -> None:
        """Before the first `run`."""
        self._report = report

    def stop(self) -> None:
        """Ends every process; returns when they are gone. Safe to call twice."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            for process in self._processes.values():
                process.outgoing.put(None)
        if self._link is not None:
            self._link.stop()
        for process in list(self._processes.values()):
            if process.reader is not None:
                process.reader.join(timeout=DRAIN_S)

    # --- what the core asks for

    def run(self, task: RunTask) -> None:
        """Gives the task to an idle process of its job, or a spare one, or a new one."""
        for folder in (task.work_dir, task.log_dir):
            self._make(folder)
        with self._lock:
            family = task.spec.settings.get(PROCESS_FAMILY, "")
            serves = family or task.attempt.job_id
            process = self._idle(serves, task) or self._idle("") or self._spawn()
            process.serves, process.in_family = serves, bool(family)
            if process.in_family and task.split:
                if len(process.mapped) > MAPPED_MAX:
                    process.mapped.clear()
                process.mapped |= _pieces(task.split)
            process.task = task
            process.code_dir = process.code_dir or task.code_dir
            process.idle_since = 0.0
            _hand_over(process, process.told.news(task))
            self._fill_spares()

    def send_outputs(self, attempt: AttemptId, more: MoreOutputs) -> None:
        with self._lock:
            if process := self._running(attempt):
                process.told.more(more.outputs)
                process.outgoing.put(more)

    def end(self, attempt: AttemptId, *, dump_stack: bool) -> None:
        """`Gone` follows, unless the task was faster with its own report."""
        with self._lock:
            if process := self._running(attempt):
                self._end(process, dump_stack=dump_stack)

    def memory(self) -> dict[AttemptId, int]:
        """What the processes of running attempts use, bytes."""
        with self._lock:
            running = [(p.task.attempt, p.pid) for p in self._processes.values() if p.task]
        return {attempt: used_bytes(pid) for attempt, pid in running if pid}

    def dismiss_job(self, job_id: str, now: float) -> None:
        """Ends the idle processes of the job; those of families begin to wait."""
        with self._lock:
            for process in list(self._processes.values()):
                if process.serves == job_id:
                    self._dismiss(process)
                elif process.in_family and process.task is None:
                    process.idle_since = process.idle_since or now

    def leave(self, root: str) -> None:
        """Processes whose code is below it take no further task."""
        with self._lock:
            for process in list(self._processes.values()):
                if process.code_dir.startswith(f"{root}/") and not process.ending:
                    process.spoilt = True
                    if process.task is None:
                        self._dismiss(process)

    def dismiss_families(self, now: float) -> list[str]:
        """Ends processes whose family has had no task for long; the families now without any."""
        with self._lock:
            for process in list(self._processes.values()):
                waited_s = now - process.idle_since if process.idle_since else 0.0
                if waited_s >= self._settings.idle_family_s and not process.ending:
                    self._dismiss(process)
            here = {p.serves for p in self._processes.values() if p.in_family}
            gone = self._families - here
            self._families = here
            return sorted(gone)

    # --- inside, with the lock held

    def _idle(self, serves: str, task: RunTask | None = None) -> TaskProcess | None:
        """One that can take a task; rather one that has mapped most of its splits before."""
        idle = [
            process
            for process in self._processes.values()
            if process.task is None and not process.ending and process.serves == serves
        ]
        if task is None or task.split is None or len(idle) < 2:
            return idle[0] if idle else None
        pieces = _pieces(task.split)
        return max(idle, key=lambda process: len(pieces & process.mapped))

    def _running(self, attempt: AttemptId) -> TaskProcess | None:
        for process in self._processes.values():
            if process.task is not None and process.task.attempt == attempt:
                return process
        return None

    def _fill_spares(self) -> None:
        serving = sum(1 for p in self._processes.values() if p.task is not None)
        spare = sum(1 for p in self._processes.values() if not p.serves and not p.ending)
        for _ in range(min(self._spares_wanted - serving, self._spares_wanted) - spare):
            self._spawn()

    def _spawn(self) -> TaskProcess:
        """Raises OSError when there is no nursery just now."""
        assert self._link is not None
        ours, theirs = Pipe(duplex=True)
        process = TaskProcess(next(self._ids), ours)
        try:
            self._link.spawn(process.id, theirs.fileno())
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._processes[process.id] = process
        process.reader = threading.Thread(
            target=self._read, args=(process,), name=f"task-{process.id}-reader", daemon=True
        )
        process.reader.start()
        threading.Thread(
            target=self._write, args=(process,), name=f"task-{process.id}-writer", daemon=True
        ).start()
        return process

    def _dismiss(self, process: TaskProcess) -> None:
        """Lets it end by itself, for a while."""
        process.outgoing.put(Stop())
        self._end(process, after_s=STOP_S)

    def _end(self, process: TaskProcess, *, after_s: float = 0.0, dump_stack: bool = False) -> None:
        process.ending = True
        if self._link is not None and not self._stopped:
            self._link.end(
                process.id,
                after_s=after_s,
                grace_s=self._settings.kill_grace_s,
                dump=dump_stack,
            )

    # --- threads

    def _write(self, process: TaskProcess) -> None:
        """Of its own, since a process that doesn't read must not stop the tracker."""
        while (message := process.outgoing.get()) is not None:
            try:
                with process.sending:
                    process.pipe.send(message)
            except OSError:
                return
            if isinstance(message, Stop):
                return

    def _read(self, process: TaskProcess) -> None:
        while True:
            try:
                said = process.pipe.recv()
            except (EOFError, OSError):
                return
            self._heard(process, said)

    def _heard(self, process: TaskProcess, said: Said) -> None:
        with self._lock:
            if process.task is None:
                return
            attempt = process.task.attempt
            if isinstance(said, TaskDone | TaskFailed):
                process.task = None
                process.tasks_done += 1
                if not process.ending and (isinstance(said, TaskFailed) or self._used_up(process)):
                    # A process that has seen an exception may have half-changed state.
                    self._dismiss(process)
        self._report(attempt, said)

    def _used_up(self, process: TaskProcess) -> bool:
        # What a family's processes keep is worth more than the leaks of user code cost.
        if process.spoilt:
            return True
        if process.tasks_done >= self._settings.tasks_per_process and not process.in_family:
            return True
        now = time.monotonic()
        if now < process.weighed_at + WEIGHED_EVERY_S:
            return False
        process.weighed_at = now
        return used_bytes(process.pid) > self._settings.idle_process_bytes_max

    # --- the nursery's news (nurserylink.Listener)

    def spawned(self, process_id: int, pid: int) -> None:
        with self._lock:
            if process := self._processes.get(process_id):
                process.pid = pid

    def exited(self, process_id: int, how: str) -> None:
        process = self._processes.get(process_id)
        if process is None:
            return
        process.outgoing.put(None)
        if process.reader is not None:
            process.reader.join(timeout=DRAIN_S)
        with self._lock:
            self._processes.pop(process_id, None)
            task, process.task = process.task, None
            if not self._stopped:
                # Without a nursery there are none; the next one brings them.
                with contextlib.suppress(OSError):
                    self._fill_spares()
        process.pipe.close()
        if task is not None and not self._stopped:
            last_words = tail(f"{task.log_dir}/stderr", LAST_WORDS_BYTES)
            self._report(task.attempt, Gone(how, last_words, read_mark(task.work_dir)))

    def nursery_died(self, link: NurseryLink) -> None:
        """The kernel has killed its children; a new one takes over."""
        log.error("the server of task processes has died; starting another")
        with self._lock:
            orphans = list(self._processes)
            for process in self._processes.values():
                process.ending = True
            if not self._stopped and self._link is link:
                self._link = NurseryLink(self, Nursery(self._child, self._preload))
        for process_id in orphans:
            self.exited(process_id, "the server of task processes died")


def _hand_over(process: TaskProcess, task: RunTask) -> None:
    """Here and now if it surely fits into the pipe: another thread costs more than the message."""
    data = bytes(ForkingPickler.dumps(task))
    if len(data) > FITS_BYTES or not process.sending.acquire(blocking=False):
        process.outgoing.put(task)
        return
    try:
        if process.outgoing.empty():
            # One that died meanwhile is reported when its end is noticed.
            with contextlib.suppress(OSError):
                process.pipe.send_bytes(data)
        else:
            process.outgoing.put(task)
    finally:
        process.sending.release()


def _pieces(split: Split) -> set[tuple[str, int]]:
    return {(file.uri, file.start) for file in split.files}
