"""All machines lose power at once, at hundreds of points; what was acknowledged is there after.

`python tests/sim/run.py --kind blackouts --seeds 0:500` looks at ten thousand points.
"""

from collections import Counter

import pytest
from simulator.blackouts import BlackoutScenario
from simulator.datanode_host import DataNodeHost
from simulator.disk import SimDisk
from simulator.runs import run_seed
from simulator.world import Broken, World

pytestmark = pytest.mark.sim

SEEDS = 18
CRASH_POINTS = 300


def test_no_acknowledged_byte_is_lost_when_all_lose_power_at_once() -> None:
    figures: Counter[str] = Counter()
    for seed in range(SEEDS):
        try:
            figures.update(run_seed(seed, kind="blackouts").figures)
        except Exception as error:
            pytest.fail(f"seed {seed}: {error}\nreplay: tests/sim/run.py --kind blackouts")
    assert figures["blackout in a disk operation"] >= CRASH_POINTS, figures
    assert figures["namenode lost power in a disk operation"] > CRASH_POINTS / 4
    assert figures["power lost in a disk operation"] > CRASH_POINTS / 4
    assert figures["journal entries lost unsynced"] > 0
    promises = ("file closed", "file appended to", "file cut", "files joined")
    assert sum(figures[promise] for promise in promises) > CRASH_POINTS


class NameForgettingDisk(SimDisk):
    """Doesn't sync directories: a renamed block file may be under its old name afterwards."""

    def sync_directory(self, path: str) -> None:
        pass


class NameForgettingDataNode(DataNodeHost):
    disk_type = NameForgettingDisk


class NameForgettingScenario(BlackoutScenario):
    def __init__(self, world: World) -> None:
        super().__init__(world, datanode_type=NameForgettingDataNode)


def test_a_datanode_that_does_not_sync_directories_is_caught() -> None:
    with pytest.raises(Broken, match="no disk has it whole"):
        NameForgettingScenario(World(0)).run()
