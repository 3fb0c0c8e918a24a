"""A session with the block store: one program's name for its leases, and its patience."""

import random
from typing import Any

from blockstore.errors import NotReadyException, SafeModeException, UnreachableException
from simulator.network import Host

# Asking again may help.
PASSING = (UnreachableException, SafeModeException, NotReadyException)


class GaveUp(Exception):
    """No answer within the client's patience: whether it was done is unknown."""


class StoreSession:
    """Calls the NameNode until it answers, as blockstore/client does with retry.py."""

    def __init__(
        self,
        host: Host,
        client_id: str,
        rng: random.Random,
        *,
        near: str = "",
        patience_s: float = 60.0,
    ) -> None:
        self.host = host
        self.world = host.world
        self.network = host.network
        self.client_id = client_id
        self.rng = rng
        # The host that its first replicas should be on.
        self.near = near
        self.patience_s = patience_s
        self._requests = 0
        self._openings = 0

    def request_id(self) -> str:
        self._requests += 1
        return f"{self.client_id}/{self._requests}"

    def new_writer(self) -> str:
        """For one opening of one file."""
        self._openings += 1
        return f"{self.client_id}/{self._openings}"

    async def ask(self, method: str, *arguments: Any, **named: Any) -> Any:
        """The NameNode's answer, or the error it refuses with.

        Raises:
            GaveUp: neither came in time.
        """
        until = self.world.now + self.patience_s
        pause = 0.05
        while True:
            try:
                return await self.network.call(self.host, "namenode", method, *arguments, **named)
            except PASSING as error:
                if self.world.now + pause > until:
                    raise GaveUp(f"{method}: {error}") from error
            await self.world.sleep(self.rng.uniform(pause / 2, pause))
            pause = min(pause * 2, 2.0)

    async def renew_leases(self) -> None:
        while True:
            await self.world.sleep(2.0)
            try:
                await self.network.call(self.host, "namenode", "renew_lease", self.client_id)
            except PASSING:
                self.world.figures["lease renewal missed"] += 1
