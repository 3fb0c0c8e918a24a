"""Each role stops and goes on: shortly, and for longer than it takes to be called dead (4 s)."""

import pytest

from tests.cluster.pauses import ROLES, pause

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("role", ROLES)
def test_a_process_that_stops_for_a_while_costs_no_byte(cluster, role):
    cluster.start(3)
    pause(cluster, role, 1.0, "/short")
    if role != "namenode":
        # The NameNode's is in test_partitions.py.
        pause(cluster, role, 5.0, "/long")
