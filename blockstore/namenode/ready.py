"""What the core asks of its shell after every call."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from blockstore.errors import StoreError
from blockstore.model import Order
from blockstore.namenode.entries import Entry

Reply = TypeVar("Reply")


class Unfinished(StoreError):
    """A slice of the work for a request is done: the shell asks again. Nobody else hears of it."""


@dataclass(frozen=True, slots=True)
class Ready(Generic[Reply]):
    """Do this, in this order: make `entries` durable, send `orders`, give `reply`.

    Orders and reply wait for everything that was written up to now, not only for these
    entries: they may rest on what another call has changed a moment ago.
    """

    reply: Reply
    entries: tuple[Entry, ...] = ()
    # Node id and order.
    orders: tuple[tuple[str, Order], ...] = ()
    # Open files that came nearer to being closed: their waiting Completes should ask again.
    progressed: frozenset[int] = frozenset()
