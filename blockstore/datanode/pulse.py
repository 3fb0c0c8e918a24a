"""Says on every connection on which packets come, again and again, that this DataNode lives: while
its threads wait for a disk, too, and its sender must tell that from a machine that is gone.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from blockstore.byteframes import ALIVE_S
from blockstore.framesender import FrameSender


class Pulse:
    """Beats from `start` to `stop`. Thread-safe."""

    def __init__(self, interval_s: float = ALIVE_S) -> None:
        self._interval_s = interval_s
        self._stopped = threading.Event()
        self._guard = threading.Lock()
        self._senders: set[FrameSender] = set()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    @contextmanager
    def on(self, sender: FrameSender) -> Iterator[None]:
        with self._guard:
            self._senders.add(sender)
        try:
            yield
        finally:
            with self._guard:
                self._senders.discard(sender)

    def _beat(self) -> None:
        while not self._stopped.wait(self._interval_s):
            with self._guard:
                senders = list(self._senders)
            for sender in senders:
                sender.say_alive()
