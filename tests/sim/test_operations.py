"""Nodes leave and rest, the balancer moves, processes stop for up to a minute and go on.

`python tests/sim/run.py --kind operations --seeds 0:1000` looks at more.
"""

from collections import Counter

import pytest
from simulator.runs import run_seed

pytestmark = pytest.mark.sim

# Among them two in which a decommission comes to its end before the node is wanted back.
SEEDS = range(10, 22)


def test_duties_end_and_nothing_is_short_for_ever_whoever_leaves_rests_or_stops() -> None:
    figures: Counter[str] = Counter()
    for seed in SEEDS:
        try:
            figures.update(run_seed(seed, kind="operations").figures)
        except Exception as error:
            pytest.fail(f"seed {seed}: {error}\nreplay: tests/sim/run.py --kind operations")
    for what in (
        "duty: decommission",
        "duty: maintenance",
        "duty: in service",
        "operator refused: assign",
        "balancer started",
        "paused: namenode",
        "paused: dn",
        "paused: user",
        "decommissioned to the end",
    ):
        assert figures[what], what
