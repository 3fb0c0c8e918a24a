"""Which task of a job goes to a tracker: a pure question, asked for every free slot.

Rules
- Slots for maps and for reduces are counted apart: reduces that wait for maps can't starve a
  map that has to run again.
- Which job is asked first: turns.py.
- Maps go where their input is: to its host, to a host of its rack, or anywhere. A job that could
  only use a slot farther away waits a little for a nearer one, at each of the two steps (delay
  scheduling, after Zaharia et al., EuroSys 2010), in wall time scaled to the length of its
  tasks; it doesn't wait for a place where no live tracker is, nor for a task that ran before.
- Reduces of a job whose maps have all run on one tracker wait a moment for a slot there: nothing
  of a small job crosses the network.
- All tasks of a small job go to one tracker (home.py), wherever its input is.
- A retry goes to another tracker than those where the task failed, if there is one.
- A tracker on which a job has failed three times gets no more of that job, and one in
  quarantine none of any job, unless there are no others. One that is drained, or has no local
  directory left, gets nothing.
"""

from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from math import inf
from typing import Final
from weakref import WeakKeyDictionary

from mapred.jobtracker.accustomed import name_of
from mapred.jobtracker.attempts import Task
from mapred.jobtracker.home import home_of, waits_for_home
from mapred.jobtracker.jobs import Job
from mapred.jobtracker.memory import promised_bytes
from mapred.jobtracker.racks import Racks
from mapred.jobtracker.trackers import Tracker
from mapred.model import PROCESS_FAMILY, TaskKind

# The wait for a nearer slot: this share of a map's mean length, within bounds.
LOCALITY_WAIT_SHARE: Final = 0.25
LOCALITY_WAIT_MIN_S: Final = 0.1
LOCALITY_WAIT_MAX_S: Final = 3.0
LOCALITY_WAIT_FIRST_S: Final = 0.3


class Field:
    """The live trackers; good until one comes, goes, or is used otherwise."""

    def __init__(
        self,
        trackers: Iterable[Tracker],
        drained: Container[str] = (),
        quarantined: Container[str] = (),
        racks: Racks | None = None,
        *,
        small_job_bytes: int = 0,
    ) -> None:
        self.small_job_bytes = small_job_bytes
        self.trackers = [
            tracker
            for tracker in trackers
            if tracker.id not in drained and not tracker.info.refuses
        ]
        self.at_name: dict[str, list[Tracker]] = {}
        for tracker in self.trackers:
            for name in tracker.names:
                self.at_name.setdefault(name, []).append(tracker)
        self.slots = {kind: sum(t.slots(kind) for t in self.trackers) for kind in TaskKind}
        self.names = frozenset(self.at_name)
        # By the names under which they are known for what they have had (accustomed.py).
        self.at_home = {name_of(tracker.id): tracker for tracker in self.trackers}
        where = racks or Racks()
        self.rack_of = {t.id: where.of(t.info) for t in self.trackers}
        self.racks = frozenset(rack for rack in self.rack_of.values() if rack)
        self._trusted = [tracker for tracker in self.trackers if tracker.id not in quarantined]
        # Nearly all jobs want the same and avoid nobody.
        self._plain: dict[tuple[object, ...], Mapping[str, Tracker]] = {}
        # Of the others, with how many trackers the job avoided then.
        self._usable: WeakKeyDictionary[Job, tuple[int, Mapping[str, Tracker]]] = (
            WeakKeyDictionary()
        )

    def map_room(self, home: str) -> float:
        """How many maps may wait for that tracker: what it takes at once, and as many again."""
        tracker = self.at_home.get(home)
        if tracker is None:
            return inf
        return tracker.free(TaskKind.MAP) + tracker.slots(TaskKind.MAP)

    def usable(self, job: Job) -> Mapping[str, Tracker]:
        """Trackers that may run tasks of the job, by id."""
        if not job.avoids:
            if job.wants not in self._plain:
                self._plain[job.wants] = {tracker.id: tracker for tracker in self._best(job)}
            return self._plain[job.wants]
        found = self._usable.get(job)
        if found is None or found[0] != len(job.avoids):
            found = len(job.avoids), {tracker.id: tracker for tracker in self._best(job)}
            self._usable[job] = found
        return found[1]

    def _best(self, job: Job) -> list[Tracker]:
        fitting, trusted = (
            [
                tracker
                for tracker in trackers
                if tracker.fits(job.spec) and tracker.id not in job.unfit
            ]
            for trackers in (self.trackers, self._trusted)
        )
        for trackers in (trusted, fitting):
            if good := [tracker for tracker in trackers if tracker.id not in job.avoids]:
                return good
        return trusted or fitting


def choose(
    job: Job, kind: TaskKind, tracker: Tracker, field: Field, now: float, *, behind: bool = False
) -> Task | None:
    """The task of this job that the tracker's free slot should run, if any; `behind`: that should
    follow what runs there, in a place of its queue."""
    usable = field.usable(job)
    if tracker.id not in usable or not _has_slots(job, kind, tracker, now, behind=behind):
        return None
    spare = tracker.following_bytes(kind) if behind else tracker.spare_bytes
    task = next(_allowed(job, kind, job.pending[kind], tracker, usable, spare), None)
    if not behind:
        _note_room(job, kind, tracker, usable, now, found=task is not None)
    if task is None:
        return None
    home = home_of(job, usable, field.small_job_bytes)
    if waits_for_home(job, task, kind, tracker, home, now):
        return None
    if home is tracker:
        job.home.waits_since.pop(kind, None)
        return None if kind is TaskKind.REDUCE and job.maps_lack_memory else task
    if kind is TaskKind.MAP:
        return _choose_map(job, tracker, usable, field, now, spare)
    if kind is TaskKind.SERVICE:
        return task
    if job.maps_lack_memory:
        # It would take what a map of its own needs first, and wait for that one.
        return None
    return None if _waits_for_nearer(job, tracker, usable, now) else task


def _has_slots(job: Job, kind: TaskKind, tracker: Tracker, now: float, *, behind: bool) -> bool:
    """Whether there are enough, of a job that asks for several at once; notes since when there
    aren't anywhere. Such a task isn't queued: what it follows may leave one slot alone."""
    if job.spec.task_cpus == 1:
        return True
    if behind:
        return False
    if job.spec.task_cpus <= tracker.free(kind):
        job.crowded_since.pop(kind, None)
        return True
    job.crowded_since.setdefault(kind, now)
    return False


def _note_room(
    job: Job, kind: TaskKind, tracker: Tracker, usable: Collection[str], now: float, *, found: bool
) -> None:
    """Since when the job finds its memory nowhere. A tracker that may have none of the tasks that
    wait, since they failed there, says nothing of that."""
    if found:
        # If it starts nothing here, that's for another reason.
        job.cramped_since.pop(kind, None)
    elif kind not in job.cramped_since and any(
        not barred(job.tasks[kind][index], tracker.id, usable) for index in job.pending[kind]
    ):
        job.cramped_since[kind] = now


def _waits_for_nearer(
    job: Job, tracker: Tracker, usable: Mapping[str, Tracker], now: float
) -> bool:
    """Whether another tracker has all that the reduces will fetch, and a free slot for one; for a
    moment, since that one may have its reasons not to take it."""
    if len(job.outputs_on) != 1 or job.done[TaskKind.MAP] < len(job.tasks[TaskKind.MAP]):
        return False
    (home_id,) = job.outputs_on
    home = usable.get(home_id)
    if home is None or home is tracker or not home.free(TaskKind.REDUCE):
        return False
    if job.patience.reduces_since is None:
        job.patience.reduces_since = now
    return job.patience.lasts(job.patience.reduces_since, LOCALITY_WAIT_FIRST_S, now)


def _choose_map(
    job: Job, tracker: Tracker, usable: Collection[str], field: Field, now: float, spare: float
) -> Task | None:
    pending = job.pending[TaskKind.MAP]

    def first(indexes: Iterable[int]) -> Task | None:
        return next(_allowed(job, TaskKind.MAP, indexes, tracker, usable, spare), None)

    again = first(pending.again())
    if again is not None:
        return again
    local = first(pending.at(tracker.names))
    if local is not None:
        job.patience.skipped_at = None
        return local
    if PROCESS_FAMILY in job.spec.settings:
        # Shares that began uneven would stay so.
        surplus = first(pending.beyond(field.map_room))
        if surplus is not None:
            return surplus
    near = first(pending.on(rack)) if (rack := field.rack_of.get(tracker.id, "")) else None
    for task, is_near in ((near, True), (first(pending), False)):
        if task is not None and _waited(job, task.id.index, field, now, is_near=is_near):
            return task
    return None


def _waited(job: Job, index: int, field: Field, now: float, *, is_near: bool) -> bool:
    """Whether the job has waited enough for a nearer slot for this map, if there can be one."""
    pending, wait_s = job.pending[TaskKind.MAP], locality_wait_s(job)
    nearer = int(not field.names.isdisjoint(pending.hosts_of(index)))
    if not is_near and len(field.racks) > 1 and not field.racks.isdisjoint(pending.racks_of(index)):
        nearer += 1
    if not nearer:
        return True
    if job.patience.skipped_at is None:
        job.patience.skipped_at = now
    if job.patience.lasts(job.patience.skipped_at, nearer * wait_s, now):
        if not is_near and pending.plain and job.home.input_bytes is None:
            job.patience.local_until = job.patience.skipped_at + wait_s
        return False
    if is_near:
        # It goes on to wait for its racks, not to go anywhere.
        job.patience.skipped_at = now - nearer * wait_s
    return True


def only_at_its_input(job: Job, tracker: Tracker, field: Field, now: float) -> bool:
    """Whether it's known without asking that none of the job's maps would go there: it waits for
    nearer slots. There may be thousands free, and hundreds of such jobs."""
    if now >= job.patience.local_until or TaskKind.MAP in job.cramped_since:
        return False
    info = tracker.info
    if info.memory_bytes and promised_bytes(job.spec, None, info) > tracker.spare_bytes:
        # That's noted (_note_room).
        return False
    pending = job.pending[TaskKind.MAP]
    if pending.any_at(tracker.names):
        return False
    near = pending.first_on(rack) if (rack := field.rack_of.get(tracker.id, "")) else None
    return near is None or not field.names.isdisjoint(pending.hosts_of(near))


def _allowed(
    job: Job,
    kind: TaskKind,
    indexes: Iterable[int],
    tracker: Tracker,
    usable: Collection[str],
    spare: float,
) -> Iterator[Task]:
    """The tasks that this tracker may take, and has the memory for."""
    if promised_bytes(job.spec, None, tracker.info) > spare:
        # None of them.
        return
    for index in indexes:
        task = job.tasks[kind][index]
        if promised_bytes(job.spec, task, tracker.info) <= spare and not barred(
            task, tracker.id, usable
        ):
            yield task


def barred(task: Task, tracker_id: str, usable: Collection[str]) -> bool:
    """Whether it failed there, and another tracker may have it."""
    return tracker_id in task.failed_on and not all(name in task.failed_on for name in usable)


def locality_wait_s(job: Job) -> float:
    mean_s = job.durations[TaskKind.MAP].mean_s
    if mean_s is None:
        return LOCALITY_WAIT_FIRST_S
    return min(LOCALITY_WAIT_MAX_S, max(LOCALITY_WAIT_MIN_S, LOCALITY_WAIT_SHARE * mean_s))
