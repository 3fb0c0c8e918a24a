"""How the engine reaches the storage under it: the simulated block store, or one in memory."""

from typing import TYPE_CHECKING, Protocol

from blockstore.runtime.retry import RetryPolicy
from mapred.jobtracker.committer import Committer
from mapred.jobtracker.ready import Action, Outcome
from mapred.model import AttemptId
from simulator.bridge import Bridge, BridgedClock
from simulator.bridgedstorage import BridgedStorage, write_file
from simulator.client import StoreSession
from simulator.ledger import Ledger
from simulator.namenode_host import NameNodeHost
from simulator.world import Life

if TYPE_CHECKING:
    from simulator.jobtracker_host import JobTrackerHost
    from simulator.tasktracker_host import TaskTrackerHost

# Longer than any outage of the NameNode here.
STORAGE_OUTAGE = RetryPolicy(deadline_s=90.0)


class Outlet(Protocol):
    """What the engine wants of storage, and its checker."""

    async def perform(self, host: "JobTrackerHost", action: Action) -> Outcome:
        """As the JobTracker's own committer does it."""
        ...

    async def write(
        self, host: "TaskTrackerHost", life: Life, attempt: AttemptId, path: str, content: bytes
    ) -> None:
        """A part, by a task process of that life.

        Raises:
            UnreachableException: it could not be written.
            StoreError, GaveUp: it can't be.
        """
        ...

    def trouble(self, path: str, content: bytes | None) -> str:
        """What is wrong with what should stand there for good; None: whatever its content."""
        ...


class StoreOutlet:
    """The block store."""

    def __init__(self, namenode: NameNodeHost, ledger: Ledger) -> None:
        self._namenode = namenode
        self._ledger = ledger

    async def perform(self, host: "JobTrackerHost", action: Action) -> Outcome:
        bridge = Bridge(host.world)
        client_id = f"jobtracker#{next(host.world.numbers)}"
        session = StoreSession(host, client_id, host.rng, patience_s=20.0)
        storage = BridgedStorage(bridge, session, self._ledger)
        committer = Committer(
            lambda _, __: storage,
            policy=STORAGE_OUTAGE,
            clock=BridgedClock(bridge),
            rng=host.rng,
        )
        outcome: Outcome = await bridge.run(lambda: committer.perform(action))
        return outcome

    async def write(
        self, host: "TaskTrackerHost", life: Life, attempt: AttemptId, path: str, content: bytes
    ) -> None:
        session = StoreSession(
            host,
            f"{attempt}@{host.name}/{next(host.world.numbers)}",
            host.rng,
            near=host.near,
            patience_s=40.0,
        )
        host.world.spawn(session.renew_leases(), life)
        inode_id = await write_file(session, self._ledger, path, content)
        host.world.note("part written", attempt, inode_id)

    def trouble(self, path: str, content: bytes | None) -> str:
        core = self._namenode.core
        if core is None:
            # Nobody can look now; what the journal has, the store's checker looks after.
            return ""
        found = core.state.names.find(path)
        if found is None:
            return f"{path} isn't there, and its job has succeeded"
        written = self._ledger.written.get(found.id)
        if written is None:
            return f"{path} is {found}, which nobody wrote"
        if content is not None and written.content != content:
            return f"{path} has another task's content"
        self._ledger.closed(written)
        self._ledger.stands(path, found.id)
        return ""
