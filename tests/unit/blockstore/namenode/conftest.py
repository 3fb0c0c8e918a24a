"""A NameNode core with a clock that tests move, and DataNodes that exist only as reports."""

import random
from collections.abc import Callable

import pytest

from blockstore.model import Block, Node, NodeLoad, Order, Replica, ReplicaState
from blockstore.namenode import image
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.core import NameNode
from blockstore.namenode.entries import Entry, Formatted
from blockstore.namenode.ready import Ready, Reply
from blockstore.namenode.state import State

GIB = 1024**3
WALL = 1_700_000_000.0


class Cluster:
    """One NameNode and what happens to it; every entry is kept, as a journal would."""

    def __init__(self, config: NameNodeConfig | None = None, seed: int = 1) -> None:
        self.config = config or NameNodeConfig(block_bytes=1000, block_bytes_min=1)
        self.rng = random.Random(seed)
        self.entries: list[Entry] = [Formatted("c", WALL)]
        self.now = 1000.0
        self.orders: list[tuple[str, Order]] = []
        self.progressed: set[int] = set()
        self.nodes: dict[str, Node] = {}
        self.incarnations: dict[str, int] = {}
        self.core = self._begin()

    # --- the NameNode ------------------------------------------------------------------

    def _begin(self) -> NameNode:
        state = State()
        for entry in self.entries:
            state.apply(entry)
        self.core = NameNode(self.config, self.rng, state, self.now)
        self.take(self.core.start())
        return self.core

    def restart(self) -> None:
        """The NameNode alone; its DataNodes have to register again."""
        self.orders.clear()
        self._begin()

    def take(self, ready: Ready[Reply]) -> Reply:
        self.entries += ready.entries
        self.orders += ready.orders
        self.progressed |= ready.progressed
        return ready.reply

    def try_(self, call: Callable[[], Ready[Reply]]) -> Reply:
        """A call that may raise; what it has done by then is taken too."""
        try:
            return self.take(call())
        finally:
            self.take(self.core.take_ready())

    @property
    def wall(self) -> float:
        return WALL + self.now

    @property
    def state(self) -> State:
        return self.core.state

    def replayed(self) -> State:
        state = State()
        for entry in self.entries:
            state.apply(entry)
        return state

    def take_orders(self) -> list[tuple[str, Order]]:
        orders, self.orders = self.orders, []
        return orders

    def pass_time(self, seconds: float, *, beating: str | None = None) -> None:
        """Ticks twice a second; `beating`: the nodes whose heart beats on (None: all)."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(self.now + 0.5, until)
            for node_id in self.nodes if beating is None else beating:
                self.beat(node_id)
            self.tick()

    def tick(self) -> None:
        self.take(self.core.tick(now=self.now, wall=self.wall))

    # --- DataNodes -----------------------------------------------------------------------

    def add_node(
        self,
        node_id: str,
        rack: str = "/default",
        host: str = "",
        free_bytes: int = GIB,
        replicas: tuple[Replica, ...] = (),
    ) -> Node:
        node = Node(node_id, host or f"host-{node_id}", 9866, rack)
        self.nodes[node_id] = node
        self.incarnations[node_id] = self.incarnations.get(node_id, 0) + 1
        self.register(node_id)
        self.beat(node_id, free_bytes=free_bytes)
        self.full_report(node_id, *replicas)
        return node

    def add_nodes(self, names: str) -> None:
        for name in names:
            self.add_node(name)

    def register(self, node_id: str, cluster_id: str = "") -> None:
        self.take(
            self.core.register(
                self.nodes[node_id],
                incarnation=self.incarnations[node_id],
                cluster_id=cluster_id,
                now=self.now,
            )
        )

    def beat(self, node_id: str, free_bytes: int = GIB, streams: int = 0) -> bool:
        load = NodeLoad(GIB, GIB - free_bytes, free_bytes, streams)
        return self.take(
            self.core.heartbeat(
                node_id,
                incarnation=self.incarnations[node_id],
                epoch=self.state.epoch,
                load=load,
                now=self.now,
            )
        )

    def full_report(self, node_id: str, *replicas: Replica, number: int = 0) -> None:
        self.take(
            self.core.full_report(
                node_id,
                incarnation=self.incarnations[node_id],
                epoch=self.state.epoch,
                replicas=replicas,
                number=number,
                now=self.now,
            )
        )

    def report(
        self,
        node_id: str,
        block: Block,
        state: ReplicaState = ReplicaState.FINALIZED,
        number: int = 0,
    ) -> None:
        self.take(
            self.core.incremental_report(
                node_id,
                incarnation=self.incarnations[node_id],
                epoch=self.state.epoch,
                replicas=[Replica(block, state)],
                number=number,
                now=self.now,
            )
        )

    # --- clients -------------------------------------------------------------------------

    def create(self, path: str, client: str = "ana", **options: object) -> int:
        return self.try_(
            lambda: self.core.create(
                path, client_id=client, now=self.now, wall=self.wall, **options
            )
        ).inode_id

    def add_block(self, inode_id: int, previous: Block | None = None, client: str = "ana"):
        return self.try_(
            lambda: self.core.add_block(inode_id, client_id=client, previous=previous, now=self.now)
        )

    def complete(self, inode_id: int, last: Block | None, client: str = "ana"):
        return self.try_(
            lambda: self.core.complete(
                inode_id, client_id=client, last=last, now=self.now, wall=self.wall
            )
        )

    def write(
        self, path: str, *lengths: int, on: str = "", client: str = "ana", **options: object
    ) -> list[Block]:
        """A closed file with blocks of these lengths; `on`: the nodes that get every block."""
        inode_id = self.create(path, client, **options)
        blocks: list[Block] = []
        for length in lengths:
            located = self.add_block(inode_id, blocks[-1] if blocks else None, client)
            block = Block(located.block.id, located.block.generation, length)
            blocks.append(block)
            for node_id in on or [node.node_id for node in located.nodes]:
                self.report(node_id, block)
        assert self.complete(inode_id, blocks[-1] if blocks else None, client).done
        return blocks

    def mkdirs(self, path: str, *, parents: bool = True) -> None:
        self.try_(lambda: self.core.mkdirs(path, parents=parents, wall=self.wall))

    def rename(self, source: str, target: str, **options: object) -> None:
        self.try_(lambda: self.core.rename(source, target, wall=self.wall, **options))

    def delete(self, path: str, **options: object) -> bool:
        return self.try_(lambda: self.core.delete(path, wall=self.wall, **options))

    def recover_lease(self, path: str):
        return self.try_(
            lambda: self.core.changes.recover_lease(path, now=self.now, wall=self.wall)
        )

    def paths(self, path: str = "/") -> list[str]:
        return [status.path for status in self.core.listing(path).reply.entries]

    def locations(self, path: str) -> list[list[str]]:
        location = self.core.locate(path, now=self.now).reply
        return [sorted(node.node_id for node in block.nodes) for block in location.blocks]


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def make_cluster() -> type[Cluster]:
    return Cluster


@pytest.fixture
def image_of() -> Callable[[State], bytes]:
    """All journaled state as bytes: equal states are equal bytes."""
    return lambda state: b"".join(image.encode(state))
