"""The loop that keeps a DataNode known to its NameNode.

Register, send a full report, then one heartbeat after the other, each held open by the
NameNode until it has an order or the interval is over. A NameNode that restarted, or
forgot this node, says so; then it all begins again.
"""

import logging
import random
import threading
from collections.abc import Callable
from typing import Final

from blockstore.codec import order_from_wire
from blockstore.datanode.fence import Fence
from blockstore.datanode.namenode_link import NameNodeLink
from blockstore.datanode.orders import OrderDesk
from blockstore.datanode.reports import Reporter
from blockstore.datanode.store import ReplicaStore
from blockstore.errors import AccessControlException, ConfigException, StoreError
from blockstore.model import NodeLoad, Order
from blockstore.runtime.clock import Clock
from blockstore.runtime.mailbox import Inbox
from blockstore.runtime.retry import RetryPolicy

log = logging.getLogger(__name__)

# Quick at first, for a NameNode that is just being started; then twice a second.
_REGISTERING: Final = RetryPolicy(deadline_s=float("inf"), base_s=0.05, cap_s=0.5)
# So often the log repeats that the NameNode can't be reached.
COMPLAINT_S: Final = 15.0


class Heartbeat:
    """Runs on its own thread until `stop`."""

    def __init__(
        self,
        link: NameNodeLink,
        store: ReplicaStore,
        reporter: Reporter,
        *,
        join_cluster: Callable[[str], str],
        cluster_id: str,
        load: Callable[[], NodeLoad],
        fence: Fence,
        clock: Clock,
        on_ready: Callable[[], None],
    ) -> None:
        """`join_cluster` takes the cluster's id and keeps it; `on_ready` is called once,
        after the first full report."""
        self._link = link
        self._store = store
        self._reporter = reporter
        self._join_cluster = join_cluster
        self._cluster_id = cluster_id
        self._load = load
        self._fence = fence
        self._clock = clock
        self._on_ready: Callable[[], None] | None = on_ready
        self._stop = threading.Event()
        self._register_again = threading.Event()
        self._desk: OrderDesk | None = None
        # Orders are numbered per NameNode epoch: registering again within one goes on counting.
        self._inbox: Inbox[Order] = Inbox()
        self._inbox_epoch = 0
        self._complained_at = float("-inf")
        # Why the loop ended by itself: this node and the NameNode don't belong together.
        self.refusal: StoreError | None = None

    def run(self, desk: OrderDesk) -> None:
        self._desk = desk
        while not self._stop.is_set():
            try:
                self._register()
                self._beat()
            except StoreError as error:
                if self._is_final(error):
                    self.refusal = error
                    return
                self._complain(error)
                self._stop.wait(_REGISTERING.cap_s)
            except Exception:
                log.exception("the heartbeat failed; the node registers again")
                self._stop.wait(_REGISTERING.cap_s)

    def stop(self) -> None:
        self._stop.set()

    def forgotten(self) -> None:
        """The NameNode has refused a report of this session."""
        self._register_again.set()

    def send_full_report(self) -> None:
        self._reporter.full(self._link, self._store.report, self._store.damaged)

    def _register(self) -> None:
        delays = _REGISTERING.delays(random.Random())
        while not self._stop.is_set():
            try:
                self._register_again.clear()
                self._cluster_id = self._join_cluster(self._link.register(self._cluster_id))
                self._begin_orders(self._link.epoch)
                self.send_full_report()
            except StoreError as error:
                if self._is_final(error):
                    raise
                self._complain(error)
                self._stop.wait(next(delays, _REGISTERING.cap_s))
                continue
            self._heard()
            log.info("registered with epoch %d, %d replicas", self._link.epoch, len(self._store))
            if self._on_ready:
                self._on_ready()
                self._on_ready = None
            return

    def _is_final(self, error: StoreError) -> bool:
        """Whether asking again doesn't help. Who was let in once has the secret: its clock, or the
        NameNode's, is wrong for a while."""
        if isinstance(error, AccessControlException):
            return self._on_ready is not None
        return isinstance(error, ConfigException)

    def _begin_orders(self, epoch: int) -> None:
        if epoch != self._inbox_epoch:
            self._inbox, self._inbox_epoch = Inbox(), epoch

    def _beat(self) -> None:
        """Heartbeats of one session, until the NameNode forgets it."""
        while not self._stop.is_set() and not self._register_again.is_set():
            self._store.drop_failed_volumes()
            if self._reporter.full_is_due():
                self.send_full_report()
            try:
                reply = self._link.heartbeat(self._load(), self._inbox.seen)
            except StoreError as error:
                if self._stop.is_set():
                    return
                # It may be a restarted NameNode that answers next: it says so then.
                self._complain(error)
                self._stop.wait(_REGISTERING.base_s * 4)
                continue
            if reply.register_again or reply.epoch != self._link.epoch:
                return
            self._heard()
            assert self._desk is not None
            orders = [order_from_wire(order) for order in reply.orders]
            for order in self._inbox.take(orders[: self._desk.room]):
                self._desk.take(order)

    def _heard(self) -> None:
        self._fence.heard()
        self._complained_at = float("-inf")

    def _complain(self, error: StoreError) -> None:
        now = self._clock.monotonic()
        if now - self._complained_at >= COMPLAINT_S:
            self._complained_at = now
            log.warning("no word with the NameNode; trying on: %s", error)
