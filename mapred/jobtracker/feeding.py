"""Which outputs of a job's maps its other tasks begin with, and whether they are still needed."""

from mapred.jobtracker.joboutputs import Told
from mapred.jobtracker.jobs import Job, Phase
from mapred.model import MapOutput, TaskId, TaskKind


def needs_outputs(job: Job) -> bool:
    """Whether some task may still fetch."""
    return any(needs_outputs_of(job, level) for level in range(len(job.levels)))


def needs_outputs_of(job: Job, level: int) -> bool:
    if job.phase is not Phase.RUNNING:
        return False
    fetching = job.tasks[TaskKind.REDUCE]
    if level + 1 < len(job.levels):
        later = job.levels.maps(level + 1)
        fetching = job.tasks[TaskKind.MAP][later.start : later.stop]
    return any(not task.done and task.committing is None for task in fetching)


def outputs_for(job: Job, task_id: TaskId) -> tuple[MapOutput, ...]:
    """What there is now of what the task begins with."""
    if len(job.levels) == 1:
        return tuple(job.outputs.values()) if task_id.kind is TaskKind.REDUCE else ()
    feeding = job.levels.feeding(task_id.kind, task_id.index)
    return tuple(job.outputs[index] for index in feeding if index in job.outputs)


def to_begin_with(job: Job, task_id: TaskId, told: Told) -> tuple[tuple[MapOutput, ...], bool]:
    """What a reduce is launched with, and whether what its tracker was told of before counts."""
    if len(job.levels) > 1:
        return outputs_for(job, task_id), False
    return job.outputs.to_begin_with(job.id, told)


def untold(job: Job, told: Told, news: tuple[MapOutput, ...]) -> tuple[MapOutput, ...]:
    """What a tracker's running reduces are told of when there's `news`."""
    return news if len(job.levels) > 1 else job.outputs.to_tell(job.id, told, news)
