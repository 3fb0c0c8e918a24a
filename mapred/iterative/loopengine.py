"""A loop as something that is submitted, followed and killed like a job.

`LoopEngine` stands before an engine. Jobs go through it as they are; for an IterativeJob it
runs the driver on a thread and makes one status of all rounds: progress is that of the round
that runs, counters and failed attempts are summed up. The loop ends with this object, since
its driver lives here: `close` kills what still runs. Where there is a ledger, each loop is
written down in it, so that `mapred resume` finds it.
"""

import logging
import sys
import threading
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from blockstore.errors import StoreError
from blockstore.runtime.clock import SYSTEM_CLOCK, Clock
from mapred.engine import Engine
from mapred.errors import JobKilledError, MapredError, NoSuchJobError
from mapred.iterative.carriedloop import CarriedLoop
from mapred.iterative.checkpoint import RoundRecord
from mapred.iterative.ledger import Ledger, LoopRecord, new_loop_id, record_of
from mapred.iterative.loop import IterativeJob, check_loop
from mapred.iterative.rounds import Loop, LoopResult, RoundFailedError
from mapred.iterative.status import LoopStatus, is_loop
from mapred.model import Failure, FailureKind, JobSpec, JobState, JobStatus, TrackerStatus
from mapred.owndirs import OwnDirectory
from mapred.task.code import load_job
from mapred.usercode import one_line, user_traceback

log = logging.getLogger(__name__)

# A driver that is told to end waits for the engine to kill a round, no longer than this.
END_S: Final = 20.0
# Each round waits for something for a moment: only what lasts is news.
WAITING_SHOWN_AFTER_S: Final = 2.0


class LoopEngine:
    """An engine that also runs loops. Thread-safe. Closes the engine that it stands before."""

    def __init__(
        self,
        engine: Engine,
        *,
        resume: bool = False,
        begun: LoopRecord | None = None,
        ledger: Ledger | None = None,
        to_stdout: bool = False,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """`resume`: from the last checkpoint in the output; `begun`: so, and under its old id."""
        self._engine = engine
        self._resume = resume or begun is not None
        self._begun = begun
        self._ledger = ledger
        self._to_stdout = to_stdout
        self._clock = clock
        self._lock = threading.Lock()
        # Guarded by the lock.
        self._loops: dict[str, _Running] = {}

    def submit(self, spec: JobSpec) -> str:
        if not is_loop(spec):
            return self._engine.submit(spec)
        loop_id = self._begun.loop_id if self._begun else new_loop_id(self._clock.wall())
        running = _Running(self._engine, spec, loop_id, self._clock, resume=self._resume)
        if self._ledger:
            record = record_of(loop_id, running.spec, to_stdout=self._to_stdout)
            running.write_down(self._ledger, record)
        with self._lock:
            self._loops[loop_id] = running
        running.start()
        return loop_id

    def status(
        self, job_id: str, *, known_version: int = 0, wait_s: float = 0.0
    ) -> tuple[JobStatus, int]:
        if running := self._loop(job_id):
            return running.wait(known_version, wait_s)
        return self._engine.status(job_id, known_version=known_version, wait_s=wait_s)

    def result(self, loop_id: str) -> LoopResult | None:
        """What a loop that has succeeded ended with.

        Raises:
            NoSuchJobError: no loop of this id was submitted here.
        """
        if running := self._loop(loop_id):
            return running.result
        raise NoSuchJobError(f"no loop {loop_id} was submitted here")

    def kill(self, job_id: str, reason: str) -> bool:
        if running := self._loop(job_id):
            return running.kill(reason)
        return self._engine.kill(job_id, reason)

    def jobs(self) -> list[JobStatus]:
        with self._lock:
            loops = list(self._loops.values())
        own = [replace(running.wait(0, 0.0)[0], counters={}) for running in reversed(loops)]
        return own + self._engine.jobs()

    def trackers(self) -> list[TrackerStatus]:
        return self._engine.trackers()

    def close(self) -> None:
        with self._lock:
            loops = list(self._loops.values())
        for running in loops:
            running.end()
        self._engine.close()

    def _loop(self, job_id: str) -> "_Running | None":
        with self._lock:
            return self._loops.get(job_id)


class _Running:
    """One loop and its thread; also its listener."""

    def __init__(
        self, engine: Engine, spec: JobSpec, loop_id: str, clock: Clock, *, resume: bool
    ) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        # Guarded by the condition.
        self._version = 1
        self._status = LoopStatus(
            job_id=loop_id,
            name=spec.name,
            user=spec.user,
            state=JobState.RUNNING,
            map_progress=0.0,
            reduce_progress=0.0,
            maps=len(spec.splits),
            maps_done=0,
            reduces=spec.reducers,
            reduces_done=0,
            submitted_at_s=clock.wall(),
            finished_at_s=0.0,
            output_uri=spec.output_uri,
        )
        # Of the rounds done; owned by the thread.
        self._before = self._status
        self._round_began = clock.monotonic()
        self.result: LoopResult | None = None
        self._written: tuple[Ledger, LoopRecord] | None = None
        self._thread = threading.Thread(target=self._run, name=loop_id, daemon=True)
        self._own = OwnDirectory("loop")
        try:
            job, self._code = _imported(spec, self._own.path)
            # Another driver of the same loop may have left a round that still runs.
            lineage = f"{loop_id}-{uuid.uuid4().hex[:8]}"
            kind = CarriedLoop if job.carries else Loop
            self._loop = kind(engine, spec, job, lineage=lineage, listener=self)
            if resume:
                self._loop.resume()
        except BaseException:
            _forget(self._own)
            raise

    # --- from other threads

    @property
    def spec(self) -> JobSpec:
        """With all that was decided for its rounds."""
        return self._loop.spec

    def start(self) -> None:
        self._thread.start()

    def write_down(self, ledger: Ledger, record: LoopRecord) -> None:
        """Before `start`; the record says so when the loop has ended."""
        try:
            ledger.write(record)
            ledger.remove_old()
        except BaseException:
            _forget(self._own)
            raise
        self._written = ledger, record

    def wait(self, known_version: int, wait_s: float) -> tuple[LoopStatus, int]:
        with self._changed:
            self._changed.wait_for(lambda: self._version > known_version, wait_s)
            return self._status, self._version

    def kill(self, reason: str) -> bool:
        if self._status.state.ended:
            return False
        self._loop.kill(reason)
        return True

    def end(self) -> None:
        self.kill("the program that runs the loop ends")
        self._thread.join(END_S)

    # --- the driver's thread

    def _run(self) -> None:
        end = self._driven()
        self._write_end(end)
        # Before anybody can know of the end, who may then submit the same file again.
        _forget(self._own)
        self._change(**end)

    def _write_end(self, end: dict[str, Any]) -> None:
        if self._written is None:
            return
        ledger, record = self._written
        state: JobState = end["state"]
        words = f"{state.value}: {end['reason']}"
        succeeded = state is JobState.SUCCEEDED
        try:
            ledger.write(msgspec.structs.replace(record, ended=words, succeeded=succeeded))
        except (OSError, StoreError) as error:
            # Who resumes it finds its last checkpoint, which says that it has come to its end.
            log.warning("the end of %s isn't written down: %s", record.loop_id, error)

    def _driven(self) -> dict[str, Any]:
        """Runs the loop to its end, whatever that is; what the status is to say of it."""
        try:
            self.result = self._loop.run()
        except RoundFailedError as error:
            return self._ended(
                JobState.FAILED, f"round {error.number} failed", *error.status.failures
            )
        except JobKilledError as error:
            return self._ended(JobState.KILLED, str(error), _failure(FailureKind.KILLED, error))
        except MapredError as error:
            return self._ended(JobState.FAILED, str(error), _failure(FailureKind.FATAL, error))
        except Exception as error:
            failure = _failure(FailureKind.FATAL, error)
            trace = user_traceback(error, self._code)
            return self._ended(JobState.FAILED, failure.reason, replace(failure, traceback=trace))
        stop = self.result.stop
        return self._ended(JobState.SUCCEEDED, stop.reason) | {
            "converged": stop.converged,
            "output_files": self.result.output_files,
        }

    def _ended(self, state: JobState, reason: str, *failures: Failure) -> dict[str, Any]:
        return {
            "state": state,
            "reason": reason,
            "failures": failures,
            "finished_at_s": self._clock.wall(),
            "attempts_running": 0,
            "waiting_for": "",
        }

    def status(self, status: JobStatus) -> None:
        before = self._before
        waits = self._clock.monotonic() - self._round_began >= WAITING_SHOWN_AFTER_S
        counters = dict(before.counters)
        for name, value in status.counters.items():
            counters[name] = counters.get(name, 0) + value
        self._change(
            map_progress=status.map_progress,
            reduce_progress=status.reduce_progress,
            maps=status.maps,
            maps_done=status.maps_done,
            reduces=status.reduces,
            reduces_done=status.reduces_done,
            counters=counters,
            attempts_failed=before.attempts_failed + status.attempts_failed,
            attempts_killed=before.attempts_killed + status.attempts_killed,
            attempts_running=status.attempts_running,
            waiting_for=status.waiting_for if waits else "",
        )

    def placed(self) -> None:
        self._before = self._status

    def went_back(self, rounds: int, counters: Mapping[tuple[str, str], int]) -> None:
        self._change(rounds_done=rounds, counters=dict(counters))
        self._before = self._status

    def round_done(self, record: RoundRecord) -> None:
        self._change(rounds_done=record.number, metrics=record.metrics)
        self._before = self._status
        self._round_began = self._clock.monotonic()

    def _change(self, **changes: Any) -> None:
        with self._changed:
            self._status = replace(self._status, **changes)
            self._version += 1
            self._changed.notify_all()


def _failure(kind: FailureKind, error: Exception) -> Failure:
    # Our own errors say it all; of others the type is half of the message.
    return Failure(kind, str(error) if isinstance(error, MapredError) else one_line(error))


def _imported(spec: JobSpec, parent: Path) -> tuple[type[IterativeJob], Path]:
    """The job's class, of the same archive that the tasks import."""
    job, folder = load_job(spec, parent)
    assert issubclass(job, IterativeJob)
    check_loop(job)
    return job, folder


def _forget(own: OwnDirectory) -> None:
    """Removes the job's code, and takes its modules back out of this program."""
    folder = own.path
    sys.path[:] = [entry for entry in sys.path if not Path(entry).is_relative_to(folder)]
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and Path(file).is_relative_to(folder):
            del sys.modules[name]
    own.remove()
