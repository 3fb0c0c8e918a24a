"""One seed, one run."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from simulator.blackouts import BlackoutScenario
from simulator.clusterscenario import ClusterScenario
from simulator.jobsscenario import JobsScenario
from simulator.operations import OperationsScenario
from simulator.scenario import Scenario
from simulator.storescenario import StoreScenario
from simulator.world import World

SCENARIOS: Final[dict[str, type[Scenario]]] = {
    "store": StoreScenario,
    "cluster": ClusterScenario,
    "jobs": JobsScenario,
    "blackouts": BlackoutScenario,
    "operations": OperationsScenario,
}


@dataclass(frozen=True, slots=True)
class Report:
    """What a run met."""

    seed: int
    steps: int
    virtual_s: float
    figures: Counter[str]
    digest: str


def kind_of(seed: int) -> str:
    """Every third seed runs the block store alone, deeper; the others the whole cluster."""
    return "store" if seed % 3 == 2 else "cluster"


def _scenario(kind: str) -> type[Scenario]:
    if kind == "histories":
        # It needs the checker, which is found from the root of the repository only.
        from simulator.historian import HistoryScenario

        return HistoryScenario
    return SCENARIOS[kind]


def run_seed(seed: int, *, kind: str = "", trace: bool = False) -> Report:
    """Raises whatever is wrong."""
    world = World(seed, trace=trace)
    _scenario(kind or kind_of(seed))(world).run()
    return Report(seed, world.steps, world.now, world.figures, world.digest)
