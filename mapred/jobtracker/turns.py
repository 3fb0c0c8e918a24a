"""Whose turn it is: the jobs that have something to run, neediest first (rules: pools.py)."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from mapred.jobtracker.jobs import Job, Phase
from mapred.jobtracker.pools import FIFO, Pool, Pools
from mapred.model import DEFAULT_POOL, PoolStatus, TaskKind


class Wanting:
    """Jobs that have something to run, and the slots that they have, by pool; kept at every entry,
    so that an event needn't look at every job."""

    def __init__(self) -> None:
        self._jobs: dict[TaskKind, dict[str, dict[str, Job]]] = {kind: {} for kind in TaskKind}
        # Only of pools in which something runs: their names come from clients.
        self._running: dict[TaskKind, Counter[str]] = {kind: Counter() for kind in TaskKind}
        # What was counted of a job so far.
        self._counted: dict[tuple[str, TaskKind], int] = {}

    def look(self, job: Job) -> None:
        """Something was recorded of it."""
        pool = job.spec.pool
        for kind in TaskKind:
            running = job.slots_of(kind)
            self._add(kind, pool, running - self._counted.get((job.id, kind), 0))
            self._counted[job.id, kind] = running
            if wants(job, kind):
                self._jobs[kind].setdefault(pool, {})[job.id] = job
            else:
                self._drop(job, kind)

    def forget(self, job: Job) -> None:
        for kind in TaskKind:
            self._add(kind, job.spec.pool, -self._counted.pop((job.id, kind), 0))
            self._drop(job, kind)

    def _add(self, kind: TaskKind, pool: str, more: int) -> None:
        running = self._running[kind]
        running[pool] += more
        if not running[pool]:
            del running[pool]

    def _drop(self, job: Job, kind: TaskKind) -> None:
        jobs = self._jobs[kind].get(job.spec.pool)
        if jobs is not None and jobs.pop(job.id, None) is not None and not jobs:
            del self._jobs[kind][job.spec.pool]

    def running(self, kind: TaskKind, pool: str) -> int:
        return self._running[kind][pool]

    def listed(self, kind: TaskKind) -> set[str]:
        """By id, in no order."""
        return {job_id for jobs in self._jobs[kind].values() for job_id in jobs}

    def any(self, kind: TaskKind) -> bool:
        return bool(self._jobs[kind])

    def in_turn(self, kind: TaskKind, pools: Pools) -> Iterator[Job]:
        """Neediest first."""
        running = self._running[kind]
        names = sorted(
            self._jobs[kind],
            key=lambda name: (*pools.of(name).turn(kind, running[name]), name),
        )
        for name in names:
            yield from _in_pool(pools.of(name), list(self._jobs[kind][name].values()), kind)


def _in_pool(pool: Pool, jobs: list[Job], kind: TaskKind) -> Iterator[Job]:
    # Of all jobs at every free slot: so without a call for each.
    if pool.order == FIFO:
        turns = [(-job.weight, job.age, job) for job in jobs]
    else:
        turns = [(job.live_of[kind] / job.weight, job.age, job) for job in jobs]
    # Nearly always the first job takes the slot, and putting the rest in order is for nothing.
    yield min(turns)[2]
    for _, _, job in sorted(turns)[1:]:
        yield job


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
