"""The splits of a round, several to a task: what a task costs is paid a few times a round, not once
for every split.

- Only neighbours go together, and each split keeps its own mapper: values come to the reducer in
  the order of the splits, and a loop's states don't depend on how many tasks there are.
- So many tasks as the slots at hand are worth. Two a slot where there are several trackers: what
  one that dies had to do is shared by the others, and a quick one helps a slow one.
- What a mapper side puts together over a task (a combiner, a built-in reducer) would depend on
  the tasks: loops with one have a task for each split.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mapred.job import Job
from mapred.model import Split, TrackerStatus
from mapred.reducers.port import Builtin

TASKS_A_SLOT: Final = 2
# Where nobody says how many slots there are.
SLOTS_UNKNOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Task:
    """Neighbouring splits, and the number of the first among all splits of the loop."""

    split: Split
    first: int


def wanted_tasks(trackers: Sequence[TrackerStatus]) -> int:
    live = [one for one in trackers if one.state == "live"]
    slots = sum(one.info.map_slots for one in live)
    return slots if len(live) == 1 else TASKS_A_SLOT * (slots or SLOTS_UNKNOWN)


def may_be_grouped(job: type[Job]) -> bool:
    builtin = job.reducer is not None and issubclass(job.reducer, Builtin)
    return job.combiner is None and not builtin


def numbered(splits: Sequence[Split]) -> list[Task]:
    """A task for each split."""
    tasks, number = [], 0
    for split in splits:
        tasks.append(Task(split, number))
        number += len(split.files)
    return tasks


def grouped(tasks: Sequence[Task], wanted: int) -> list[Task]:
    """About as many as wanted, of about equal bytes; neighbours that are none in the loop's order
    stay apart."""
    total = sum(task.split.length for task in tasks)
    groups: list[list[Task]] = []
    before = 0
    place = -1
    for task in tasks:
        # By the middle of the split, so that no group is empty beside a full one.
        own = (2 * before + task.split.length) * wanted // max(1, 2 * total)
        follows = groups and task.first == groups[-1][-1].first + len(groups[-1][-1].split.files)
        if own != place or not follows:
            groups.append([])
        groups[-1].append(task)
        place = own
        before += task.split.length
    return [Task(_one([task.split for task in group]), group[0].first) for group in groups]


def _one(splits: Sequence[Split]) -> Split:
    if len(splits) == 1:
        return splits[0]
    held: Counter[str] = Counter()
    for split in splits:
        held.update(dict.fromkeys(split.hosts, split.length))
    total = sum(split.length for split in splits)
    hosts = tuple(host for host, size in held.most_common() if 2 * size >= total)
    files = tuple(file for split in splits for file in split.files)
    first = splits[0]
    return Split(first.uri, first.start, total, hosts, first.format, first.input, files)
