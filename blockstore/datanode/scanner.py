"""Reads every replica once in a while, slowly, so that rot is found before its last reader is.

A pass goes over all finalised replicas and then waits for the period's end. What doesn't
match its checksums is reported; the NameNode has it replaced from another node.
"""

import logging
import threading

from blockstore import checksum
from blockstore.datanode import transfer
from blockstore.datanode.store import ReplicaStore
from blockstore.errors import ChecksumException, StoreError
from blockstore.model import Block, ReplicaState
from blockstore.runtime.clock import Clock

log = logging.getLogger(__name__)


class Scanner:
    """Runs on its own thread until `stop`; a period of 0 switches it off."""

    def __init__(
        self, store: ReplicaStore, period_s: float, bytes_per_s: int, clock: Clock
    ) -> None:
        self._store = store
        self._period_s = period_s
        self._bytes_per_s = bytes_per_s
        self._clock = clock
        self._stop = threading.Event()

    def start(self) -> None:
        if self._period_s > 0:
            threading.Thread(target=self._run, name="scanner", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def scan(self, block: Block) -> None:
        """Verifies one replica, at the scanner's pace; reports it when it is damaged."""
        try:
            files = self._store.read(block)
            try:
                for packet in transfer.packets(files, 0, files.block.length):
                    checksum.verify(
                        packet.data,
                        packet.crcs,
                        files.chunk_bytes,
                        what=str(block),
                        offset=packet.offset,
                    )
                    if self._stop.wait(len(packet.data) / self._bytes_per_s):
                        return
            finally:
                files.close()
        except ChecksumException as error:
            self._store.rotten(block, f"found by the scanner: {error}")
        except StoreError as error:
            log.info("%s was not scanned: %s", block, error)

    def _run(self) -> None:
        while not self._stop.is_set():
            until = self._clock.monotonic() + self._period_s
            for replica in self._store.report():
                if self._stop.is_set():
                    return
                if replica.state is ReplicaState.FINALIZED:
                    self.scan(replica.block)
            self._stop.wait(max(0.0, until - self._clock.monotonic()))
