"""Names are linearizable in the simulator too, where more can go wrong in less time.

`PYTHONPATH=. python tests/sim/run.py --kind histories --seeds 0:1000` checks more.
"""

from collections import Counter
from typing import Any

import pytest
from simulator.historian import HistoryScenario
from simulator.world import Broken, World

from blockstore.namenode.core import NameNode
from blockstore.namenode.outcomes import Outcomes

pytestmark = pytest.mark.sim

HISTORIES = 20


def test_histories_under_faults_are_linearizable() -> None:
    figures: Counter[str] = Counter()
    for seed in range(HISTORIES):
        world = World(seed)
        try:
            HistoryScenario(world).run()
        except Broken as broken:
            pytest.fail(f"seed {seed}: {broken}")
        figures.update(world.figures)
    assert figures["operations in histories"] > 200 * HISTORIES
    for what in ("outcome unknown", "message doubled", "message late", "partition", "user killed"):
        assert figures[what], what


class NothingKept(Outcomes):
    def _keep(self, *_: Any) -> None:
        pass


class ForgetfulNameNode(NameNode):
    """Looks again at a request that it has refused already."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._parts.outcomes = NothingKept()


def test_a_refused_request_whose_copy_is_granted_is_caught() -> None:
    stories = []
    for seed in range(60):
        try:
            HistoryScenario(World(seed), make_core=ForgetfulNameNode).run()
        except Broken as broken:
            stories.append(str(broken))
            break
    assert "nothing explains" in stories[0]
