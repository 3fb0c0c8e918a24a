"""What stands between the core and the outside: durable first, then orders, then the reply.

Everything here runs on one event loop, which is the core's lock.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress

from blockstore.errors import StoreError
from blockstore.namenode.access import Caller
from blockstore.namenode.commit import GroupCommit
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.core import NameNode
from blockstore.namenode.groups import Groups
from blockstore.namenode.journal import Journal
from blockstore.namenode.orderdesk import OrderDesk
from blockstore.namenode.ready import Ready, Reply, Unfinished
from blockstore.namenode.replies import Completion
from blockstore.namenode.reserve import Reserve
from blockstore.namenode.state import State
from blockstore.runtime import failpoint
from blockstore.runtime.clock import Clock
from blockstore.runtime.identity import user_in_progress

log = logging.getLogger(__name__)


class Shell:
    """Runs a core over a journal."""

    def __init__(
        self,
        config: NameNodeConfig,
        state: State,
        journal: Journal,
        clock: Clock,
        on_failure: Callable[[OSError], None],
        reserve: Reserve | None = None,
    ) -> None:
        """`on_failure` is called when the journal fails; it must end the process."""
        self.config = config
        self.clock = clock
        self.core = NameNode(config, random.Random(), state, clock.monotonic())
        self.desk = OrderDesk()
        self.commit = GroupCommit(journal, on_failure, self._make_room)
        self._reserve = reserve
        self._look_at_room()
        self._groups = Groups(config.groups, clock)
        # Completes that are held until their file comes nearer to its close.
        self._held: dict[int, set[asyncio.Event]] = {}
        # The next slice is on its way.
        self._forgetting = False

    @property
    def now(self) -> float:
        return self.clock.monotonic()

    @property
    def wall(self) -> float:
        return self.clock.wall()

    async def caller(self) -> Caller | None:
        """The user whose gRPC call this is; costs a thread the first time, then nothing."""
        return await self._groups.caller(user_in_progress.get())

    async def perform(self, call: Callable[[NameNode], Ready[Reply]]) -> Reply:
        """Calls the core for the user whose gRPC call this is; returns when what it did, and what
        it saw, is durable.

        Raises:
            StoreError: what the core raised; it too is told only when what it rests on is durable.
        """
        caller = await self.caller()
        try:
            ready = call(self.core.on_behalf_of(caller))
        except StoreError:
            self.take(self.core.take_ready())
            failpoint.hit("shell.perform.before_durable_refusal")
            await self.commit.durable()
            failpoint.hit("shell.perform.after_durable_refusal")
            raise
        self.take(ready)
        failpoint.hit("shell.perform.before_durable")
        await self.commit.durable()
        failpoint.hit("shell.perform.after_durable")
        return ready.reply

    async def in_slices(self, call: Callable[[NameNode], Ready[Reply | None]]) -> Reply:
        """Asks the core again until it has a reply; others get their turn in between."""
        while True:
            reply = await self.perform(call)
            if reply is not None:
                return reply
            await asyncio.sleep(0)

    async def until_finished(self, call: Callable[[NameNode], Ready[Reply]]) -> Reply:
        """The same, for a request that says by an error that there is more to do."""
        while True:
            with suppress(Unfinished):
                return await self.perform(call)
            await asyncio.sleep(0)

    def take(self, ready: Ready[Reply]) -> None:
        """Starts what the core wants done; a caller that goes away doesn't stop it."""
        self.commit.append(ready.entries)
        if ready.orders or ready.progressed:
            self.commit.then(lambda: self._release(ready))
        if self.core.is_forgetting and not self._forgetting:
            self._forgetting = True
            asyncio.get_running_loop().call_soon(self._forget)

    def _forget(self) -> None:
        """A slice of what was removed; whoever waits gets his turn before the next one."""
        self._forgetting = False
        self.take(self.core.forget())

    def _release(self, ready: Ready[Reply]) -> None:
        for node_id, order in ready.orders:
            self.desk.put(node_id, order)
        for inode_id in ready.progressed:
            for bell in self._held.get(inode_id, ()):
                bell.set()

    async def complete(
        self, inode_id: int, call: Callable[[NameNode], Ready[Completion]]
    ) -> Completion:
        """A Complete: held for a moment while replicas are still being reported."""
        deadline = self.now + self.config.complete_hold_s
        bell = asyncio.Event()
        self._held.setdefault(inode_id, set()).add(bell)
        try:
            while True:
                bell.clear()
                completion = await self.perform(call)
                left = deadline - self.now
                if completion.done or left <= 0:
                    return completion
                try:
                    await asyncio.wait_for(bell.wait(), left)
                except TimeoutError:
                    return completion
        finally:
            self._held[inode_id].discard(bell)
            if not self._held[inode_id]:
                del self._held[inode_id]

    def tick(self) -> bool:
        """Whether the next one should come soon."""
        self._look_at_room()
        self.commit.retry()
        ready = self.core.tick(now=self.now, wall=self.wall)
        self.take(ready)
        return ready.reply

    def _look_at_room(self) -> None:
        if self._reserve is not None:
            self.core.admin.hold_changes(self._reserve.look())

    def _make_room(self) -> bool:
        """The journal has met a full volume: no change more, and room for those that were taken."""
        if self._reserve is None:
            return False
        # Until the next look: the room that is made now isn't for more.
        self.core.admin.hold_changes(self._reserve.full)
        return self._reserve.give_up()
