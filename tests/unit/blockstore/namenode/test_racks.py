"""Blocks survive the loss of a rack: whatever was placed, mended or removed before."""

import random

import pytest

from blockstore.model import DeleteReplicas, Replica, ReplicaState, Replicate


def carry_out(cluster, rounds=40):
    """Performs orders as DataNodes would, until there are none."""
    for _ in range(rounds):
        cluster.pass_time(0.5, beating="".join(sorted(cluster.alive)))
        orders = cluster.take_orders()
        for node_id, order in orders:
            if node_id not in cluster.alive:
                continue
            if isinstance(order, Replicate):
                for target in order.targets:
                    if target.node_id in cluster.alive:
                        cluster.report(target.node_id, order.block)
            elif isinstance(order, DeleteReplicas):
                for block in order.blocks:
                    cluster.report(node_id, block, ReplicaState.DELETED)


def racks_of(cluster, path):
    return [{cluster.nodes[n].rack for n in nodes} for nodes in cluster.locations(path)]


@pytest.fixture
def racked(cluster):
    for name in "abc":
        cluster.add_node(name, "/r1")
    cluster.alive = set("abc")
    return cluster


def add(cluster, names, rack):
    for name in names:
        cluster.add_node(name, rack)
    cluster.alive |= set(names)


def test_blocks_on_one_rack_are_spread_when_there_is_another(racked):
    racked.write("/f", 10)
    add(racked, "xy", "/r2")
    racked.tick()
    report = racked.core.report(now=racked.now).reply
    assert report.misplaced == 1
    carry_out(racked)
    assert racks_of(racked, "/f") == [{"/r1", "/r2"}]
    assert len(racked.locations("/f")[0]) == 3
    assert racked.core.report(now=racked.now).reply.misplaced == 0


def test_with_one_rack_nothing_moves(racked):
    racked.write("/f", 10)
    racked.tick()
    assert racked.take_orders() == []


def test_a_block_that_wants_one_replica_is_never_misplaced(racked):
    racked.write("/f", 10, replication=1)
    add(racked, "xy", "/r2")
    racked.tick()
    assert racked.take_orders() == []


def test_the_surplus_goes_from_the_rack_that_has_more(racked):
    add(racked, "x", "/r2")
    racked.write("/f", 10, on="abx")
    racked.take(racked.core.set_replication("/f", 2))
    carry_out(racked)
    assert racks_of(racked, "/f") == [{"/r1", "/r2"}]


def test_a_node_that_comes_back_on_another_rack_is_seen_there(racked):
    add(racked, "x", "/r2")
    racked.write("/f", 10, replication=2, on="ax")
    racked.nodes["x"] = type(racked.nodes["x"])("x", "host-x", 9866, "/r1")
    racked.register("x")
    racked.full_report(
        "x", *[Replica(b.value(), ReplicaState.FINALIZED) for b in racked.state.blocks.values()]
    )
    add(racked, "y", "/r2")
    carry_out(racked)
    assert racks_of(racked, "/f") == [{"/r1", "/r2"}]


def test_racks_are_known_again_after_a_restart(racked):
    entered = [m.node.rack for m in racked.replayed().roster]
    assert entered == ["/r1"] * 3


@pytest.mark.parametrize("seed", range(30))
def test_no_loss_of_one_rack_takes_all_replicas(make_cluster, seed):
    rng = random.Random(seed)
    cluster, racks, replication = make_cluster(seed=seed), rng.randint(2, 3), rng.randint(2, 4)
    cluster.alive = set()
    names = iter("abcdefghijkl")
    for rack in range(racks):
        add(cluster, [next(names) for _ in range(rng.randint(1, 3))], f"/r{rack}")
    for number in range(4):
        # Wherever: as if the racks had been told wrongly when these were written.
        held = rng.sample(sorted(cluster.alive), min(len(cluster.alive), replication))
        cluster.write(f"/f{number}", 10, replication=replication, on=held)
    _shake(cluster, rng)
    for number in range(4):
        (on,) = racks_of(cluster, f"/f{number}")
        live_racks = {cluster.nodes[n].rack for n in cluster.alive}
        assert len(on) >= min(2, len(live_racks), len(cluster.locations(f"/f{number}")[0]))
        assert len(cluster.locations(f"/f{number}")[0]) == min(replication, len(cluster.alive))


def _shake(cluster, rng: random.Random) -> None:
    """A node dies, what it had is made anew, and it returns; a replication changes."""
    carry_out(cluster)
    victim = rng.choice(sorted(cluster.alive))
    held = [
        Replica(stored.value(), ReplicaState.FINALIZED)
        for stored in cluster.state.blocks.values()
        if victim in cluster.core._parts.blocks.good(stored.id)
    ]
    cluster.alive.discard(victim)
    if cluster.alive:
        carry_out(cluster, rounds=100)
    cluster.alive.add(victim)
    cluster.register(victim)
    cluster.full_report(victim, *held)
    carry_out(cluster)
