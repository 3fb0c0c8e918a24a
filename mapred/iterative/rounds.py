"""The driver of a loop: one submitted job a round, on whatever engine there is.

    OUTPUT/_loop/<lineage>/state-<sha256>    the state that this round's tasks see, if it's large
    OUTPUT/_loop/<lineage>/placed/           the input as the rounds read it, where a job places it
    OUTPUT/_loop/<lineage>/round-000003/     this round's output, removed when it was used
    OUTPUT/_checkpoints/                     checkpoint.py; the last state stays there
    OUTPUT/part-r-00000                      the result, in the job's output format
    OUTPUT/_SUCCESS                          last of all: rounds, reason of the end, counters

Round n+1 is submitted when `step` has made its state of round n's output. What was computed
is thrown away with the driver, except the checkpoints: a resume goes on from the last one.
The round of a driver that died may still run then; it has a lineage, and so a place, of its own.
"""

import json
import logging
import threading
import time
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mapred.engine import TRANSIENT_OUTPUT, Engine
from mapred.errors import JobDefinitionError, JobFailedError, JobKilledError, NoSuchJobError
from mapred.formats import output_format
from mapred.formats.splits import cut
from mapred.inlinefiles import is_inline
from mapred.iterative.broadcast import INLINE_BYTES_MAX, RoundSettings, Sender, Sent
from mapred.iterative.checkpoint import Checkpoint, Checkpoints, RoundRecord, origin_of, stored
from mapred.iterative.conditions import Stop, verdict
from mapred.iterative.grouping import Task, grouped, may_be_grouped, numbered, wanted_tasks
from mapred.iterative.listening import Listener, Silent
from mapred.iterative.loop import IterativeJob, LoopContext, Round, check_loop
from mapred.iterative.peering import Peering
from mapred.iterative.reducing import Reduction
from mapred.iterative.status import LOOP_SETTING
from mapred.job import Job
from mapred.model import JobSpec, JobState, JobStatus
from mapred.params import values_of
from mapred.shuffle.budget import with_memory
from mapred.storage import storage_for
from mapred.storage.uris import join
from mapred.storage.whole import put

log = logging.getLogger(__name__)

DIRECTORY: Final = "_loop"
SUCCESS: Final = "_SUCCESS"
PACKED: Final = "packed"
PLACED: Final = "placed"
# One call waits this long for news of a round.
NEWS_WAIT_S: Final = 5.0
# Between two looks at how many slots there are; other tasks than before find nothing decoded.
LOOK_AROUND_ROUNDS: Final = 50
# JobTrackers that may die, one after the other, under one round.
FORGOTTEN_MAX: Final = 10
# Removals that may lag behind the rounds.
SWEEPING_MAX: Final = 16


@dataclass(frozen=True, slots=True)
class LoopResult:
    """How a loop ended, and what with."""

    state: Any
    stop: Stop
    rounds: tuple[RoundRecord, ...]
    counters: dict[tuple[str, str], int] = field(default_factory=dict)
    output_files: tuple[str, ...] = ()


class RoundFailedError(JobFailedError):
    """The job of a round ended without success; `status` says why."""

    def __init__(self, number: int, status: JobStatus) -> None:
        causes = [failure.reason for failure in status.failures]
        why = causes[0] if causes else status.state.value
        super().__init__(f"round {number} ({status.job_id}) {status.state.value}: {why}")
        self.number = number
        self.status = status


class Loop:
    """One loop. `run` is called once; `kill` from any thread."""

    def __init__(
        self,
        engine: Engine,
        spec: JobSpec,
        job: type[IterativeJob],
        *,
        lineage: str,
        listener: Listener | None = None,
        begin: Any = None,
        family: str = "",
        pinned_for: str = "",
    ) -> None:
        """`begin` is the first state, if the job's `initial_state` isn't to make it. Loops of one
        `family`, whose modules must have names of their own, use the same task processes one
        after the other; with the same `pinned_for`, which says that the input hasn't changed
        between them, also what was decoded for one another.

        Raises:
            JobDefinitionError: the job can't be looped.
        """
        check_loop(job)
        self._engine = engine
        # As it is resumed.
        self.spec: Final = with_memory(spec, (one.info for one in engine.trackers()))
        self._lineage = lineage
        self._listener: Listener = listener or Silent()
        self._storage = storage_for(spec.output_uri)
        self._scratch = join(spec.output_uri, DIRECTORY)
        self._checkpoints = Checkpoints(spec.output_uri, self._storage, origin_of(spec))
        self._job = job()
        self._job.ctx = LoopContext(values_of(job, spec.params_json), spec)
        self._reduction = Reduction(self._job, self.spec, self._storage)
        self._begin = begin
        self._family = family
        self._pinned_for = pinned_for
        self._records: list[RoundRecord] = []
        self._all = numbered(spec.splits)
        # Until the input lies as the rounds read it.
        self._unplaced = job.placement is not None
        # Tasks that a round is cut into; 0: not known yet.
        self._wanted = 0
        self._resumed: Checkpoint | None = None
        self._counters: Counter[tuple[str, str]] = Counter()
        self._peering = Peering(engine, lineage)
        self._sender = Sender(self._place(), self._storage, inline_max=INLINE_BYTES_MAX)
        # Where the last state is.
        self._sent_uris: set[str] = set()
        self._sweeper = ThreadPoolExecutor(1, thread_name_prefix=f"{lineage}-sweeper")
        self._sweeping: deque[Future[bool]] = deque()
        self._lock = threading.Lock()
        # Guarded by the lock.
        self._running = ""
        self._killed = ""

    # --- from other threads

    def kill(self, reason: str) -> None:
        """Ends the round that runs, and the loop with it."""
        with self._lock:
            self._killed = self._killed or reason
            running = self._running
        if running:
            # One that was forgotten isn't submitted again.
            with suppress(NoSuchJobError):
                self._engine.kill(running, reason)

    # --- the driver

    def resume(self) -> None:
        """Goes on from the last checkpoint, if there is one; before `run`.

        Raises:
            JobDefinitionError: the checkpoint is of another loop.
        """
        self._resumed = self._checkpoints.latest()
        if self._resumed:
            self._records = list(self._resumed.rounds)
            for record in self._records[-1:]:
                self._listener.round_done(record)

    def run(self) -> LoopResult:
        """From the start, or the last checkpoint, to the end.

        Raises:
            RoundFailedError: a round's job failed.
            JobKilledError: somebody killed it.
        """
        self._storage.delete(self._scratch)
        try:
            stop = self._rounds(self._start())
            self._save(stop)
            files = self._publish(stop)
        finally:
            self._tidy_up()
        return LoopResult(
            self._job.ctx.state, stop, tuple(self._records), dict(self._counters), files
        )

    def _start(self) -> Stop | None:
        """Sets the state; a checkpoint may be of a loop that had come to its end."""
        ctx = self._job.ctx
        if self._resumed is None:
            ctx.state = self._job.initial_state() if self._begin is None else self._begin
            return None
        ctx.round, ctx.state = self._resumed.round, self._resumed.state
        return self._resumed.stop

    def _rounds(self, stop: Stop | None) -> Stop:
        while stop is None:
            started = time.monotonic()
            ctx = self._job.ctx
            number, previous = ctx.round + 1, ctx.state
            state = self._round(number, previous)
            turn = Round(self._job, number, previous, state)
            ctx.round, ctx.state = number, state
            record = RoundRecord(number, time.monotonic() - started, turn.metrics)
            self._records.append(record)
            self._listener.round_done(record)
            stop = verdict(self._job.until(turn))  # type: ignore[misc]
            every = self._job.checkpoint_every
            if stop is None and every and number % every == 0:
                self._save()
        return stop

    def _round(self, number: int, state: Any) -> Any:
        """Submits the round, waits for its end, and makes the next state of its output."""
        sent = self._sender.send(state)
        for uri in self._sent_uris - sent.uris:
            self._sweep(uri)
        self._sent_uris = sent.uris
        if self._unplaced:
            self._place_input(number, state, sent)
        output_uri = self._place(f"round-{number:06d}")
        tasks = self._tasks(number, state, type(self._job))
        spec = replace(
            self._cut(tasks, self._settings(number, sent, tasks)),
            name=f"{self.spec.name} round {number}",
            output_uri=output_uri,
        )
        status = self._done(number, self._reduction.planned(spec))
        self._counters.update(status.counters)
        next_state = self._job.step(state, self._reduction.output(status))
        if not all(map(is_inline, status.output_files)):
            self._sweep(output_uri)
        return next_state

    def _place_input(self, number: int, state: Any, sent: Sent) -> None:
        """Has the loop's placement done, with which the first round begins: here, as after a
        resume, since what was placed goes with its driver."""
        self._unplaced = False
        parts = self._job.parts(state)
        if not parts:
            return
        found = [
            split
            for uri in self._placed(number, state, sent, parts)
            for split in cut(uri, self._storage, split_bytes=0, input_format=PACKED)
        ]
        self._all = numbered(found)

    def _placed(self, number: int, state: Any, sent: Sent, parts: int) -> tuple[str, ...]:
        """The files that the loop's placement has written, a file a part."""
        placement = self._job.placement
        assert placement is not None
        tasks = self._tasks(number, state, placement)
        # What others keep decoded is found, and nothing is kept that isn't read again.
        own = replace(self._settings(number, sent, tasks), pinned_bytes=0)
        spec = self._cut(tasks, own)
        spec = replace(
            spec,
            name=f"{self.spec.name} placement",
            job_class=placement.__name__,
            reducers=parts,
            output_uri=self._place(PLACED),
            # These files are to stay.
            settings={k: v for k, v in spec.settings.items() if k != TRANSIENT_OUTPUT},
        )
        status = self._done(number, spec)
        self._counters.update(status.counters)
        self._listener.placed()
        return status.output_files

    def _settings(self, number: int, sent: Sent, tasks: list[Task]) -> RoundSettings:
        return RoundSettings(
            sent,
            number,
            self._lineage,
            self._job.pinned_bytes,
            self._family,
            self._pinned_for,
            tuple(task.first for task in tasks),
            self._peering.for_round(number, sent),
        )

    def _cut(self, tasks: list[Task], loop: RoundSettings) -> JobSpec:
        """The loop's job over these tasks."""
        settings = {k: v for k, v in self.spec.settings.items() if k != LOOP_SETTING}
        return replace(
            self.spec,
            splits=tuple(task.split for task in tasks),
            output_format=PACKED,
            settings=settings | loop.settings(),
        )

    def _tasks(self, number: int, state: Any, job: type[Job]) -> list[Task]:
        """What the job's maps read in that round."""
        tasks = [task for task in self._all if self._job.reads(state, task.split)]
        if not tasks:
            raise JobDefinitionError(f"{self.spec.name} reads no split in round {number}")
        if not may_be_grouped(job):
            return tasks
        if (number - 1) % LOOK_AROUND_ROUNDS == 0 or not self._wanted:
            self._wanted = wanted_tasks(self._engine.trackers())
        return grouped(tasks, self._wanted)

    def _sweep(self, uri: str) -> None:
        """Removes what nobody needs any more, beside the next round."""
        while len(self._sweeping) >= SWEEPING_MAX:
            wait([self._sweeping.popleft()])
        self._sweeping.append(self._sweeper.submit(self._storage.delete, uri))

    def _done(self, number: int, spec: JobSpec) -> JobStatus:
        """Submits a job and waits for its end. A round isn't durable before it is over: one that
        has died with its JobTracker is submitted again."""
        for _ in range(FORGOTTEN_MAX):
            try:
                return self._follow(number, self._submit(spec))
            except NoSuchJobError as error:
                log.warning("round %d is submitted again: %s", number, error)
        return self._follow(number, self._submit(spec))

    def _submit(self, spec: JobSpec) -> str:
        self._raise_if_killed()
        job_id = self._engine.submit(spec)
        with self._lock:
            self._running = job_id
            killed = self._killed
        if killed:
            self._engine.kill(job_id, killed)
        return job_id

    def _follow(self, number: int, job_id: str) -> JobStatus:
        version = 0
        while True:
            status, version = self._engine.status(job_id, known_version=version, wait_s=NEWS_WAIT_S)
            self._listener.status(status)
            if status.state.ended:
                break
        with self._lock:
            self._running = ""
        self._raise_if_killed()
        if status.state is not JobState.SUCCEEDED:
            raise RoundFailedError(number, status)
        return status

    def _raise_if_killed(self) -> None:
        if self._killed:
            raise JobKilledError(f"the loop was killed: {self._killed}")

    # --- what stays

    def _save(self, stop: Stop | None = None) -> None:
        ctx = self._job.ctx
        self._checkpoints.put(Checkpoint(ctx.round, ctx.state, tuple(self._records), stop))

    def _publish(self, stop: Stop) -> tuple[str, ...]:
        form = output_format(self.spec.output_format)
        uri = join(self.spec.output_uri, f"part-r-00000{form.suffix}")
        file = self._storage.open_write(uri, overwrite=True)
        try:
            writer = form.writer(file)
            writer.write(list(self._job.result(self._job.ctx.state)))
            writer.close()
            file.commit()
        except BaseException:
            file.discard()
            raise
        self._write_success(stop, (uri,))
        return (uri,)

    def _write_success(self, stop: Stop, uris: tuple[str, ...]) -> None:
        counters: dict[str, dict[str, int]] = {}
        for (group, name), value in sorted(self._counters.items()):
            counters.setdefault(group, {})[name] = value
        text = json.dumps(
            {
                "name": self.spec.name,
                "user": self.spec.user,
                "converged": stop.converged,
                "reason": stop.reason,
                "rounds": [
                    {"number": r.number, "seconds": r.seconds, "metrics": stored(r).metrics}
                    for r in self._records
                ],
                "files": [uri.rpartition("/")[2] for uri in uris],
                "counters": counters,
            },
            indent=1,
        )
        put(join(self.spec.output_uri, SUCCESS), text.encode(), self._storage)

    def _tidy_up(self) -> None:
        """Leaves only what somebody may want; an output directory with nothing in it goes, too."""
        # Waits for what is being removed; what failed there goes with the whole.
        self._sweeper.shutdown()
        self._checkpoints.close()
        self._storage.delete(self._scratch)
        with suppress(FileNotFoundError):
            if not self._storage.entries(self.spec.output_uri):
                self._storage.delete(self.spec.output_uri)

    def _place(self, *names: str) -> str:
        return join(self._scratch, self._lineage, *names)
