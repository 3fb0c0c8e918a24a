"""One seed, one run."""

from collections import Counter
from dataclasses import dataclass

from simulator.storescenario import StoreScenario
from simulator.world import World


@dataclass(frozen=True, slots=True)
class Report:
    """What a run met."""

    seed: int
    steps: int
    virtual_s: float
    figures: Counter[str]
    digest: str


def run_seed(seed: int, *, kind: str = "", trace: bool = False) -> Report:
    """Raises whatever is wrong."""
    world = World(seed, trace=trace)
    StoreScenario(world).run()
    return Report(seed, world.steps, world.now, world.figures, world.digest)
