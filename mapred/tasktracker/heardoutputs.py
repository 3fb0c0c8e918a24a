"""What the JobTracker has told in a session of the outputs of jobs' maps.

Each is told once; a reduce that is launched later begins with all that were told before
(mapred/jobtracker/joboutputs.py).
"""

from collections.abc import Iterable
from dataclasses import replace

from mapred.model import Launch, MapOutput, OutputsReady, TaskKind


class HeardOutputs:
    """Of one session."""

    def __init__(self) -> None:
        self._jobs: dict[str, _OfJob] = {}

    def completed(self, order: Launch) -> Launch:
        """The order with all the outputs that count."""
        job_id = order.attempt.job_id
        if order.attempt.kind is not TaskKind.REDUCE:
            return order
        if not order.knows:
            self._jobs[job_id] = _OfJob(order.outputs)
            return order
        found = self._jobs.setdefault(job_id, _OfJob(()))
        found.add(order.outputs)
        return replace(order, outputs=found.all, knows=False)

    def more(self, order: OutputsReady) -> None:
        if order.job_id in self._jobs:
            self._jobs[order.job_id].add(order.outputs)

    def forget(self, job_id: str) -> None:
        self._jobs.pop(job_id, None)


class _OfJob:
    """One tuple for all reduces that begin with the same: it is told from others by identity."""

    def __init__(self, outputs: tuple[MapOutput, ...]) -> None:
        self._by_map = {output.map_index: output for output in outputs}
        self.all = outputs

    def add(self, outputs: Iterable[MapOutput]) -> None:
        new = {output.map_index: output for output in outputs}
        if new:
            self._by_map.update(new)
            self.all = tuple(self._by_map.values())
