"""The NameNode's shell in the simulated world: real core, real journal and images, over a
disk in memory that forgets.

It does what daemon and servicer do: entries are appended in the order of the calls, one fsync
serves all that wait, and only then orders go out and replies are given. A crash may come
between any two operations of the disk.
"""

import random
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from blockstore.errors import StaleEpochException, StoreError
from blockstore.model import Block, DeleteReplicas, Node, NodeLoad, Order, Receipt, Replica
from blockstore.namenode import recovery
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.core import NameNode
from blockstore.namenode.disk import MemoryDisk
from blockstore.namenode.entries import Entry, Formatted
from blockstore.namenode.journal import Journal
from blockstore.namenode.leavetaking import LeaveLook
from blockstore.namenode.ready import Ready, Unfinished
from blockstore.runtime.mailbox import Outbox
from simulator.network import Host, Network
from simulator.world import Died, Future, World

CONFIG = NameNodeConfig(
    heartbeat_interval_s=1.0,
    stale_after_s=4.0,
    dead_after_s=10.0,
    replication=2,
    block_bytes=512,
    block_bytes_min=64,
    lease_soft_s=6.0,
    lease_hard_s=15.0,
    recovery_timeout_s=6.0,
    order_timeout_s=8.0,
    tick_interval_s=0.5,
)

# What the core's methods want to be told of time.
_NEEDS_NOW = frozenset(
    {
        "create",
        "add_block",
        "abandon_block",
        "recover_pipeline",
        "update_pipeline",
        "sync",
        "complete",
        "renew_lease",
        "recover_lease",
        "locate",
        "report_bad_replica",
    }
)
_NEEDS_WALL = frozenset({"mkdirs", "rename", "delete", "create", "complete", "recover_lease"})
# Calls of core.changes.
_CHANGES = frozenset({"append", "truncate", "concat"})
_NOTHING = DeleteReplicas(())
# Between two slices of a request.
_SLICE_S: Final = 0.01


class _Counter:
    """One node's orders, and the heartbeat it holds open."""

    def __init__(self, incarnation: int) -> None:
        self.incarnation = incarnation
        self.outbox: Outbox[list[Order]] = Outbox()
        self.bell: Future[None] = Future()


class NameNodeHost(Host):
    """The one NameNode."""

    def __init__(
        self,
        world: World,
        network: Network,
        config: NameNodeConfig = CONFIG,
        make_core: Callable[..., NameNode] = NameNode,
    ) -> None:
        super().__init__(world, network, "namenode")
        self.config = config
        self.core: NameNode | None = None
        # Every entry that was ever appended, by transaction: what recovery is compared with.
        self.written: list[Entry] = []
        self.durable = 0
        self.disk = MemoryDisk()
        self._make_core = make_core
        self._rng = world.rng("namenode")
        self._marks = world.rng("namenode marks")
        self._steps_left: int | None = None
        journal = Journal(self.disk)
        journal.open(0)
        formatted = Formatted("cluster", world.wall_s)
        journal.append(formatted)
        journal.sync()
        journal.close()
        self.written.append(formatted)
        self.durable = 1

    # --- lives

    def start(self) -> None:
        self.begin_life()
        self.world.spawn(self._run(), self.life)

    async def _run(self) -> None:
        await self.world.sleep(self._rng.uniform(0.05, 1.0))
        self.disk.before_step = self._before_step
        state, self._journal = recovery.recover(self.disk, wall=self.world.wall_s)
        self._recovered(state.transaction)
        self._counters: dict[str, _Counter] = {}
        self._waiting: deque[tuple[int, Future[None]]] = deque()
        self._syncing = False
        self._images = 0
        core = self._make_core(self.config, self._rng, state, self.world.now)
        await self._finish(core.start())
        self.core = core
        self.world.note("namenode up", core.state.epoch, core.state.transaction)
        while True:
            await self.world.sleep(self.config.tick_interval_s)
            await self._finish(core.tick(now=self.world.now, wall=self.world.wall_s))
            if core.is_forgetting:
                await self._finish(core.forget())
            if self._rng.random() < 0.01:
                self._checkpoint()
            if self._marks.random() < 0.2:
                self._journal.mark()

    def _recovered(self, transaction: int) -> None:
        """What a crash has taken was never told to anybody; the checker looks at the rest."""
        assert transaction >= self.durable, (
            f"the journal came back with {transaction} transactions, {self.durable} were durable"
        )
        lost = len(self.written) - transaction
        if lost > 0:
            self.world.count("journal entries lost unsynced")
        if transaction > self.durable:
            self.world.count("journal entries found that nobody waited for")
        del self.written[transaction:]
        self.durable = transaction

    def _checkpoint(self) -> None:
        sealed = self._journal.roll()
        self._images += 1
        state = recovery.checkpoint(self.disk, sealed, self._images)
        assert state.transaction == sealed
        recovery.purge(self.disk, self._journal)
        self.world.count("checkpoint", sealed)

    def crash(self, *, power_loss: bool, rng: random.Random) -> None:
        self.core = None
        self.end_life()
        torn = self.disk
        self.disk = torn.crash(rng) if power_loss else torn
        self.disk.before_step = lambda: None
        self._steps_left = None

    def arm(self, steps: int) -> None:
        """The power goes before the disk's operation after so many."""
        self._steps_left = steps

    def disarm(self) -> None:
        self._steps_left = None

    def _before_step(self) -> None:
        if not self.up:
            raise Died
        if self._steps_left is not None:
            self._steps_left -= 1
            if self._steps_left < 0:
                self.world.count("namenode lost power in a disk operation")
                self.life.alive = False
                self.world.soon(lambda: self.crash(power_loss=True, rng=self._rng))
                raise Died

    # --- durable first, then send

    async def _finish(self, ready: Ready[Any]) -> Any:
        self._journal.append(*ready.entries)
        self.written += ready.entries
        await self._everything_durable()
        for node_id in sorted(getattr(ready, "lost", ())):
            self._lost(node_id)
        for node_id, order in ready.orders:
            counter = self._counters.get(node_id)
            if counter is not None:
                counter.outbox.put([order])
                counter.bell.set(None)
        return ready.reply

    async def _everything_durable(self) -> None:
        if self._journal.last <= self.durable and not self._waiting:
            return
        done: Future[None] = Future()
        self._waiting.append((self._journal.last, done))
        if not self._syncing:
            self.world.spawn(self._sync(), self.life)
        await done

    async def _sync(self) -> None:
        self._syncing = True
        while self._waiting:
            slow = 30.0 if self._rng.random() < 0.02 else 1.0
            await self.world.sleep(self._rng.uniform(0.0005, 0.02) * slow)
            self.durable = self._journal.sync()
            while self._waiting and self._waiting[0][0] <= self.durable:
                self._waiting.popleft()[1].set(None)
            # Those that were woken run, and may write more, before this goes on.
            await self.world.sleep(0.0)
        self._syncing = False

    def _lost(self, node_id: str) -> None:
        counter = self._counters.get(node_id)
        if counter is not None:
            for _, slip in counter.outbox.pending():
                slip[0] = _NOTHING

    # --- calls

    async def serve(self, method: str, *arguments: Any, **named: Any) -> Any:
        if self.core is None:
            # Up, and not yet listening.
            await Future()
        special = getattr(self, f"serve_{method}", None)
        if special is not None:
            return await special(*arguments, **named)
        if method in _NEEDS_NOW or method in _CHANGES:
            named["now"] = self.world.now
        if method in _NEEDS_WALL or method in _CHANGES:
            named["wall"] = self.world.wall_s
        return await self._call(method, *arguments, **named)

    async def _call(self, method: str, *arguments: Any, **named: Any) -> Any:
        core = self.core
        assert core is not None
        try:
            parts = (core, core.changes, core.admin)
            owner = next(part for part in parts if hasattr(part, method))
            ready = getattr(owner, method)(*arguments, **named)
        except StoreError as error:
            self.world.note("refused", method, type(error).__name__)
            await self._finish(core.take_ready())
            raise
        return await self._finish(ready)

    async def serve_complete(
        self,
        inode_id: int,
        *,
        client_id: str,
        last: Block | None,
        receipts: tuple[Receipt, ...] = (),
    ) -> Any:
        assert self.core is not None
        if last is not None:
            blocks = self.core._parts.blocks
            reported = blocks.holders(last.id)
            self.core.reporting.take_receipts(last, receipts)
            if blocks.holders(last.id) - reported:
                self.world.figures["receipt before its node's report"] += 1
        return await self._call(
            "complete",
            inode_id,
            client_id=client_id,
            last=last,
            now=self.world.now,
            wall=self.world.wall_s,
        )

    async def serve_assign(self, *arguments: Any, **named: Any) -> Any:
        """In slices; whatever else is due comes between them."""
        look = LeaveLook()
        while True:
            named["now"], named["wall"] = self.world.now, self.world.wall_s
            with suppress(Unfinished):
                return await self._call("assign", *arguments, look=look, **named)
            await self.world.sleep(_SLICE_S)
            if self.core is None:
                # It died in between: who asked gets no answer.
                await Future()

    async def serve_register(self, node: Node, incarnation: int, cluster_id: str) -> Any:
        reply = await self._call(
            "register", node, incarnation=incarnation, cluster_id=cluster_id, now=self.world.now
        )
        counter = self._counters.get(node.node_id)
        if counter is None or counter.incarnation != incarnation:
            if counter is not None:
                counter.bell.set(None)
            self._counters[node.node_id] = _Counter(incarnation)
        return reply

    async def serve_heartbeat(
        self, node_id: str, incarnation: int, epoch: int, orders_seen: int, load: NodeLoad
    ) -> "HeartbeatReply":
        core = self.core
        assert core is not None
        known = await self._call(
            "heartbeat", node_id, incarnation=incarnation, epoch=epoch, load=load,
            now=self.world.now,
        )  # fmt: skip
        counter = self._counters.get(node_id)
        if not known or counter is None or counter.incarnation != incarnation:
            return HeartbeatReply(core.state.epoch, register_again=True)
        counter.outbox.acknowledge(orders_seen)
        counter.bell.set(None)
        counter.bell = bell = Future()
        if not len(counter.outbox):
            self.world.later(self.config.heartbeat_interval_s, lambda: bell.set(None))
            await bell
            if counter.bell is not bell:
                return HeartbeatReply(epoch)
        orders = tuple((seq, slip[0]) for seq, slip in counter.outbox.pending())
        return HeartbeatReply(epoch, orders=orders)

    async def serve_full_report(self, *report: Any) -> None:
        *report, piece, more = report
        await self._report("full_report", *report, piece=piece, more=more)

    async def serve_incremental_report(self, *report: Any) -> None:
        await self._report("incremental_report", *report)

    async def _report(
        self,
        method: str,
        node_id: str,
        incarnation: int,
        epoch: int,
        replicas: tuple[Replica, ...],
        number: int,
        **named: Any,
    ) -> None:
        await self._call(
            method,
            node_id,
            incarnation=incarnation,
            epoch=epoch,
            replicas=replicas,
            number=number,
            now=self.world.now,
            **named,
        )

    async def serve_commit_recovery(
        self, node_id: str, epoch: int, old: Block, new: Block | None, node_ids: tuple[str, ...]
    ) -> None:
        await self._call(
            "commit_recovery", node_id, epoch=epoch, old=old, new=new, node_ids=node_ids,
            wall=self.world.wall_s,
        )  # fmt: skip
        self.world.count("block recovered without its writer", old)


class HeartbeatReply:
    """As in protos/blockstore/namenode.proto."""

    __slots__ = ("epoch", "orders", "register_again")

    def __init__(
        self,
        epoch: int,
        *,
        register_again: bool = False,
        orders: tuple[tuple[int, Order], ...] = (),
    ) -> None:
        self.epoch = epoch
        self.register_again = register_again
        self.orders = orders


__all__ = ["CONFIG", "NameNodeHost", "StaleEpochException"]
