"""Keeps this client's lease alive while it has files open for writing."""

import logging
import threading
from typing import Final

from blockstore.client.namenode import NameNodeClient
from blockstore.errors import StoreError

log = logging.getLogger(__name__)

# A sixth of the time after which somebody else may take the lease.
RENEW_S: Final = 10.0


class LeaseKeeper:
    """One background thread, alive while files are open and a little longer. Thread-safe.

    Opening and closing only count: who writes many small files neither starts nor wakes
    a thread for each.
    """

    def __init__(self, namenode: NameNodeClient) -> None:
        self._namenode = namenode
        self._changed = threading.Condition()
        # Guarded by `_changed`.
        self._open_files = 0
        self._thread: threading.Thread | None = None
        self._ended = False

    def opened(self) -> None:
        with self._changed:
            self._open_files += 1
            if self._thread is None and not self._ended:
                self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
                self._thread.start()

    def closed(self) -> None:
        with self._changed:
            self._open_files -= 1

    def end(self) -> None:
        """No lease is renewed any more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended, RENEW_S)
                if self._ended or not self._open_files:
                    self._thread = None
                    return
            try:
                self._namenode.renew_lease()
            except StoreError as error:
                # The next try is soon; if the lease is lost for good, the writer hears it.
                log.info("the lease could not be renewed: %s", error)
