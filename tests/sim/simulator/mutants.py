"""Shells and cores that break a rule, and who looks whether that is seen."""

from collections.abc import Callable, Iterable
from typing import Any

from mapred.jobtracker.core import JobTracker
from simulator.jobtracker_host import JobTrackerHost
from simulator.scenario import Scenario
from simulator.world import Broken, World


def caught(make: Callable[[World], Scenario], seeds: Iterable[int]) -> str:
    """What is said of the first seed that shows the mutant: by the checker, or by the core's own
    invariants."""
    for seed in seeds:
        try:
            make(World(seed)).run()
        except (Broken, AssertionError) as broken:
            return str(broken)
    return "nothing"


class HastyJobTracker(JobTrackerHost):
    """Tells users and acts before its history is on its disk, which is slow."""

    async def _settled(self) -> None:
        pass

    async def _save(self) -> None:
        self._saving = True
        await self.world.sleep(2.0)
        await super()._save()


class DoubleCountingJobTracker(JobTracker):
    """Adds to counters what no attempt has counted."""

    def heartbeat(self, heartbeat: Any, now: float) -> Any:
        for job in self.book.jobs.values():
            job.counters.update(list(job.counters)[:1])
        return super().heartbeat(heartbeat, now)
