"""Orders on their way to DataNodes, and the one heartbeat that each node holds open.

Rules
- Orders are numbered from 1 per registration of a node, and are in every reply until they are
  acknowledged (runtime/mailbox.py). A node that registers again starts with none.
- A heartbeat is answered at once when there is an order, when a newer heartbeat of the node
  came, or after the interval.
"""

import asyncio
from typing import Final

from blockstore.model import Order
from blockstore.runtime.mailbox import Outbox

# A reply stays small; the rest comes with the next, which follows at once.
ORDERS_PER_REPLY: Final = 256


class _Counter:
    """One registration's."""

    def __init__(self) -> None:
        self.outbox: Outbox[Order] = Outbox()
        # Set to wake the heartbeat that is held open; a newer heartbeat brings a new one.
        self.bell = asyncio.Event()


class OrderDesk:
    """By node id; owned by the event loop."""

    def __init__(self) -> None:
        self._counters: dict[str, _Counter] = {}

    def registered(self, node_id: str) -> None:
        old = self._counters.get(node_id)
        self._counters[node_id] = _Counter()
        if old is not None:
            old.bell.set()

    def put(self, node_id: str, order: Order) -> None:
        counter = self._counters.get(node_id)
        if counter is not None:
            counter.outbox.put(order)
            counter.bell.set()

    def close(self) -> None:
        """Answers every heartbeat that is held open."""
        for counter in self._counters.values():
            counter.bell.set()

    async def wait(
        self, node_id: str, orders_seen: int, interval_s: float
    ) -> list[tuple[int, Order]]:
        """The node's orders, as soon as there are any; none after the interval."""
        counter = self._counters.get(node_id)
        if counter is None:
            return []
        counter.outbox.acknowledge(orders_seen)
        counter.bell.set()
        counter.bell = bell = asyncio.Event()
        if not counter.outbox:
            try:
                await asyncio.wait_for(bell.wait(), interval_s)
            except TimeoutError:
                return []
            if counter.bell is not bell or self._counters[node_id] is not counter:
                return []
        return counter.outbox.pending()[:ORDERS_PER_REPLY]
