"""Whose turn it is: the jobs that have something to run, neediest first (rules: pools.py)."""

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from itertools import chain

from mapred.jobtracker.jobs import Job, Phase
from mapred.jobtracker.pools import FIFO, Pool, Pools
from mapred.model import DEFAULT_POOL, PoolStatus, TaskKind


class Wanting:
    """Jobs that have something to run, and the slots that they have, by pool; kept at every entry,
    so that an event needn't look at every job."""

    def __init__(self) -> None:
        self._lines: dict[TaskKind, dict[str, _Line]] = {kind: {} for kind in TaskKind}
        # Only of pools in which something runs: their names come from clients.
        self._running: dict[TaskKind, Counter[str]] = {kind: Counter() for kind in TaskKind}
        # What was counted of a job so far.
        self._counted: dict[TaskKind, dict[str, int]] = {kind: {} for kind in TaskKind}
        # Those that may want a slot which they didn't when they were asked last (assigning.py).
        self.stirred: dict[TaskKind, dict[str, Job]] = {kind: {} for kind in TaskKind}

    def look(self, job: Job, *, stirs: bool = True) -> None:
        """Something was recorded of it; `stirs`: it may want other slots now."""
        pool = job.spec.pool
        if stirs:
            job.patience.local_until = 0.0
        for kind in job.kinds:
            running, counted = job.live_of[kind], self._counted[kind]
            before = counted.get(job.id, 0)
            if running != before:
                self._add(kind, pool, running - before)
                counted[job.id] = running
            line = self._lines[kind].get(pool)
            if not wants(job, kind):
                self._drop(job, kind)
                continue
            if line is None:
                line = self._lines[kind][pool] = _Line()
            if stirs or job.id not in line.jobs:
                self.stirred[kind][job.id] = job
            line.put(job)

    def forget(self, job: Job) -> None:
        for kind in job.kinds:
            self._add(kind, job.spec.pool, -self._counted[kind].pop(job.id, 0))
            self._drop(job, kind)

    def _add(self, kind: TaskKind, pool: str, more: int) -> None:
        running = self._running[kind]
        running[pool] += more
        if not running[pool]:
            del running[pool]

    def _drop(self, job: Job, kind: TaskKind) -> None:
        self.stirred[kind].pop(job.id, None)
        line = self._lines[kind].get(job.spec.pool)
        if line is not None:
            line.drop(job)
            if not line.jobs:
                del self._lines[kind][job.spec.pool]

    def running(self, kind: TaskKind, pool: str) -> int:
        return self._running[kind][pool]

    def jobs(self, kind: TaskKind) -> list[Job]:
        """In no order."""
        return list(chain.from_iterable(x.jobs.values() for x in self._lines[kind].values()))

    def any(self, kind: TaskKind) -> bool:
        return bool(self._lines[kind])

    def count(self, kind: TaskKind) -> int:
        return sum(len(line.jobs) for line in self._lines[kind].values())

    def in_turn(
        self, kind: TaskKind, pools: Pools, among: Collection[str] | None = None
    ) -> Iterator[Job]:
        """Neediest first; of those `among`, by id, if that is said."""
        running = self._running[kind]
        names = list(self._lines[kind])
        if len(names) > 1:
            names.sort(key=lambda name: (*pools.of(name).turn(kind, running[name]), name))
        for name in names:
            for _, _, job in self._lines[kind][name].in_turn(pools.of(name), kind, among):
                yield job


class _Line:
    """The jobs of one pool that want slots of one kind, in turn. There may be hundreds, and one is
    asked for at every free slot: so who has moved is put in its place again, and nobody else."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        # (need, age): the smaller, the sooner; no two are alike.
        self._order: list[tuple[float, int, Job]] = []
        self._places: dict[str, tuple[float, int]] = {}
        self._moved: dict[str, Job] = {}

    def put(self, job: Job) -> None:
        self.jobs[job.id] = self._moved[job.id] = job

    def drop(self, job: Job) -> None:
        if self.jobs.pop(job.id, None) is not None:
            self._moved[job.id] = job

    def in_turn(
        self, pool: Pool, kind: TaskKind, among: Collection[str] | None
    ) -> list[tuple[float, int, Job]]:
        for job_id, job in self._moved.items():
            need = -job.weight if pool.order == FIFO else job.live_of[kind] / job.weight
            before, place = self._places.get(job_id), (need, job.age)
            wants_none = job_id not in self.jobs
            if before == place and not wants_none:
                continue
            if before is not None:
                del self._order[bisect_left(self._order, before, key=_place)]
                del self._places[job_id]
            if not wants_none:
                insort(self._order, (need, job.age, job), key=_place)
                self._places[job_id] = place
        self._moved.clear()
        if among is None:
            return self._order[:]
        if len(among) >= len(self._order):
            return [entry for entry in self._order if entry[2].id in among]
        places = self._places
        return sorted((*places[job_id], self.jobs[job_id]) for job_id in among if job_id in places)


def _place(entry: tuple[float, int, Job]) -> tuple[float, int]:
    return entry[:2]


def wants(job: Job, kind: TaskKind) -> bool:
    """Whether the job has a task of the kind that could start now."""
    if job.phase is not Phase.RUNNING or not job.pending[kind]:
        return False
    return kind is not TaskKind.REDUCE or job.reduces_may_start()


def pool_statuses(jobs: Iterable[Job], pools: Pools) -> list[PoolStatus]:
    """By name: the one for everybody, the configured ones, and those that jobs run in."""
    by_pool: defaultdict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        by_pool[job.spec.pool].append(job)
    names = {DEFAULT_POOL, *by_pool, *pools.by_name}
    return [_status(name, by_pool[name], pools) for name in sorted(names)]


def _status(name: str, jobs: list[Job], pools: Pools) -> PoolStatus:
    pool = pools.of(name)

    def running(kind: TaskKind) -> int:
        return sum(job.running_of(kind) for job in jobs)

    def waiting(kind: TaskKind) -> int:
        return sum(len(job.pending[kind]) for job in jobs if job.phase is Phase.RUNNING)

    return PoolStatus(
        name,
        pool.weight,
        pool.min_maps,
        pool.min_reduces,
        pool.order,
        len(jobs),
        running(TaskKind.MAP),
        running(TaskKind.REDUCE),
        waiting(TaskKind.MAP),
        waiting(TaskKind.REDUCE),
    )
