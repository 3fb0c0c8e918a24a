"""What simulated clients of the block store have in common: a name, a lease, patience."""

import random
from typing import Any

from blockstore.errors import NotReadyException, SafeModeException, UnreachableException
from simulator.network import Host, Network
from simulator.world import World

# Asking again may help.
PASSING = (UnreachableException, SafeModeException, NotReadyException)


class GaveUp(Exception):
    """No answer within the client's patience: whether it was done is unknown."""


class StoreClient(Host):
    """Calls the NameNode until it answers, as blockstore/client does with retry.py."""

    def __init__(
        self, world: World, network: Network, name: str, near: str = "", patience_s: float = 60.0
    ) -> None:
        super().__init__(world, network, name)
        # The host that its first replicas should be on.
        self.near = near
        self.patience_s = patience_s
        self.rng: random.Random = world.rng(name)
        self._requests = 0
        self._lives = 0

    def begin_life(self) -> None:
        super().begin_life()
        self._lives += 1

    @property
    def client_id(self) -> str:
        """Of one life: a program that was started again is another client."""
        return f"{self.name}#{self._lives}"

    def request_id(self) -> str:
        self._requests += 1
        return f"{self.name}/{self._requests}"

    async def ask(self, method: str, *arguments: Any, **named: Any) -> Any:
        """The NameNode's answer, or the error it refuses with.

        Raises:
            GaveUp: neither came in time.
        """
        until = self.world.now + self.patience_s
        pause = 0.05
        while True:
            try:
                return await self.network.call(self, "namenode", method, *arguments, **named)
            except PASSING as error:
                if self.world.now + pause > until:
                    raise GaveUp(f"{method}: {error}") from error
            await self.world.sleep(self.rng.uniform(pause / 2, pause))
            pause = min(pause * 2, 2.0)

    async def renew_leases(self) -> None:
        while True:
            await self.world.sleep(2.0)
            try:
                await self.network.call(self, "namenode", "renew_lease", self.client_id)
            except PASSING:
                self.world.figures["lease renewal missed"] += 1
