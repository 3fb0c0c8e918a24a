"""What happens to jobs and their attempts: every rule that turns news into entries and orders.

`core.py` is the door; it hands each piece of news to one method here. Methods look at the
book, record entries (which changes the book), put orders into trackers' outboxes, and ask
for actions; all of it lands in one `Draft`.
"""

from collections import defaultdict
from dataclasses import replace

from mapred.errors import MapredError
from mapred.jobtracker.attempts import Attempt, Event, State, Task
from mapred.jobtracker.book import Book
from mapred.jobtracker.entries import (
    AttemptLaunched,
    AttemptMoved,
    Entry,
    OutputPrepared,
    counter_list,
)
from mapred.jobtracker.feeding import needs_outputs_of, outputs_for, to_begin_with, untold
from mapred.jobtracker.fetchreports import SILENT_AFTER_S, Verdict
from mapred.jobtracker.fitness import unfit_words
from mapred.jobtracker.jobs import Job, Phase
from mapred.jobtracker.memory import limit_bytes, portion_of
from mapred.jobtracker.quarantine import Quarantine
from mapred.jobtracker.ready import Draft, commit_of
from mapred.jobtracker.reannounce import Reannouncements
from mapred.jobtracker.records import careful, judged
from mapred.jobtracker.scheduler import locality_wait_s
from mapred.jobtracker.trackers import Tracker, Trackers
from mapred.levels import NOTHING
from mapred.model import (
    AttemptDone,
    AttemptFailed,
    AttemptId,
    Failure,
    FailureKind,
    FetchFailed,
    KillAttempt,
    Launch,
    MapOutput,
    OutputsReady,
    TaskKind,
    TrackerEvent,
    TrackerOrder,
)
from mapred.tracking import HeldOutput


class Flow:
    """The rules of attempts, over the book and the trackers."""

    def __init__(
        self, book: Book, trackers: Trackers, draft: Draft, quarantine: Quarantine
    ) -> None:
        self._book = book
        self._trackers = trackers
        self._draft = draft
        self._quarantine = quarantine
        self.reannouncements = Reannouncements()

    # --- the two ways to have an effect

    def record(self, entry: Entry) -> None:
        self._book.apply(entry)
        self._draft.entries.append(entry)
        if isinstance(entry, AttemptLaunched | AttemptMoved):
            self._draft.recorded.add(entry.attempt.task.job_id)
        elif job_id := getattr(entry, "job_id", None):
            self._draft.recorded.add(job_id)

    def move(self, attempt_id: AttemptId, event: Event, failure: Failure | None = None) -> None:
        self.record(AttemptMoved(attempt_id, event, failure, at_s=self._book.wall_s))

    def order(self, tracker: Tracker, order: TrackerOrder) -> None:
        tracker.outbox.put(order)
        self._draft.wakes.add(tracker.id)

    def announce_outputs(self) -> None:
        """Tells running reduces of the outputs that came up, all of a job in one order."""
        for job_id, outputs in self._draft.outputs.items():
            job = self._book.jobs.get(job_id)
            last = job.levels.maps(len(job.levels) - 1) if job else NOTHING
            current = tuple(
                o
                for o in outputs
                if job and o.map_index in last and job.outputs.get(o.map_index) == o
            )
            for tracker_id in job.reducing_on if job and current else ():
                tracker = self._trackers.live.get(tracker_id)
                if job and tracker is not None and (news := untold(job, tracker.told, current)):
                    self.order(tracker, OutputsReady(job_id, news))
        self._draft.outputs.clear()

    def announce_all(self, tracker: Tracker) -> None:
        """A new session: what the last one announced may never have arrived."""
        fed: defaultdict[str, dict[int, MapOutput]] = defaultdict(dict)
        for attempt in tracker.occupied:
            job = self._book.jobs.get(attempt.job_id)
            for output in outputs_for(job, attempt.task) if job else ():
                fed[attempt.job_id][output.map_index] = output
        for job_id, outputs in sorted(fed.items()):
            self.order(tracker, OutputsReady(job_id, tuple(outputs.values())))

    # --- attempts begin

    def launch(self, job: Job, task: Task, tracker: Tracker, now: float) -> None:
        attempt_id = task.id.attempt(job.next_number(task, self._book.epoch))
        host, at_s = tracker.info.host, self._book.wall_s
        self.record(AttemptLaunched(attempt_id, tracker.id, host, at_s))
        attempt = task.attempts[attempt_id.number]
        attempt.launched_at = now
        job.cramped_since.pop(task.id.kind, None)
        job.crowded_since.pop(task.id.kind, None)
        portion = portion_of(job.spec, task, task.id.kind, tracker.info)
        attempt.queued = not tracker.occupy(attempt_id, portion)
        limit = limit_bytes(job.spec, task, tracker.info)
        tracker.jobs.add(job.id)
        if task.id.kind is TaskKind.MAP:
            split = job.spec.splits[task.id.index]
            feeding = job.levels.feeding(TaskKind.MAP, task.id.index)
            order = Launch(
                *(attempt_id, job.launch_spec, split),
                *(len(feeding), outputs_for(job, task.id), limit),
                careful=None if feeding else careful(job.spec, task),
            )
        elif task.id.kind is TaskKind.SERVICE:
            order = Launch(attempt_id, job.launch_spec, memory_limit_bytes=limit)
        else:
            maps = job.levels.sizes[-1]
            outputs, knows = to_begin_with(job, task.id, tracker.told)
            order = Launch(attempt_id, job.launch_spec, None, maps, outputs, limit, knows=knows)
        self.order(tracker, order)

    # --- attempts end

    def event(self, tracker: Tracker, event: TrackerEvent, now: float) -> None:
        match event:
            case AttemptDone():
                self._vacate(tracker, event.attempt, now)
                self._done(tracker, event, now)
            case AttemptFailed():
                self._vacate(tracker, event.attempt, now)
                self._failed(tracker, event, now)
            case FetchFailed():
                self._fetch_failed(tracker, event, now)

    def _vacate(self, tracker: Tracker, attempt_id: AttemptId, now: float) -> None:
        self._draft.slots_freed = True
        self._draft.reported[tracker.id] = tracker
        for started in tracker.vacate(attempt_id):
            job = self._book.jobs.get(started.job_id)
            attempt = job.attempt(started) if job else None
            if attempt is not None:
                attempt.queued, attempt.launched_at = False, now

    def running(self, attempt_id: AttemptId, tracker_id: str) -> tuple[Job, Task, Attempt] | None:
        """The attempt, if its job is known and it runs on that tracker."""
        job = self._book.jobs.get(attempt_id.job_id)
        attempt = job.live.get(attempt_id) if job else None
        if job is None or attempt is None or attempt.state is not State.RUNNING:
            return None
        if attempt.tracker_id != tracker_id:
            return None
        return job, job.tasks[attempt_id.kind][attempt_id.index], attempt

    def _done(self, tracker: Tracker, event: AttemptDone, now: float) -> None:
        found = self.running(event.attempt, tracker.id)
        if found is None:
            return
        job, task, attempt = found
        if attempt.id.kind is TaskKind.SERVICE:
            reason = f"{attempt.id} ended by itself: a service runs as long as its job"
            failure = Failure(FailureKind.FAILED, reason, host=attempt.host)
            self._failed(tracker, AttemptFailed(attempt.id, failure), now)
            return
        if job.phase is not Phase.RUNNING or task.done or task.committing is not None:
            self.move(attempt.id, Event.KILLED)
            return
        # Ends that come together tell nothing of how long each took.
        took_s = event.took_s if event.took_s is not None else now - attempt.launched_at
        job.durations[attempt.id.kind].add(took_s)
        job.patience.wait_moved(locality_wait_s(job))
        counters = counter_list(dict(event.counters))
        if event.output is not None and not event.further:
            output, at_s = event.output, self._book.wall_s
            made = AttemptMoved(attempt.id, Event.OUTPUT_MADE, None, counters, output, at_s=at_s)
            self.record(made)
            self._draft.outputs[job.id].append(event.output)
            self._end_rivals(job, task)
            return
        self.record(
            AttemptMoved(
                attempt.id,
                Event.PART_WRITTEN,
                counters=counters,
                output=event.output,
                temporary_uri=event.temporary_uri,
                final_name=event.final_name,
                further=event.further,
                at_s=self._book.wall_s,
            )
        )
        if event.temporary_uri or event.further:
            self._draft.actions.append(commit_of(job, attempt))
        else:
            self.committed(attempt.id, None)

    def committed(self, attempt_id: AttemptId, error: MapredError | None) -> None:
        """The rename was done, or can't be."""
        job = self._book.jobs.get(attempt_id.job_id)
        attempt = job.live.get(attempt_id) if job else None
        if job is None or attempt is None or attempt.state is not State.COMMITTING:
            return
        if error is None:
            self.move(attempt_id, Event.COMMITTED)
            if attempt.output is not None:
                self._draft.outputs[job.id].append(attempt.output)
            self._end_rivals(job, job.tasks[attempt_id.kind][attempt_id.index])
        else:
            failure = Failure(FailureKind.FAILED, f"commit: {error}", host=attempt.host)
            self.move(attempt_id, Event.FAILED, failure=failure)

    def _end_rivals(self, job: Job, task: Task) -> None:
        for rival in task.live_attempts:
            self.kill(job, rival, "another attempt of the task was first")

    def kill(self, job: Job, attempt: Attempt, reason: str) -> None:
        """A running attempt is killed from now on; its slot is free when the tracker says so."""
        if attempt.state is not State.RUNNING:
            return
        failure = Failure(FailureKind.KILLED, reason, host=attempt.host)
        self.move(attempt.id, Event.KILLED, failure=failure)
        job.fetch_reports.forget_reduce(attempt.id)
        self._order_kill(attempt, reason)

    def _order_kill(self, attempt: Attempt, reason: str) -> None:
        tracker = self._trackers.live.get(attempt.tracker_id)
        if tracker is not None and attempt.id in tracker.occupied:
            self.order(tracker, KillAttempt(attempt.id, reason))

    def _failed(self, tracker: Tracker, event: AttemptFailed, now: float) -> None:
        found = self.running(event.attempt, tracker.id)
        if found is None:
            return
        job, task, attempt = found
        failure = event.failure
        if failure.kind is FailureKind.UNFIT:
            failure = self._unfit(job, tracker, failure)
        elif failure.kind is FailureKind.FAILED and failure.record is not None:
            failure = judged(job.spec, task, failure)
        move = {
            FailureKind.KILLED: Event.KILLED,
            FailureKind.UNFIT: Event.KILLED,
            FailureKind.RECORD: Event.KILLED,
            FailureKind.LOST: Event.NODE_LOST,
        }.get(failure.kind, Event.FAILED)
        self.move(attempt.id, move, failure=failure)
        job.fetch_reports.forget_reduce(attempt.id)
        if move is Event.FAILED and not failure.peak_bytes:
            self._quarantine.failed(job, tracker.id, self._trackers.live, now)

    def _unfit(self, job: Job, tracker: Tracker, failure: Failure) -> Failure:
        """Fatal when no tracker is left that may have what the job needs."""
        unfit = job.unfit | {tracker.id: failure}
        if any(other.fits(job.spec) and other.id not in unfit for other in self._trackers):
            return failure
        return replace(failure, kind=FailureKind.FATAL, reason=unfit_words(unfit.values()))

    def move_services(self, tracker_id: str) -> None:
        """They would keep a tracker that is drained for ever."""
        for job in self._book.jobs.values():
            for attempt in list(job.live.values()):
                if attempt.id.kind is TaskKind.SERVICE and attempt.tracker_id == tracker_id:
                    self.kill(job, attempt, "its tracker is drained: it goes to another")

    # --- map outputs get lost and found

    def _fetch_failed(self, tracker: Tracker, event: FetchFailed, now: float) -> None:
        found = self.running(event.reduce, tracker.id)
        if found is None:
            return
        job, _, reduce = found
        output = job.outputs.get(event.map_index)
        if output is None or not needs_outputs_of(job, job.levels.of(event.map_index)):
            # Of a second attempt, while the first one commits.
            return
        if output.attempt_number != event.map_attempt_number:
            self._tell(reduce, output)
            return
        if output.tracker_id not in self._trackers.live and not self._trackers.expected(
            output.tracker_id, now
        ):
            self.output_lost(job, event.map_index, f"tracker {output.tracker_id} is gone")
            return
        if self._trackers.silence_s(output.tracker_id, now) >= SILENT_AFTER_S:
            reason = f"tracker {output.tracker_id} is silent, and a reduce can't fetch it"
            self.output_lost(job, event.map_index, reason)
            return
        verdict = job.fetch_reports.complain(
            reduce.id,
            output.map_index,
            output.attempt_number,
            tracker_id=output.tracker_id,
        )
        match verdict:
            case Verdict.TRY_AGAIN:
                self.reannouncements.add(reduce.id, event.map_index, now)
            case Verdict.OUTPUT_LOST:
                reason = f"reduces can't fetch it: {event.reason}"
                self.output_lost(job, event.map_index, reason, blame=True)
            case Verdict.REDUCE_CUT_OFF:
                why = "this reduce alone can't fetch from several maps; the last reason: "
                self.fail(job, reduce, why + event.reason)

    def fail(self, job: Job, attempt: Attempt, reason: str) -> None:
        """A running attempt has failed, whatever it thinks itself: it counts against the limit."""
        failure = Failure(FailureKind.FAILED, reason, host=attempt.host)
        self.move(attempt.id, Event.FAILED, failure=failure)
        job.fetch_reports.forget_reduce(attempt.id)
        self._order_kill(attempt, reason)

    def reannounce(self, now: float) -> None:
        """Sends outputs again to the reduces that complained and should now try again."""
        for reduce_id, map_index in self.reannouncements.due(now):
            job = self._book.jobs.get(reduce_id.job_id)
            reduce = job.live.get(reduce_id) if job else None
            output = job.outputs.get(map_index) if job else None
            if reduce is not None and output is not None:
                self._tell(reduce, output)

    def _tell(self, reduce: Attempt, output: MapOutput) -> None:
        tracker = self._trackers.live.get(reduce.tracker_id)
        if tracker is not None:
            self.order(tracker, OutputsReady(reduce.id.job_id, (output,)))

    def output_lost(self, job: Job, map_index: int, reason: str, *, blame: bool = False) -> None:
        """The map runs again. With `blame` the loss counts against its tracker."""
        winner = job.tasks[TaskKind.MAP][map_index].winner
        assert winner is not None
        kind = FailureKind.FAILED if blame else FailureKind.LOST
        failure = Failure(kind, f"map output {winner.id}: {reason}", host=winner.host)
        self.move(winner.id, Event.OUTPUT_LOST, failure=failure)
        job.fetch_reports.forget_output(map_index, winner.id.number)
        # They would wait in the slots that the map needs.
        for attempt in list(job.live.values()) if len(job.levels) > 1 else ():
            if attempt.id.kind is TaskKind.MAP and map_index in job.levels.feeding(
                TaskKind.MAP, attempt.id.index
            ):
                self.kill(job, attempt, "what it begins with is made again")

    def output_found(self, held: HeldOutput) -> None:
        """A tracker came back with an output that was given up; used if nobody was faster."""
        job = self._book.jobs.get(held.attempt.job_id)
        attempt = job.attempt(held.attempt) if job else None
        if job is None or attempt is None:
            return
        if not needs_outputs_of(job, job.levels.of(held.attempt.index)):
            return
        task = job.tasks[TaskKind.MAP][held.attempt.index]
        if attempt.state is State.LOST and attempt.output == held.output and not task.done:
            self.move(attempt.id, Event.OUTPUT_FOUND)
            self._draft.outputs[job.id].append(held.output)
            self._end_rivals(job, task)

    # --- a tracker is gone, or came back with less

    def lost_from(self, tracker_id: str, keeps: frozenset[AttemptId], reason: str) -> None:
        """Everything that the tracker had is lost, except what it keeps."""
        self._book.accustomed.forget(tracker_id)
        for job in list(self._book.jobs.values()):
            for attempt in list(job.live.values()):
                if attempt.tracker_id == tracker_id and attempt.id not in keeps:
                    self._lost(job, attempt, reason)
            # Of a chain from its end: what is lost there needs what is before it.
            for level in reversed(range(len(job.levels))):
                if not needs_outputs_of(job, level):
                    continue
                maps = job.levels.maps(level)
                for map_index in sorted(job.outputs_on.get(tracker_id, ())):
                    winner = job.tasks[TaskKind.MAP][map_index].winner
                    if map_index in maps and winner is not None and winner.id not in keeps:
                        self.output_lost(job, map_index, reason)

    def _lost(self, job: Job, attempt: Attempt, reason: str) -> None:
        if attempt.state is State.RUNNING:
            failure = Failure(FailureKind.LOST, reason, host=attempt.host)
            self.move(attempt.id, Event.NODE_LOST, failure=failure)
            job.fetch_reports.forget_reduce(attempt.id)

    # --- the output directory

    def prepared(self, job_id: str) -> None:
        job = self._book.jobs.get(job_id)
        if job is not None and job.phase is Phase.PREPARING:
            self.record(OutputPrepared(job_id))
