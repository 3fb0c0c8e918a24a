"""A DataNode performs a RecoverBlock order: blockstore/datanode/recovery.py's rules, asked for
over the simulated network."""

from typing import TYPE_CHECKING

from blockstore.datanode.recovery import agreed_length, participants
from blockstore.errors import StoreError
from blockstore.model import Block, Node, RecoverBlock, Replica

if TYPE_CHECKING:
    from simulator.datanode_host import DataNodeHost


async def recover_block(host: "DataNodeHost", order: RecoverBlock) -> None:
    host.world.count("block recovery ordered", order.block, order.new_generation)
    found: dict[Node, Replica] = {}
    unasked = 0
    for node in order.nodes:
        try:
            found[node] = await _begin(host, node, order)
        except StoreError as error:
            host.world.note("recovery: not asked", node.node_id, error)
            unasked += 1
    length = order.cut_to
    if length is None:
        length = agreed_length(order.block, list(found.values()))
    if length == 0 and unasked:
        return
    new: Block | None = None
    done: list[str] = []
    if length:
        new = Block(order.block.id, order.new_generation, length)
        for node, replica in participants(order.block, length, found).items():
            if await _finalize(host, node, replica, new):
                done.append(node.node_id)
        if not done:
            return
    await host.report_recovery(order.block, new, tuple(done))


async def _begin(host: "DataNodeHost", node: Node, order: RecoverBlock) -> Replica:
    if node.node_id == host.name:
        return host.store.begin_recovery(order.block, order.new_generation)
    replica: Replica = await host.network.call(
        host, node.node_id, "begin_recovery", order.block, order.new_generation
    )
    return replica


async def _finalize(host: "DataNodeHost", node: Node, replica: Replica, new: Block) -> bool:
    try:
        if node.node_id == host.name:
            await host.serve_update(replica.block, new, True)
        else:
            await host.network.call(host, node.node_id, "update", replica.block, new, True)
    except StoreError as error:
        host.world.note("recovery goes on without", node.node_id, error)
        return False
    return True
