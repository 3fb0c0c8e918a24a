"""On which rack each host stands: what jobs' inputs say, since the block store says it of each
replica. A tracker that says itself where it stands is believed first.

Not journaled as such: the jobs are.
"""

from collections.abc import Iterable
from typing import Final

from mapred.model import Split, TrackerInfo

# Names come from clients. A large cluster has some thousand hosts.
HOSTS_MAX: Final = 100_000


class Racks:
    """By host; the latest word counts."""

    def __init__(self) -> None:
        # Rises with every change.
        self.version = 0
        self._of: dict[str, str] = {}

    def learn(self, splits: Iterable[Split]) -> None:
        for split in splits:
            # Without a look at each name where nobody knows.
            for host, rack in zip(split.hosts, split.racks, strict=False):
                if self._of.get(host) != rack and (host in self._of or len(self._of) < HOSTS_MAX):
                    self._of[host] = rack
                    self.version += 1

    def of(self, info: TrackerInfo) -> str:
        """Empty: nobody knows."""
        if info.rack:
            return info.rack
        names = (info.host, *info.host_aliases)
        return next((self._of[name] for name in names if name in self._of), "")
