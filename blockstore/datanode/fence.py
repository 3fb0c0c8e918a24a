"""Self-fencing: a DataNode that lost its NameNode stops saying yes to writers.

By then the NameNode counts the node as dead and has given its blocks to others. A byte
acknowledged now might be on the one replica that will be thrown away.
"""

from blockstore.errors import StaleEpochException
from blockstore.runtime.clock import Clock


class Fence:
    """Closed while the NameNode wasn't heard for too long."""

    def __init__(self, clock: Clock, close_after_s: float) -> None:
        self._clock = clock
        self._close_after_s = close_after_s
        self._heard_at = clock.monotonic()

    def heard(self) -> None:
        self._heard_at = self._clock.monotonic()

    def check(self) -> None:
        """Raises StaleEpochException while the fence is closed."""
        silence_s = self._clock.monotonic() - self._heard_at
        if silence_s > self._close_after_s:
            raise StaleEpochException(
                f"this DataNode has not reached its NameNode for {silence_s:.0f} s "
                "and takes no writes until it does"
            )
