"""A job's map outputs, and which of them the session of a tracker was told of.

Each output is told to a tracker once, however many of the job's reduces run there: with m maps and
r reducers the orders to begin would carry m times r of them. When one is lost, the next reduce on
each tracker is told of all that are left, which takes the place of what was told before.
"""

from collections.abc import MutableMapping

from mapred.model import MapOutput

# By job: after how many losses it was told, and of how many outputs.
Told = MutableMapping[str, tuple[int, int]]


class JobOutputs(dict[int, MapOutput]):
    """By map."""

    def __init__(self) -> None:
        super().__init__()
        self._log: list[MapOutput] = []
        self._losses = 0

    def add(self, output: MapOutput) -> None:
        if output.map_index in self:
            self.lose(output.map_index)
        self[output.map_index] = output
        self._log.append(output)

    def lose(self, map_index: int) -> None:
        if self.pop(map_index, None) is not None:
            self._losses += 1
            self._log = list(self.values())

    def to_begin_with(self, job_id: str, told: Told) -> tuple[tuple[MapOutput, ...], bool]:
        """What a reduce is launched with on a tracker, and whether what its tracker was told of
        before counts as well."""
        news = self._news(job_id, told)
        told[job_id] = self._losses, len(self._log)
        return (tuple(self.values()), False) if news is None else (news, True)

    def to_tell(
        self, job_id: str, told: Told, news: tuple[MapOutput, ...]
    ) -> tuple[MapOutput, ...]:
        """What running reduces on a tracker are told of when there's `news`."""
        untold = self._news(job_id, told)
        if untold is None:
            return news
        told[job_id] = self._losses, len(self._log)
        return untold

    def _news(self, job_id: str, told: Told) -> tuple[MapOutput, ...] | None:
        """None: it has to be told of all."""
        losses, count = told.get(job_id, (-1, 0))
        return tuple(self._log[count:]) if losses == self._losses else None
