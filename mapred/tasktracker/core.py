"""The TaskTracker as a pure machine: orders and what task processes say go in, actions come out.

Rules
- What has no free slot waits for one (work.py).
- Every accepted attempt ends in exactly one AttemptDone or AttemptFailed, whatever happens to
  its process. It is in hand until then.
- Events go into an outbox, and are sent until the JobTracker has them in hand; they stay there
  until it has them durable. A new session numbers what is left anew, and sends it again.
- Finished map outputs are held until the job is forgotten, or their directory has failed.
- What a tracker's directories are is said at registration: when that changes, a new session
  begins, and what was on a failed directory isn't in it.
- An attempt without a sign of life for `stall_s` is ended. A reduce that waits for map outputs
  gives none, and isn't to blame; nor does a service.

No clock, process, socket or disk: `now` is an argument, actions are performed by the shell.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from blockstore.runtime.mailbox import Inbox, Outbox
from mapred.model import (
    AttemptDone,
    AttemptFailed,
    AttemptId,
    Failure,
    FailureKind,
    FetchFailed,
    ForgetJob,
    KillAttempt,
    Launch,
    MapOutput,
    OutputsReady,
    RecordAt,
    TaskKind,
    TrackerEvent,
    TrackerInfo,
    TrackerOrder,
)
from mapred.task.messages import OutputLost, TaskDone, TaskFailed, TaskProgress
from mapred.tasktracker import endreasons, reports
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
from mapred.tasktracker.appetite import too_large
from mapred.tasktracker.heardoutputs import HeardOutputs
from mapred.tasktracker.localdirs import LocalDirectories, Look
from mapred.tasktracker.settings import TaskTrackerSettings
from mapred.tasktracker.work import Work, begun, next_to_start, run_task, waiting
from mapred.tracking import Heartbeat, HeartbeatReply, HeldOutput, Registered, Registration


class TaskTracker:
    """Deterministic; one caller at a time."""

    def __init__(
        self, info: TrackerInfo, roots: Sequence[str], settings: TaskTrackerSettings | None = None
    ) -> None:
        # Its incarnation rises with every session.
        self.info = info
        self.settings = settings or TaskTrackerSettings()
        self.directories = LocalDirectories(roots, self.settings.disk_check_interval_s)
        self.epoch = 0
        self.work: dict[AttemptId, Work] = {}
        self.held: dict[AttemptId, MapOutput] = {}
        self._forgetting: set[str] = set()
        # When a job last had an attempt or an output here.
        self._used_at: dict[str, float] = {}
        self._unsent_progress: set[AttemptId] = set()
        self._inbox: Inbox[TrackerOrder] = Inbox()
        self._outbox: Outbox[TrackerEvent] = Outbox()
        self._heard = HeardOutputs()
        # Of the session's events, how many the JobTracker has in hand.
        self._taken = 0
        self._actions: list[Action] = []
        # A slot is or will soon be idle, or something went wrong: events don't wait for others.
        self.urgent = False

    def __repr__(self) -> str:
        return (
            f"TaskTracker({self.info.tracker_id}#{self.info.incarnation}, epoch {self.epoch}, "
            f"{len(self.work)} in hand, {len(self.held)} outputs held)"
        )

    # --- the JobTracker

    def registration(self) -> Registration:
        """Begins a new session; every try to register is one of its own."""
        self.info = replace(
            self.info,
            incarnation=self.info.incarnation + 1,
            bad_directories=self.directories.troubles,
            refuses=not self.directories.usable,
        )
        self.epoch = 0
        left = [event for _, event in self._outbox.pending()]
        self._inbox, self._outbox, self._taken, self._heard = Inbox(), Outbox(), 0, HeardOutputs()
        for event in left:
            self._outbox.put(event)
        ended = [e.attempt for e in left if not isinstance(e, FetchFailed)]
        held = tuple(HeldOutput(attempt, output) for attempt, output in self.held.items())
        return Registration(self.info, (*self.work, *ended), held)

    def registered(self, incarnation: int, answer: Registered) -> None:
        # What has changed since it asked needs another session.
        if incarnation == self.info.incarnation and not self._untold:
            self.epoch = answer.epoch

    @property
    def _untold(self) -> bool:
        return self.info.bad_directories != self.directories.troubles

    @property
    def in_session(self) -> bool:
        return self.epoch > 0

    @property
    def has_events(self) -> bool:
        return len(self._outbox) > 0

    def heartbeat(self) -> Heartbeat:
        progress = tuple(
            reports.progress_of(attempt, self.work[attempt])
            for attempt in sorted(self._unsent_progress)
            if attempt in self.work
        )
        self._unsent_progress.clear()
        self.urgent = False
        return Heartbeat(
            self.info.tracker_id,
            self.info.incarnation,
            self.epoch,
            self._inbox.seen,
            tuple(self._outbox.pending(after=self._taken)),
            progress,
            tuple(self.work),
        )

    def replied(self, incarnation: int, reply: HeartbeatReply, now: float) -> list[Action]:
        """Takes over the orders of a reply to a heartbeat of session `incarnation`."""
        if incarnation != self.info.incarnation or not self.in_session:
            return []
        if reply.register_again or reply.epoch != self.epoch:
            self.epoch = 0
            return []
        self._outbox.acknowledge(reply.events_seen)
        self._taken = max(self._taken, reply.events_taken)
        for order in self._inbox.take(reply.orders):
            self._obey(order, now)
        return self._take_actions()

    def _obey(self, order: TrackerOrder, now: float) -> None:
        match order:
            case Launch():
                self._launch(order, now)
            case KillAttempt(attempt, reason):
                if attempt in self.work:
                    self._kill(attempt, reason, now)
            case OutputsReady():
                self._outputs(order, now)
            case ForgetJob(job_id):
                self._heard.forget(job_id)
                self._forget(job_id, now)

    def _launch(self, order: Launch, now: float) -> None:
        attempt = order.attempt
        # Its outputs are news for other reduces, too.
        self._outputs(OutputsReady(attempt.job_id, order.outputs), now)
        order = self._heard.completed(order)
        if attempt in self.work:
            return
        self._forgetting.discard(attempt.job_id)
        self._used_at[attempt.job_id] = now
        self.work[attempt] = begun(order, now, self.settings)
        self._start_next(attempt.kind, now)

    def _start_next(self, kind: TaskKind, now: float) -> None:
        if not self.directories.usable:
            why = endreasons.no_directory(self.directories.troubles, self.info.host)
            for attempt in waiting(self.work, kind):
                self._drop(attempt, AttemptFailed(attempt, why))
        for attempt in next_to_start(self.work, kind, self.info):
            work = self.work[attempt]
            work.root = self.directories.choose(Counter(w.root for w in self.work.values()))
            work.started_at = work.moved_at = now
            task = run_task(work, self.directories.first, self.info.tracker_id, self.settings)
            self._actions.append(StartTask(task))

    def _outputs(self, order: OutputsReady, now: float) -> None:
        self._heard.more(order)
        for attempt, work in self.work.items():
            outputs = tuple(o for o in order.outputs if o.map_index in work.feeding)
            if attempt.job_id == order.job_id and outputs:
                work.told(outputs, now)
                if work.started:
                    self._actions.append(SendOutputs(attempt, outputs))

    def _kill(self, attempt: AttemptId, reason: str, now: float) -> None:
        failure = Failure(FailureKind.KILLED, reason, host=self.info.host)
        if self.work[attempt].started:
            self._end(attempt, failure)
        else:
            self._report(attempt, AttemptFailed(attempt, failure), now)

    def _end(self, attempt: AttemptId, why: Failure, *, dump_stack: bool = False) -> None:
        """Asks for the end of its process; the report follows when it is gone."""
        work = self.work[attempt]
        if work.ending is None:
            work.ending = why
            self._actions.append(EndTask(attempt, dump_stack))

    def _forget(self, job_id: str, now: float) -> None:
        for attempt in [a for a in self.work if a.job_id == job_id]:
            self._kill(attempt, "the job is over", now)
        for attempt in [a for a in self.held if a.job_id == job_id]:
            del self.held[attempt]
        self._forgetting.add(job_id)
        self._remove_forgotten()

    def _remove_forgotten(self) -> None:
        busy = {attempt.job_id for attempt in self.work}
        for job_id in sorted(self._forgetting - busy):
            self._forgetting.discard(job_id)
            self._used_at.pop(job_id, None)
            self._actions.append(RemoveJob(job_id))

    # --- task processes

    def progressed(self, attempt: AttemptId, news: TaskProgress, now: float) -> None:
        work = self.work.get(attempt)
        if work is None:
            return
        # Whatever a process says is a sign of life: it says nothing while it stands still.
        work.moved_at = now
        if news != work.progress:
            work.progress = news
            self._unsent_progress.add(attempt)

    def output_lost(self, attempt: AttemptId, lost: OutputLost, now: float) -> None:
        """A reduce can't have a map's output, and waits for a replacement."""
        work = self.work.get(attempt)
        if work is not None and work.ending is None:
            work.missing.add(lost.map_index)
            work.moved_at = now
            self.urgent = True
            self._outbox.put(FetchFailed(attempt, lost.map_index, lost.attempt_number, lost.reason))

    def finished(self, attempt: AttemptId, done: TaskDone, now: float) -> list[Action]:
        """The attempt has done its work; its process is idle."""
        work = self.work.get(attempt)
        if work is None:
            return []
        if work.ending is not None:
            # Too late: it is reported as what it is being ended for.
            self._report(attempt, AttemptFailed(attempt, work.ending), now)
            return self._take_actions()
        output = reports.output_of(attempt, done, self.info)
        if output is not None:
            self.held[attempt] = output
        took_s = now - work.started_at if work.started_at is not None else None
        event = reports.done_event(attempt, done, output, took_s)
        self._report(attempt, event, now, keep_files=output is not None)
        return self._take_actions()

    def failed(self, attempt: AttemptId, failed: TaskFailed, now: float) -> list[Action]:
        """The attempt says why it failed; its process ends."""
        work = self.work.get(attempt)
        if work is None:
            return []
        reason = failed.reason
        if failed.disk_error:
            why = endreasons.disk_refused(work.root, failed.disk_error, self.info.host)
            reason = f"{attempt}: {why}"
            self.directories.refused(work.root, failed.disk_error, now)
            self._actions.append(LookAtDirectories())
        failure = work.ending or reports.failure_said(failed, reason, self.info.host)
        self._report(attempt, AttemptFailed(attempt, failure), now)
        self._tell_directories(now)
        return self._take_actions()

    def process_gone(
        self,
        attempt: AttemptId,
        how: str,
        last_words: str,
        now: float,
        record: RecordAt | None = None,
    ) -> list[Action]:
        """Its process has ended without a report, in that record. `last_words`: the end of its
        stderr."""
        work = self.work.get(attempt)
        if work is None:
            return []
        failure = reports.failure_of_gone(work, how, last_words, record, self.info.host)
        self._report(attempt, AttemptFailed(attempt, failure), now)
        return self._take_actions()

    def _report(
        self,
        attempt: AttemptId,
        event: AttemptDone | AttemptFailed,
        now: float,
        *,
        keep_files: bool = False,
    ) -> None:
        self._drop(attempt, event, keep_files=keep_files)
        self._start_next(attempt.kind, now)
        alone = not waiting(self.work, attempt.kind)
        self.urgent = self.urgent or alone or isinstance(event, AttemptFailed)
        self._remove_forgotten()

    def _drop(
        self, attempt: AttemptId, event: AttemptDone | AttemptFailed, *, keep_files: bool = False
    ) -> None:
        work = self.work.pop(attempt)
        self._unsent_progress.discard(attempt)
        self._outbox.put(event)
        failed = isinstance(event, AttemptFailed) and event.failure.kind is not FailureKind.KILLED
        if work.started:
            self._actions.append(KeepLogs(attempt, work.launch.spec.user, failed))
        if work.started and not keep_files:
            self._actions.append(RemoveWork(attempt))

    def looked(self, looks: Iterable[Look], now: float) -> list[Action]:
        """At its local directories."""
        for root in self.directories.looked(looks):
            self._actions.append(LeaveDirectory(root))
            for attempt, output in list(self.held.items()):
                if output.path.startswith(f"{root}/"):
                    del self.held[attempt]
            for attempt, work in self.work.items():
                if work.root == root:
                    self._end(attempt, endreasons.directory_lost(root, self.info.host))
        self._tell_directories(now)
        return self._take_actions()

    def _tell_directories(self, now: float) -> None:
        """Where it works on has changed: the JobTracker hears of it in a new session."""
        if self._untold:
            self.epoch = 0
            self.urgent = True
            for kind in TaskKind:
                self._start_next(kind, now)

    def memory(self, used: Mapping[AttemptId, int]) -> list[Action]:
        """Ends those that use too much, by `used` bytes of each."""
        running = {a: size for a, size in used.items() if a in self.work}
        limits = {a: work.launch.memory_limit_bytes for a, work in self.work.items()}
        for one in too_large(running, limits, together_bytes=self.info.memory_bytes):
            failure = endreasons.too_much_memory(one, self.info.host)
            self._end(one.attempt, failure, dump_stack=True)
        return self._take_actions()

    # --- time

    def tick(self, now: float) -> list[Action]:
        """Ends attempts that stand still; drops jobs that nobody will tell to forget."""
        self._drop_unused(now)
        self.directories.tick(now)
        self._tell_directories(now)
        for attempt, work in list(self.work.items()):
            if work.missing or not work.started or attempt.kind is TaskKind.SERVICE:
                work.moved_at = now
            elif now - work.moved_at >= work.stall_s:
                failure = endreasons.stood_still(attempt, work, self.info.host)
                self._end(attempt, failure, dump_stack=True)
        return self._take_actions()

    def _drop_unused(self, now: float) -> None:
        """An order to forget may die with its JobTracker. Without attempts and outputs the
        next JobTracker isn't told of the job, and can't repeat it."""
        used = {a.job_id for a in self.work} | {a.job_id for a in self.held}
        for job_id, since in list(self._used_at.items()):
            if job_id in used:
                self._used_at[job_id] = now
            elif now - since >= self.settings.unused_job_s:
                self._forget(job_id, now)

    def _take_actions(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    def check_invariants(self) -> None:
        """Raises AssertionError when the state contradicts itself."""
        for attempt, work in self.work.items():
            assert attempt not in self.held, f"{attempt} runs and is held"
            assert work.started or work.ending is None, f"{attempt} ends and hasn't begun"
        ended = [e.attempt for _, e in self._outbox.pending() if not isinstance(e, FetchFailed)]
        assert len(ended) == len(set(ended)), f"an attempt ended twice: {ended}"
        assert not set(ended) & self.work.keys(), "an ended attempt is still in hand"
