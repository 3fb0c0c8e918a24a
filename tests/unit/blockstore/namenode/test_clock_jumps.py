"""The wall clock jumps by an hour, as NTP or an administrator has it: nobody dies of it."""

import re
from pathlib import Path

import pytest

import blockstore
from blockstore.runtime.clock import FakeClock
from blockstore.runtime.liveness import State

HOUR_S = 3600.0
# The clock itself; and proofs of the secret, which are of their time.
WITH_WALL_CLOCK = {"clock.py", "secret.py"}


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S], ids=["forth", "back"])
def test_a_jump_ends_no_lease_and_buries_no_node(cluster, jump_s):
    cluster.add_nodes("xyz")
    inode_id = cluster.create("/open")
    (block,) = cluster.write("/closed", 10, on="xy")
    before = len(cluster.entries)
    for _ in range(20):
        cluster.now += 0.5
        for node_id in "xyz":
            cluster.beat(node_id)
        cluster.take(cluster.core.tick(now=cluster.now, wall=cluster.wall + jump_s))
    assert len(cluster.entries) == before
    assert {cluster.core._parts.nodes.state(n, cluster.now) for n in "xyz"} == {State.LIVE}
    assert cluster.state.open_files[inode_id].writer
    cluster.report("x", block)
    assert cluster.locations("/closed") == [["x", "y"]]


def test_only_the_wall_clock_jumps():
    clock = FakeClock()
    clock.jump_wall(HOUR_S)
    assert (clock.monotonic(), clock.wall()) == (0.0, 1_700_000_000.0 + HOUR_S)


def test_clients_and_what_they_wait_for_know_no_wall_clock():
    folders = [Path(blockstore.__file__).parent / name for name in ("client", "runtime")]
    sources = [path for folder in folders for path in folder.glob("*.py")]
    assert len(sources) > 20
    looking = {
        path.name
        for path in sources
        if re.search(r"\.wall\(\)|time\.time\(|datetime\.now", path.read_text())
    }
    assert looking <= WITH_WALL_CLOCK
