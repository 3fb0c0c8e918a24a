"""Drains a tracker at times, and lets it work again: never the last one that works."""

from blockstore.errors import UnreachableException
from mapred.errors import MapredError
from simulator.network import Host, Network
from simulator.world import World


class Administrator(Host):
    """One for all trackers."""

    def __init__(self, world: World, network: Network, trackers: list[str]) -> None:
        super().__init__(world, network, "administrator")
        self._trackers = trackers
        self._rng = world.rng("administrator")
        self.stopping = False

    def start(self) -> None:
        self.begin_life()
        if len(self._trackers) > 1:
            self.world.spawn(self._live(), self.life)

    async def _live(self) -> None:
        while not self.stopping:
            await self.world.sleep(self._rng.uniform(3.0, 25.0))
            tracker = self._rng.choice(self._trackers)
            await self._drain(tracker, True)
            await self.world.sleep(self._rng.uniform(1.0, 15.0))
            while not await self._drain(tracker, False):
                await self.world.sleep(1.0)

    async def _drain(self, tracker: str, drained: bool) -> bool:
        try:
            changed = await self.network.call(
                self, "jobtracker", "drain", tracker, drained, within_s=10.0
            )
        except (UnreachableException, MapredError) as error:
            self.world.note("not drained", tracker, error)
            return False
        if changed and drained:
            self.world.count("tracker drained", tracker)
        return True
