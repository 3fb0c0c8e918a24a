"""A tick's work has a bound, and what is left isn't left for long."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockstore.model import Replicate
from blockstore.namenode.backlog import RANGE_BITS, Backlog
from blockstore.namenode.config import NameNodeConfig

# Some of one part, and some of others.
PART = 1 << RANGE_BITS
IDS = st.sampled_from([1, 2, 3, 1 + PART, 1 + 2 * PART, 2 + PART])


def test_a_tick_looks_at_some_blocks_and_says_when_more_are_waiting(make_cluster):
    config = NameNodeConfig(
        block_bytes=1000,
        block_bytes_min=1,
        replication_work_max=3,
        copies_per_source=99,
        copies_per_target=99,
    )
    cluster = make_cluster(config)
    cluster.add_nodes("abc")
    blocks = [cluster.write(f"/f{n}", 10, replication=2, on="ab")[0] for n in range(8)]
    cluster.pass_time(29, beating="bc")
    cluster.take_orders()
    cluster.now += 2
    for node_id in "bc":
        cluster.beat(node_id)

    def tick():
        return cluster.take(cluster.core.tick(now=cluster.now, wall=cluster.wall))

    assert tick()
    cluster.core.safe_mode(enter=True)
    # There's nothing that could be done, however much is waiting.
    assert not tick()
    cluster.core.safe_mode(enter=False)
    ticks = 1
    while tick():
        ticks += 1
    assert 2 <= ticks <= 4
    for _ in blocks:
        tick()
    copied = {order.block.id for _, order in cluster.take_orders() if isinstance(order, Replicate)}
    assert copied == {block.id for block in blocks}


def test_all_blocks_are_looked_at_when_a_second_rack_comes_some_at_a_time(make_cluster):
    config = NameNodeConfig(block_bytes=1000, block_bytes_min=1, replication_work_max=3)
    cluster = make_cluster(config)
    cluster.add_nodes("ab")
    for number in range(8):
        cluster.write(f"/f{number}", 10, replication=2, on="ab")
    cluster.pass_time(40)
    cluster.add_node("c", rack="/other")

    def misplaced():
        return cluster.core.report(now=cluster.now).reply.misplaced

    found = [misplaced()]
    while cluster.take(cluster.core.tick(now=cluster.now, wall=cluster.wall)):
        found.append(misplaced())
    found.append(misplaced())
    assert all(0 <= after - before <= 3 for before, after in pairwise(found))
    assert found[-1] == 8


@given(st.lists(st.tuples(st.sampled_from(["add", "add", "discard", "take"]), IDS)))
def test_each_waits_once_and_those_of_a_part_are_in_order(steps):
    backlog, model = Backlog(), {}
    for what, block_id in steps:
        if what == "add":
            backlog.add(block_id)
            model.setdefault(block_id)
        elif what == "discard":
            backlog.discard(block_id)
            model.pop(block_id, None)
        elif model:
            taken = backlog.take()
            assert taken == next(other for other in model if other // PART == taken // PART)
            del model[taken]
        else:
            with pytest.raises(IndexError):
                backlog.take()
        assert len(backlog) == len(model)


def test_nobody_waits_until_another_part_is_empty():
    backlog = Backlog()
    for number in range(1000):
        backlog.add(number)
    backlog.add(PART)
    assert PART in [backlog.take() for _ in range(2)]
