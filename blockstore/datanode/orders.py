"""Performs the NameNode's orders, on few threads, while heartbeats go on.

Copies wait for each other, and never keep deletions and recoveries waiting. An order
that fails is logged and left: the NameNode sees that the cluster hasn't changed and
orders again.
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
from blockstore.errors import StoreError
from blockstore.model import (
    Block,
    DeleteReplicas,
    Node,
    Order,
    RecoverBlock,
    Replicate,
    SendReport,
)

log = logging.getLogger(__name__)

# Orders taken and not finished; more stay with the NameNode.
ORDERS_MAX: Final = 1_000
_QUICK_THREADS: Final = 4


class OrderDesk:
    """Takes orders, and does them."""

    def __init__(
        self,
        store: ReplicaStore,
        *,
        own_id: str,
        dial: Callable[[Node], grpc.Channel],
        copies_at_once: int,
        send_report: Callable[[], None],
        commit_recovery: Callable[[Block, Block | None, tuple[str, ...]], None],
    ) -> None:
        self._store = store
        self._own_id = own_id
        self._dial = dial
        self._send_report = send_report
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
                case Replicate(block, targets):
                    self._replicate(block, targets)
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

    def _replicate(self, block: Block, targets: tuple[Node, ...]) -> None:
        for target in targets:
            try:
                transfer.copy(self._store, block, target, self._dial(target))
                log.info("copied %s to %s", block, target)
            except StoreError as error:
                log.warning("%s could not be copied: %s", block, error)

    def _recover(self, order: RecoverBlock) -> None:
        recovery = Recovery(self._store, order, own_id=self._own_id, dial=self._dial)
        new, nodes = recovery.run()
        self._commit_recovery(order.block, new, nodes)
