"""Performs the NameNode's orders, on few threads, while heartbeats go on.

Copies wait for each other, and never keep deletions and recoveries waiting. The NameNode is
told of a copy that fails, and decides anew. Another order that fails is logged and left: the
NameNode sees that the cluster hasn't changed and orders again.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import grpc

from blockstore.datanode import transfer
from blockstore.datanode.recovery import Recovery
from blockstore.datanode.store import ReplicaStore
from blockstore.datanode.throttle import Throttle
from blockstore.errors import (
    ChecksumException,
    NotReadyException,
    ReplicaNotFoundException,
    StoreError,
)
from blockstore.model import (
    Block,
    CopyFailure,
    DeleteReplicas,
    Node,
    Order,
    RecoverBlock,
    Replicate,
    SendReport,
)
from blockstore.packetstream import PacketStreams
from blockstore.runtime.clock import Clock

log = logging.getLogger(__name__)

# Orders taken and not finished; more stay with the NameNode.
ORDERS_MAX: Final = 1_000
_QUICK_THREADS: Final = 4
# What says that this node's replica can't be copied, whoever gets it.
_OWN_FAULTS: Final = (ChecksumException, NotReadyException, ReplicaNotFoundException)


class OrderDesk:
    """Takes orders, and does them."""

    def __init__(
        self,
        store: ReplicaStore,
        *,
        own_id: str,
        dial: Callable[[Node], grpc.Channel],
        streams: PacketStreams,
        copies_at_once: int,
        copy_bytes_per_s: int,
        clock: Clock,
        send_report: Callable[[], None],
        copy_failed: Callable[[CopyFailure], None],
        commit_recovery: Callable[[Block, Block | None, tuple[str, ...]], None],
    ) -> None:
        self._store = store
        self._own_id = own_id
        self._dial = dial
        self._streams = streams
        # Copies that repair, and copies that only move blocks: each order of these has its limit.
        self._repairs = Throttle(copy_bytes_per_s, clock)
        self._moves = Throttle(0, clock)
        self._send_report = send_report
        self._copy_failed = copy_failed
        self._commit_recovery = commit_recovery
        self._copies = ThreadPoolExecutor(copies_at_once, thread_name_prefix="copy")
        self._quick = ThreadPoolExecutor(_QUICK_THREADS, thread_name_prefix="order")
        self._guard = threading.Lock()
        self._open = 0

    @property
    def room(self) -> int:
        """How many orders more can be taken."""
        return ORDERS_MAX - self._open

    def take(self, order: Order) -> None:
        with self._guard:
            self._open += 1
        pool = self._copies if isinstance(order, Replicate) else self._quick
        pool.submit(self._perform, order)

    def close(self) -> None:
        """Lets running orders end by themselves; none begins any more."""
        self._copies.shutdown(wait=False, cancel_futures=True)
        self._quick.shutdown(wait=False, cancel_futures=True)

    def _perform(self, order: Order) -> None:
        try:
            match order:
                case Replicate():
                    self._replicate(order)
                case DeleteReplicas(blocks):
                    self._store.delete(blocks)
                case RecoverBlock():
                    self._recover(order)
                case SendReport():
                    self._send_report()
        except StoreError as error:
            log.warning("%s: %s", order, error)
        except Exception:
            log.exception("%s failed", order)
        finally:
            with self._guard:
                self._open -= 1

    def _replicate(self, order: Replicate) -> None:
        throttle = self._repairs
        if order.bytes_per_s:
            throttle = self._moves
            throttle.limit(order.bytes_per_s)
        for target in order.targets:
            try:
                transfer.copy(
                    self._store, order.block, target, self._streams, throttle=throttle.take
                )
                log.info("copied %s to %s", order.block, target)
            except StoreError as error:
                by_source = isinstance(error, _OWN_FAULTS)
                self._copy_failed(CopyFailure(order.block, target, str(error), by_source))

    def _recover(self, order: RecoverBlock) -> None:
        recovery = Recovery(self._store, order, own_id=self._own_id, dial=self._dial)
        new, nodes = recovery.run()
        self._commit_recovery(order.block, new, nodes)
