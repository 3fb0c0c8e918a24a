"""How a task gets its partition of other tasks' outputs."""

import random
from collections.abc import Callable
from pathlib import Path

from mapred.model import MapOutput
from mapred.shuffle.budget import Budget
from mapred.shuffle.fetch import Remote, Shuffle
from mapred.task.messages import RunTask
from mapred.task.reduce_task import FETCH_SHARE
from mapred.task.reporter import Reporter


def shuffle_of(
    task: RunTask,
    reporter: Reporter,
    *,
    job_id: str,
    maps: int,
    partition: int,
    on_lost: Callable[[MapOutput, str], None],
) -> Shuffle:
    """`job_id`: whose maps they are."""

    budget = Budget.of(task.spec.memory_bytes)

    def remote() -> Remote:
        from mapred.task.remote import RemoteTrackers

        return RemoteTrackers(job_id, partition, budget.ahead_bytes)

    def on_progress(here: int, of: int) -> None:
        reporter.tick(FETCH_SHARE * here / max(1, of), "shuffle")

    return Shuffle(
        maps=maps,
        partition=partition,
        tracker_id=task.tracker_id,
        folder=Path(task.work_dir),
        budget_bytes=budget.fetch_bytes,
        remote=remote,
        short_circuit=task.short_circuit,
        on_lost=on_lost,
        on_progress=on_progress,
        # Trackers are asked in another order by every reduce, and in the same by a repeated one.
        rng=random.Random(str(task.attempt)),
        budget=budget,
    )
