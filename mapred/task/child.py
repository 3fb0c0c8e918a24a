"""A task process: runs the attempts that its tracker sends, one at a time, until it's told to stop.

    from multiprocessing import Pipe
    run(connection)      # messages.py says what goes through

A forkserver that preloads this module has everything that a task imports. A job's code is
imported once. A finished process ends by `os._exit`: pyarrow's and gRPC's
threads can abort an interpreter that takes itself apart.
"""

import gc
import os
import queue
import signal
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import mapred.task.libraries  # noqa: F401  (before anything that imports numpy)
from blockstore.runtime.identity import USER_VARIABLE
from mapred.formats import text as _text  # noqa: F401  (before the fork, not once a process)
from mapred.iterative.status import CARRIED
from mapred.job import Job
from mapred.levels import feeding, levels_in
from mapred.model import TaskKind
from mapred.params import values_of
from mapred.pipeline import CHAIN
from mapred.shuffle.announced import Announced
from mapred.shuffle.budget import Budget
from mapred.shuffle.fetch import Shuffle
from mapred.storage import local as _local  # noqa: F401  (likewise)
from mapred.task.chained import Chain, stage_of
from mapred.task.code import load_job
from mapred.task.context import TaskContext
from mapred.task.failure import Place, disk_error, failure_of
from mapred.task.fetching import shuffle_of
from mapred.task.libraries import one_heap
from mapred.task.map_task import MapTask
from mapred.task.messages import MoreOutputs, RunTask, Stop, TaskDone, TaskFailed
from mapred.task.outputs import captured_output
from mapred.task.pulse import Position, Pulse
from mapred.task.reduce_task import ReduceTask
from mapred.task.reporter import Reporter
from mapred.task.withoutpandas import hide_pandas


class Work(Protocol):
    """What is done in an attempt."""

    def place(self) -> Place: ...

    def position(self) -> Position: ...

    def run(self) -> TaskDone: ...


_Accepted: TypeAlias = tuple[RunTask, Reporter, Shuffle | None]


def run(connection: Connection) -> None:
    """Serves the tracker at the other end; returns never."""
    # Ctrl-C goes to the whole group of processes; the client decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hide_pandas()
    status = 1
    try:
        TaskProcess(connection).serve()
        status = 0
    finally:
        os._exit(status)


class TaskProcess:
    """One process's share of one job."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._send_lock = threading.Lock()
        # From the reading thread to the main one; None: stop.
        self._tasks: queue.SimpleQueue[_Accepted | None] = queue.SimpleQueue()
        # Owned by the reading thread: what further outputs are for.
        self._shuffle: Shuffle | None = None
        # Of the job whose task fetched last.
        self._announced = Announced()
        # Owned by the main thread.
        self._pulse = Pulse()
        # By hash of the code and place in it: one, or those of a family's jobs.
        self._jobs: dict[tuple[str, str, str], tuple[type[Job], Path]] = {}

    def serve(self) -> None:
        threading.Thread(target=self._read, name="from-tracker", daemon=True).start()
        while (next_task := self._tasks.get()) is not None:
            self._send(self._attempt(*next_task))

    def _read(self) -> None:
        try:
            while True:
                message = self._connection.recv()
                if isinstance(message, RunTask):
                    self._accept(message)
                elif isinstance(message, MoreOutputs):
                    self._announced.tell(message.outputs)
                    if self._shuffle:
                        self._shuffle.announce(message.outputs)
                elif isinstance(message, Stop):
                    self._tasks.put(None)
                    return
        except (EOFError, OSError):
            # The tracker is gone: nobody wants what this process could still do.
            os._exit(1)

    def _send(self, message: Any) -> None:
        with self._send_lock:
            self._connection.send(message)

    def _accept(self, task: RunTask) -> None:
        reporter = Reporter(self._send)
        self._shuffle = None
        if task.attempt.kind is TaskKind.REDUCE or feeding(
            task.spec.settings, task.attempt, task.maps
        ):
            self._shuffle = _shuffle(task, reporter)
            self._announced.tell(task.outputs, anew=not task.knows)
            self._shuffle.begin_with(self._announced.known())
        self._tasks.put((task, reporter, self._shuffle))

    def _attempt(
        self, task: RunTask, reporter: Reporter, shuffle: Shuffle | None
    ) -> TaskDone | TaskFailed:
        folder = Path(task.work_dir)
        with captured_output(task.log_dir) as output:
            place: Callable[[], Place] = Place
            context: TaskContext | None = None
            code = folder
            try:
                job, code = self._loaded(task)
                context = TaskContext(
                    params=values_of(job, task.spec.params_json),
                    spec=task.spec,
                    attempt=task.attempt,
                    split=task.split,
                    folder=code,
                    scratch=folder / "scratch",
                    shared=Path(task.shared_dir) if task.shared_dir else None,
                    tracker_id=task.tracker_id,
                    on_status=reporter.status,
                    on_alive=reporter.alive,
                )
                reporter.follow(context, output)
                work = _work(task, job, context, reporter, shuffle)
                place = work.place
                with self._pulse.of(work.position, reporter.pulse):
                    done = work.run()
                further = context.side_outputs.commit() if context.has_side_outputs else ()
                return replace(done, counters=dict(context.counters), further=further)
            except BaseException as error:
                if context and context.has_side_outputs:
                    context.side_outputs.discard()
                # Whatever user code raises, exits and interrupts too, ends this attempt only.
                # The disk that its stderr is on may be full: the tracker is told nevertheless.
                with suppress(OSError):
                    traceback.print_exception(error)
                failed = failure_of(error, place(), code)
                if stage := stage_of(error):
                    failed = replace(failed, reason=f"{stage}: {failed.reason}")
                return replace(
                    failed, disk_error=disk_error(error, (task.work_dir, task.log_dir, str(code)))
                )
            finally:
                if context:
                    context.at_end.close()

    def _loaded(self, task: RunTask) -> tuple[type[Job], Path]:
        key = task.spec.code_sha256, task.spec.module, task.spec.job_class
        if key not in self._jobs:
            # For everything in this process, user code as well: what it writes is the submitter's.
            os.environ[USER_VARIABLE] = task.spec.user
            folder = Path(task.code_dir or Path(task.work_dir).parent)
            folder.mkdir(parents=True, exist_ok=True)
            self._jobs[key] = load_job(task.spec, folder)
            _collect_less()
            one_heap(Budget.of(task.spec.memory_bytes))
        return self._jobs[key]


def _collect_less() -> None:
    """Spares Python's cycle collector the live data of a task, which has millions of objects.

    Measured: with its own thresholds it takes a quarter of a word count. What user code
    leaves in cycles is still found, only later.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _work(
    task: RunTask,
    job: type[Job],
    context: TaskContext,
    reporter: Reporter,
    shuffle: Shuffle | None,
) -> Work:
    if CHAIN in task.spec.settings:
        return Chain(task, context).work(reporter, shuffle)
    if CARRIED in task.spec.settings:
        from mapred.task.carrying import carrying

        return carrying(task, job, context, reporter)
    if shuffle:
        return ReduceTask(task, job, context, reporter, shuffle)
    return MapTask(task, job, context, reporter)


def _shuffle(task: RunTask, reporter: Reporter) -> Shuffle:
    attempt = task.attempt
    return shuffle_of(
        task,
        reporter,
        job_id=attempt.job_id,
        maps=task.maps,
        partition=levels_in(task.spec.settings, task.maps).partition(attempt.kind, attempt.index),
        on_lost=lambda output, reason: reporter.output_lost(
            output.map_index, output.attempt_number, reason
        ),
    )
