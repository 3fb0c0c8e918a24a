"""Looks after disks that nobody uses just now: dead ones are found before their readers are.

Every volume gets a small file written, synced and read back once in a while, and soon after
something strange has happened on it. A check that doesn't end is an answer too, and so is a
directory without this node's identity: its disk isn't mounted any more.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Iterable
from typing import Final

from blockstore.datanode import layout
from blockstore.datanode.volume import Volume
from blockstore.errors import StoreError
from blockstore.runtime.clock import Clock

log = logging.getLogger(__name__)

CHECK_BYTES: Final = 4096
# How soon a suspicion is looked into.
_LOOK_S: Final = 1.0


def check(volume: Volume) -> None:
    """Writes, syncs and reads back a file; the volume fails when its disk does.

    A full disk is no dead one.
    """
    path, content = f"{volume.path}/{layout.CHECK_FILE}", os.urandom(CHECK_BYTES)
    try:
        with volume.guard("checking the disk", syncing=True):
            if volume.marked and _is_bare(volume):
                volume.fail("its VERSION file is gone: is its disk still mounted?")
                return
            file = volume.disk.open(path, create=True)
            try:
                file.pwrite(content, 0)
                file.sync()
                found = file.pread(CHECK_BYTES, 0)
            finally:
                file.close()
            with contextlib.suppress(FileNotFoundError):
                volume.disk.unlink(path)
        if found != content:
            volume.fail("the disk check read other bytes than it had written")
    except StoreError as error:
        log.info("%s", error)


def _is_bare(volume: Volume) -> bool:
    try:
        volume.disk.open(f"{volume.path}/{layout.VERSION_FILE}").close()
    except FileNotFoundError:
        return True
    return False


class DiskCheck:
    """Runs on its own thread until `stop`; an interval of 0 switches it off."""

    def __init__(
        self, volumes: Iterable[Volume], interval_s: float, timeout_s: float, clock: Clock
    ) -> None:
        self._volumes = tuple(volumes)
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._clock = clock
        self._stop = threading.Event()

    def start(self) -> None:
        if self._interval_s > 0:
            threading.Thread(target=self._run, name="disk check", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        due_at = self._clock.monotonic() + self._interval_s
        while not self._stop.wait(min(_LOOK_S, self._interval_s)):
            everything = self._clock.monotonic() >= due_at
            for volume in self._volumes:
                if volume.failure is None and (everything or volume.suspected):
                    self._check(volume)
            if everything:
                due_at = self._clock.monotonic() + self._interval_s

    def _check(self, volume: Volume) -> None:
        volume.suspected = False
        # A thread of its own: it may hang for ever, and the other volumes have their turn.
        thread = threading.Thread(target=check, args=(volume,), name="disk check", daemon=True)
        thread.start()
        thread.join(self._timeout_s)
        if thread.is_alive():
            volume.fail(f"the disk has not answered for {self._timeout_s:.0f} s")
