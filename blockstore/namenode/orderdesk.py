"""Orders on their way to DataNodes, and the one heartbeat that each node holds open.

Rules
- Orders are numbered from 1 per incarnation of a node, and are in every reply until they are
  acknowledged (runtime/mailbox.py).
- When a node registers again, what it wasn't told yet is taken back: it was decided before the
  report that follows. The numbers stay, with empty orders.
- A heartbeat is answered at once when there is an order, when a newer heartbeat of the node
  came, or after the interval.
"""

import asyncio
from typing import Final

from blockstore.model import DeleteReplicas, Order
from blockstore.runtime.mailbox import Outbox

# A reply stays small; the rest comes with the next, which follows at once.
ORDERS_PER_REPLY: Final = 256


_NOTHING: Final = DeleteReplicas(())


class _Slip:
    """An order that can still be taken back."""

    __slots__ = ("order",)

    def __init__(self, order: Order) -> None:
        self.order = order


class _Counter:
    """One incarnation's."""

    def __init__(self, incarnation: int) -> None:
        self.incarnation = incarnation
        self.outbox: Outbox[_Slip] = Outbox()
        # Set to wake the heartbeat that is held open; a newer heartbeat brings a new one.
        self.bell = asyncio.Event()


class OrderDesk:
    """By node id; owned by the event loop."""

    def __init__(self) -> None:
        self._counters: dict[str, _Counter] = {}

    def registered(self, node_id: str, incarnation: int) -> None:
        counter = self._counters.get(node_id)
        if counter is not None and counter.incarnation == incarnation:
            for _, slip in counter.outbox.pending():
                slip.order = _NOTHING
            return
        self._counters[node_id] = _Counter(incarnation)
        if counter is not None:
            counter.bell.set()

    def put(self, node_id: str, order: Order) -> None:
        counter = self._counters.get(node_id)
        if counter is not None:
            counter.outbox.put(_Slip(order))
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
        return [(seq, slip.order) for seq, slip in counter.outbox.pending()[:ORDERS_PER_REPLY]]
