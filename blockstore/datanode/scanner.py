"""Reads every replica once in a while, slowly, so that rot is found before its last reader is.

    DIR/scan    {"cursor": 7, "began_at_s": …, "scanned_bytes": …, "last_pass_at_s": …, "errors": 0}

- Every volume has its own pass, in order of block ids; then the period's end is waited for. A
  restart goes on where it was.
- What could not be read lately comes first.
- What doesn't match its checksums is reported; the NameNode has it replaced from another node.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from blockstore import checksum
from blockstore.datanode import layout, transfer
from blockstore.datanode.identity import write_small
from blockstore.datanode.store import ReplicaStore
from blockstore.datanode.volume import Volume
from blockstore.errors import ChecksumException, StoreError
from blockstore.model import Block, ReplicaState
from blockstore.runtime.clock import Clock

log = logging.getLogger(__name__)

# How much of a pass a kill may have done again.
_KEEP_EVERY_S: Final = 60.0
# How soon a waiting scanner looks at what could not be read.
_LOOK_S: Final = 1.0


class Pass(msgspec.Struct):
    """Where the scanner is on a volume; times in seconds since the epoch."""

    # The last block that was scanned.
    cursor: int = 0
    began_at_s: float = 0.0
    scanned_bytes: int = 0
    last_pass_at_s: float = 0.0
    errors: int = 0


class Scanner:
    """A thread for every volume, until `stop`; a period of 0 switches it off."""

    def __init__(
        self,
        store: ReplicaStore,
        volumes: Iterable[Volume],
        blocks_on: Callable[[Volume], list[int]],
        period_s: float,
        bytes_per_s: int,
        clock: Clock,
    ) -> None:
        """`bytes_per_s` is for every volume."""
        self._stop = threading.Event()
        self.scans = [
            VolumeScan(store, volume, blocks_on, period_s, bytes_per_s, clock, self._stop)
            for volume in volumes
            if period_s > 0
        ]

    def start(self) -> None:
        for scan in self.scans:
            threading.Thread(target=scan.run, name=f"scanner {scan}", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()


class VolumeScan:
    """One volume's passes."""

    def __init__(
        self,
        store: ReplicaStore,
        volume: Volume,
        blocks_on: Callable[[Volume], list[int]],
        period_s: float,
        bytes_per_s: int,
        clock: Clock,
        stop: threading.Event,
    ) -> None:
        self._store = store
        self._volume = volume
        self._blocks_on = blocks_on
        self._period_s = period_s
        self._bytes_per_s = bytes_per_s
        self._clock = clock
        self._stop = stop
        self._pass = _read(volume)
        self._kept_at = clock.monotonic()
        self._show()

    def __str__(self) -> str:
        return self._volume.path

    def run(self) -> None:
        while not self._ended():
            self.go_on()
            self._rest()

    def go_on(self) -> None:
        """The pass, to its end."""
        if not self._pass.cursor:
            self._pass.began_at_s = self._clock.wall()
            if self._volume.used_bytes > self._bytes_per_s * self._period_s:
                log.warning("%s has more than a pass can read: raise scan_bytes_per_s", self)
        for block_id in sorted(self._blocks_on(self._volume)):
            if block_id <= self._pass.cursor:
                continue
            self._suspects()
            self._scan(block_id)
            if self._ended():
                break
            self._pass.cursor = block_id
            if self._clock.monotonic() - self._kept_at > _KEEP_EVERY_S:
                self._keep()
        else:
            self._pass.last_pass_at_s = self._clock.wall()
            self._pass.cursor = self._pass.scanned_bytes = 0
        self._keep()

    def _rest(self) -> None:
        until = self._clock.monotonic() + self._period_s
        began = self._clock.wall() - self._pass.began_at_s
        # A wall clock that jumped makes it a period at most.
        until -= min(max(began, 0.0), self._period_s)
        while not self._ended() and (left := until - self._clock.monotonic()) > 0:
            self._stop.wait(min(left, _LOOK_S))
            self._suspects()

    def _ended(self) -> bool:
        return self._stop.is_set() or self._volume.failure is not None

    def _suspects(self) -> None:
        while self._volume.suspects and not self._ended():
            self._scan(self._volume.suspects.popleft())

    def _scan(self, block_id: int) -> None:
        """Verifies one replica, at the scanner's pace; reports it when it is damaged."""
        held = self._store.info(block_id)
        if held.state is not ReplicaState.FINALIZED:
            return
        try:
            self._verify(held.block)
        except ChecksumException as error:
            self._pass.errors += 1
            self._store.rotten(held.block, f"found by the scanner: {error}")
        except StoreError as error:
            log.info("%s was not scanned: %s", held.block, error)
        self._show()

    def _verify(self, block: Block) -> None:
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
                self._pass.scanned_bytes += len(packet.data)
                if self._stop.wait(len(packet.data) / self._bytes_per_s):
                    return
        finally:
            files.close()

    def _keep(self) -> None:
        self._kept_at = self._clock.monotonic()
        self._show()
        try:
            write_small(self._volume, layout.SCAN_FILE, msgspec.json.encode(self._pass))
        except StoreError as error:
            log.info("where the scanner is on %s could not be kept: %s", self, error)

    def _show(self) -> None:
        progress = self._volume.scan
        progress.scanned_bytes = self._pass.scanned_bytes
        progress.last_pass_at_s = self._pass.last_pass_at_s
        progress.errors = self._pass.errors


def _read(volume: Volume) -> Pass:
    """A damaged or missing file costs no more than a pass from the beginning."""
    try:
        with volume.guard("reading where the scanner was"):
            file = volume.disk.open(f"{volume.path}/{layout.SCAN_FILE}")
            try:
                return msgspec.json.decode(file.pread(4096, 0), type=Pass)
            finally:
                file.close()
    except (StoreError, msgspec.MsgspecError):
        return Pass()
