"""The balancer: what it plans, and what it does to a cluster."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockstore.errors import InvalidRequestException
from blockstore.model import DeleteReplicas, NodeLoad, ReplicaState, Replicate
from blockstore.namenode.balance import Fill, bytes_left, mean, pairs


def fill(name, used, capacity=1000):
    return Fill(name, capacity, used)


def test_a_balanced_cluster_moves_nothing():
    assert pairs([fill("a", 500), fill("b", 550), fill("c", 450)], 0.1) == []
    assert bytes_left([fill("a", 500), fill("b", 550), fill("c", 450)], 0.1) == 0


def test_the_fullest_gives_to_the_emptiest_no_more_than_both_are_from_the_mean():
    first, *_ = pairs([fill("a", 900), fill("b", 500), fill("c", 100)], 0.1)
    assert (first.source, first.target, first.bytes_max) == ("a", "c", 400)


def test_an_empty_new_node_is_filled_though_nobody_is_over_the_threshold():
    fills = [*(fill(n, 700) for n in "abcdefgh"), fill("new", 0)]
    assert {pair.target for pair in pairs(fills, 0.1)} == {"new"}


def test_large_and_small_nodes_are_measured_by_their_share():
    assert pairs([fill("small", 50, 100), fill("large", 5000, 10000)], 0.1) == []


fill_lists = st.lists(st.tuples(st.integers(1, 5000), st.floats(0, 1)), min_size=2, max_size=8).map(
    lambda rows: {f"n{i}": [int(c * share), c] for i, (c, share) in enumerate(rows)}
)


@given(fill_lists, st.floats(0.02, 0.5), st.randoms(use_true_random=False))
def test_moving_comes_to_an_end_and_never_goes_beyond_the_mean(nodes, threshold, rng):
    def fills():
        return [Fill(n, capacity, used) for n, (used, capacity) in nodes.items()]

    middle, total = mean(fills()), sum(used for used, _ in nodes.values())
    for _ in range(20_000):
        planned = [pair for pair in pairs(fills(), threshold) if pair.bytes_max > 0]
        if not planned:
            break
        pair = planned[0]
        length = rng.randint(max(1, pair.bytes_max // 2), pair.bytes_max)
        nodes[pair.source][0] -= length
        nodes[pair.target][0] += length
        source, target = nodes[pair.source], nodes[pair.target]
        assert source[0] >= middle * source[1] - 1
        assert target[0] <= middle * target[1] + 1
    else:
        pytest.fail("it never ends")
    assert sum(used for used, _ in nodes.values()) == total
    # What is left could only go in pieces of less than a byte, one to each of the others.
    away = [abs(used / capacity - middle) - threshold for used, capacity in nodes.values()]
    assert all(a <= len(nodes) / c for a, (_, c) in zip(away, nodes.values(), strict=True))


CAPACITY = 10_000


class Filled:
    """A cluster whose DataNodes tell how many bytes they have."""

    def __init__(self, cluster, racks):
        self.cluster = cluster
        for node_id, rack in racks.items():
            cluster.add_node(node_id, rack)
        self.replicas_least = {}

    def bytes_on(self, node_id):
        blocks = self.cluster.core._parts.blocks
        return sum(
            stored.length
            for stored in self.cluster.state.blocks.values()
            if node_id in blocks.holders(stored.id)
        )

    def beat(self):
        for node_id in self.cluster.nodes:
            used = self.bytes_on(node_id)
            self.cluster.take(
                self.cluster.core.heartbeat(
                    node_id,
                    incarnation=self.cluster.incarnations[node_id],
                    epoch=self.cluster.state.epoch,
                    load=NodeLoad(CAPACITY, used, CAPACITY - used),
                    now=self.cluster.now,
                )
            )

    def step(self):
        """Half a second; orders are obeyed, the invariants of every move are looked at."""
        cluster = self.cluster
        cluster.now += 0.5
        self.beat()
        cluster.tick()
        for node_id, order in cluster.take_orders():
            if isinstance(order, Replicate):
                for target in order.targets:
                    cluster.report(target.node_id, order.block)
            elif isinstance(order, DeleteReplicas):
                for block in order.blocks:
                    cluster.report(node_id, block, ReplicaState.DELETED)
        for stored in cluster.state.blocks.values():
            good = cluster.core._parts.blocks.good(stored.id)
            racks = {cluster.nodes[n].rack for n in good}
            wanted, on_racks = self.replicas_least.setdefault(stored.id, (len(good), len(racks)))
            assert len(good) >= wanted, f"{stored} has fewer replicas by a move"
            assert len(racks) >= on_racks, f"{stored} stands on fewer racks by a move"

    def status(self):
        return self.cluster.core.admin.balancer(now=self.cluster.now).reply

    def start(self, threshold=0.05):
        self.beat()
        self.cluster.take(
            self.cluster.core.admin.start_balancer(
                threshold=threshold, bytes_per_s=1000, now=self.cluster.now
            )
        )


@pytest.mark.parametrize("seed", range(6))
def test_a_cluster_becomes_even_and_no_block_is_worse_off(make_cluster, seed):
    rng = random.Random(seed)
    racks = {"a": "/r1", "b": "/r1", "x": "/r2", "y": "/r2"}
    filled = Filled(make_cluster(seed=seed), racks)
    for number in range(60):
        held = ["a", "x"] if rng.random() < 0.7 else [rng.choice("ab"), rng.choice("xy")]
        filled.cluster.write(f"/f{number}", 100, replication=2, on=held)
    filled.start()
    for _ in range(400):
        filled.step()
        if not filled.status().running:
            break
    status = filled.status()
    assert (status.running, status.reason) == (False, "the cluster is balanced")
    assert status.bytes_moved > 0
    assert status.bytes_left == 0
    used = [filled.bytes_on(node_id) / CAPACITY for node_id in racks]
    assert max(used) - min(used) <= 0.11
    assert all(len(nodes) == 2 for n in range(60) for nodes in filled.cluster.locations(f"/f{n}"))


def test_moves_wait_while_blocks_wait_for_copies(cluster):
    filled = Filled(cluster, {"a": "/r", "b": "/r"})
    for number in range(20):
        cluster.write(f"/f{number}", 100, replication=1, on="a")
    cluster.write("/short", 100, replication=1, on="a")
    cluster.take(cluster.core.set_replication("/short", 2))
    filled.start()
    filled.beat()
    cluster.tick()
    short = cluster.state.names.get("/short").blocks[0].id
    ordered = [order.block.id for _, order in cluster.take_orders()]
    assert ordered[0] == short


def test_what_cannot_be_moved_ends_the_balancer_with_that_reason(cluster):
    filled = Filled(cluster, {"a": "/r", "b": "/r"})
    for number in range(20):
        cluster.write(f"/f{number}", 100, replication=2, on="ab")
    # Every block is on both: b can take nothing, whatever a's other bytes are.
    filled.bytes_on = lambda node_id: 9000 if node_id == "a" else 2000
    filled.start()
    for _ in range(10):
        filled.step()
    assert filled.status().reason.startswith("no block can be moved")


def test_what_is_under_way_is_still_to_come(cluster):
    filled = Filled(cluster, {"a": "/r", "b": "/r"})
    for number in range(4):
        cluster.write(f"/f{number}", 100, replication=1, on="a")
    filled.bytes_on = lambda node_id: 3000 if node_id == "a" else 2700
    filled.start(threshold=0.01)
    before = filled.status()
    cluster.tick()
    after = filled.status()
    assert (before.moves, after.moves) == (0, 1)
    # That one move is enough, and hasn't arrived.
    assert after.bytes_left == 100


def test_it_stops_when_it_is_told_to(cluster):
    filled = Filled(cluster, {"a": "/r", "b": "/r"})
    for number in range(60):
        cluster.write(f"/f{number}", 100, replication=1, on="a")
    filled.start()
    assert filled.status().running
    cluster.take(cluster.core.admin.stop_balancer(now=cluster.now))
    cluster.take_orders()
    cluster.tick()
    assert (cluster.take_orders(), filled.status().running) == ([], False)


def test_moves_carry_the_bandwidth_and_repairs_do_not(cluster):
    filled = Filled(cluster, {"a": "/r", "b": "/r"})
    for number in range(60):
        cluster.write(f"/f{number}", 100, replication=1, on="a")
    filled.start()
    cluster.tick()
    assert {order.bytes_per_s for _, order in cluster.take_orders()} == {1000}


@pytest.mark.parametrize(("threshold", "bytes_per_s"), [(0.0, 1), (1.0, 1), (0.1, 0)])
def test_values_out_of_range_are_refused(cluster, threshold, bytes_per_s):
    with pytest.raises(InvalidRequestException):
        cluster.core.admin.start_balancer(
            threshold=threshold, bytes_per_s=bytes_per_s, now=cluster.now
        )
