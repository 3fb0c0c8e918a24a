"""Which trackers the tasks of a round may have a large state from, as the driver tells them."""

import random
from typing import Final

from mapred.engine import Engine
from mapred.iterative.broadcast import Sent
from mapred.iterative.gather import Peer

# They travel in the settings of each round, and each is asked by all: more trackers gather from
# these.
PEERS_MAX: Final = 32
# Unless a state was sent: those that came meanwhile have what the others have.
LOOK_AROUND_ROUNDS: Final = 50
_DEAD: Final = "dead"


class Peering:
    """One loop's."""

    def __init__(self, engine: Engine, lineage: str) -> None:
        self._engine = engine
        self._rng = random.Random(lineage)
        self._peers: tuple[Peer, ...] = ()
        self._known: set[str] = set()
        self._looked_at = 0

    def for_round(self, number: int, sent: Sent) -> tuple[Peer, ...]:
        """None for a state that isn't large, or when there is one tracker."""
        if not sent.is_cut:
            return ()
        overdue = not self._looked_at <= number < self._looked_at + LOOK_AROUND_ROUNDS
        if overdue or sent.uris - self._known:
            # A JobTracker that has begun anew doesn't know them yet.
            self._peers = self._live() or self._peers
            self._known, self._looked_at = sent.uris, number
        return self._peers

    def _live(self) -> tuple[Peer, ...]:
        infos = [one.info for one in self._engine.trackers() if one.state != _DEAD]
        live = [Peer(info.tracker_id, info.host, info.port) for info in infos if info.port]
        if len(live) < 2:
            return ()
        return tuple(self._rng.sample(live, min(len(live), PEERS_MAX)))
