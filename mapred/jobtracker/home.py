"""Small jobs stay on one tracker: nothing of them crosses the network.

Rules
- Small is a job with reduces whose input is at most a block, and whose tasks are at most two to a
  slot of the tracker. Rounds of a loop aren't: their input is small, and their work isn't.
- Its home is the one tracker where its maps run, or have left their outputs: who takes the first
  map. When that one is gone, so is what was there, and there is another home.
- Its tasks wait for a slot there, for `HOME_WAIT_S` at most from one that gets it to the next. Then
  they go anywhere: home serves others, or the job's tasks are long, and the network is little to
  them.
- A task that was at home before, and isn't any more, goes anywhere.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from mapred.engine import TRANSIENT_OUTPUT
from mapred.jobtracker.attempts import Task
from mapred.jobtracker.trackers import Tracker
from mapred.model import JobSpec, TaskKind

if TYPE_CHECKING:
    from mapred.jobtracker.jobs import Job

# Two rounds of tasks of this length are what staying at home costs at most.
HOME_WAIT_S: Final = 0.5
TASKS_A_SLOT_MAX: Final = 2
# Who looks at small jobs goes over all of their maps.
MAPS_MAX: Final = 32


class Home:
    """What decides of one job; not journaled."""

    def __init__(self, spec: JobSpec) -> None:
        few = 0 < len(spec.splits) <= MAPS_MAX and spec.reducers > 0
        # None: it isn't small, whatever is called a block.
        self.input_bytes: int | None = None
        if few and TRANSIENT_OUTPUT not in spec.settings:
            self.input_bytes = sum(split.length for split in spec.splits)
        # Since when tasks of a kind wait: from the first that could have begun elsewhere.
        self.waits_since: dict[TaskKind, float] = {}


def home_of(job: "Job", usable: Mapping[str, Tracker], small_bytes: int) -> Tracker | None:
    """The tracker where all of a small job should be."""
    if job.home.input_bytes is None or job.home.input_bytes > small_bytes:
        return None
    places = {tracker_id for tracker_id, outputs in job.outputs_on.items() if outputs}
    places |= {a.tracker_id for a in job.live.values() if a.id.kind is TaskKind.MAP}
    if len(places) != 1:
        return None
    home = usable.get(places.pop())
    return home if home is not None and _has_slots(job, home) else None


def _has_slots(job: "Job", home: Tracker) -> bool:
    return all(
        len(job.tasks[kind]) * job.spec.task_cpus <= TASKS_A_SLOT_MAX * home.slots(kind)
        for kind in (TaskKind.MAP, TaskKind.REDUCE)
    )


def waits_for_home(
    job: "Job", task: Task, kind: TaskKind, tracker: Tracker, home: Tracker | None, now: float
) -> bool:
    """Whether this task should begin at home, and not at that tracker."""
    if home is None or home is tracker:
        return False
    if any(attempt.tracker_id == home.id for attempt in task.attempts.values()):
        return False
    return job.patience.lasts(job.home.waits_since.setdefault(kind, now), HOME_WAIT_S, now)
