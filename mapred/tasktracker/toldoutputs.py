"""What a task process was told of a job's map outputs, so that each goes to it once.

Its reduces need all outputs, one reduce after the other: with m maps and r reducers a pipe would
carry m times r of them.
"""

from dataclasses import replace

from mapred.model import MapOutput
from mapred.task.messages import RunTask


class ToldOutputs:
    """Of one process."""

    def __init__(self) -> None:
        self._job_id = ""
        self._outputs: dict[int, MapOutput] = {}
        # What the last task that fetches began with.
        self._all: tuple[MapOutput, ...] = ()

    def news(self, task: RunTask) -> RunTask:
        """The task with what the process has yet to be told; it is told now."""
        if not task.maps:
            return task
        same_job = task.attempt.job_id == self._job_id
        if same_job and task.outputs is self._all and len(self._all) == len(self._outputs):
            return replace(task, outputs=(), knows=True)
        news = tuple(o for o in task.outputs if self._outputs.get(o.map_index) is not o)
        self._all = task.outputs
        if same_job:
            self._outputs.update((output.map_index, output) for output in news)
        if not same_job or len(self._outputs) != len(task.outputs):
            # It knows some that don't count any more.
            self._job_id = task.attempt.job_id
            self._outputs = {output.map_index: output for output in task.outputs}
            return task
        return replace(task, outputs=news, knows=True)

    def more(self, outputs: tuple[MapOutput, ...]) -> None:
        """The process is told of these while its task runs."""
        self._all = ()
        self._outputs.update((output.map_index, output) for output in outputs)
