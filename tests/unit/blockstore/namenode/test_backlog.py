"""A tick's work has a bound, and what is left isn't left for long."""

from blockstore.model import Replicate
from blockstore.namenode.config import NameNodeConfig


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
