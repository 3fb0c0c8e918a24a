"""What every run is: a beginning, a time of faults, and a peace in which all must become well."""

from simulator.network import Network
from simulator.rage import Rage
from simulator.world import Broken, World


class Scenario:
    """A cluster of some shape, its users, its faults."""

    # What travels to a caller instead of ending the run.
    refusals: tuple[type[Exception], ...] = ()
    # Until the first fault.
    settling_s = 3.0
    faults_s: float
    # Within this time after the last fault everything must be well again.
    peace_s: float
    nemesis: Rage

    def __init__(self, world: World) -> None:
        self.world = world
        self.network = Network(world, self.refusals)

    def run(self) -> None:
        """Raises whatever is wrong."""
        try:
            self._run()
        finally:
            self.world.close()

    def _run(self) -> None:
        self.start()
        self.world.run(self.settling_s)
        self.nemesis.start()
        self.world.run(self.settling_s + self.faults_s)
        self._peace_began = self._looked_at = self.world.now
        self.begin_peace()
        self.world.run(self.world.now + self.peace_s, stop=self._well)
        reason = self.unwell()
        if reason:
            raise Broken(f"{self.peace_s:g} s after the last fault: {reason}")
        self.all_is_well()

    def start(self) -> None:
        raise NotImplementedError

    def begin_peace(self) -> None:
        self.nemesis.stop()

    def _well(self) -> bool:
        if self.world.now < self._looked_at + 1.0:
            return False
        self._looked_at = self.world.now
        return not self.unwell()

    def unwell(self) -> str:
        """What isn't as it should be; empty when all is."""
        raise NotImplementedError

    def all_is_well(self) -> None:
        """The last look."""
        took_s = round(self.world.now - self._peace_began)
        self.world.figures["seconds of peace until all was well"] += took_s
