"""Whose turn it is: the jobs that have something to run, neediest first (rules: pools.py)."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator

from mapred.jobtracker.jobs import Job, Phase
from mapred.jobtracker.pools import Pools
from mapred.model import PoolStatus, TaskKind


class Turns:
    """One kind of task, as one pass of the scheduler sees it; `launched` keeps it true."""

    def __init__(self, jobs: Iterable[Job], kind: TaskKind, pools: Pools) -> None:
        self._kind = kind
        self._pools = pools
        self._running: defaultdict[str, int] = defaultdict(int)
        # By age: where all else is equal, the older goes first.
        self._wanting: defaultdict[str, list[Job]] = defaultdict(list)
        for job in jobs:
            self._running[job.spec.pool] += job.running_of(kind)
            if wants(job, kind):
                self._wanting[job.spec.pool].append(job)

    def __bool__(self) -> bool:
        return bool(self._wanting)

    def __iter__(self) -> Iterator[Job]:
        pools = sorted(
            self._wanting,
            key=lambda name: (*self._pools.of(name).turn(self._kind, self._running[name]), name),
        )
        for name in pools:
            yield from self._in_pool(name)

    def _in_pool(self, name: str) -> Iterator[Job]:
        # A heap: nearly always the first job takes the slot, and sorting the rest is for nothing.
        turn = self._pools.of(name).job_turn
        kind = self._kind
        heap = [
            (turn(job.priority, job.running_of(kind)), age, job)
            for age, job in enumerate(self._wanting[name])
        ]
        heapq.heapify(heap)
        while heap:
            yield heapq.heappop(heap)[2]

    def launched(self, job: Job) -> None:
        name = job.spec.pool
        self._running[name] += 1
        if not wants(job, self._kind):
            self._wanting[name].remove(job)
            if not self._wanting[name]:
                del self._wanting[name]


def wants(job: Job, kind: TaskKind) -> bool:
    """Whether the job has a task of the kind that could start now."""
    if job.phase is not Phase.RUNNING or not job.pending[kind]:
        return False
    return kind is TaskKind.MAP or job.reduces_may_start()


def pool_statuses(jobs: Iterable[Job], pools: Pools) -> list[PoolStatus]:
    """By name: the configured ones, and those that jobs run in."""
    by_pool: defaultdict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        by_pool[job.spec.pool].append(job)
    return [_status(name, by_pool[name], pools) for name in sorted({*by_pool, *pools.by_name})]


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
