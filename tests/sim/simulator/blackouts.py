"""Power goes for all machines at once, in the middle of one disk operation, again and again.

Each crash point is one operation of one machine's disk: a write, a sync, a rename, a
directory's sync, of a DataNode or of the NameNode. In the moment in which it would happen every
machine stops, every disk forgets what wasn't synced, and all start again.
"""

from simulator.datanode_host import DataNodeHost
from simulator.namenode_host import NameNodeHost
from simulator.nemesis import Nemesis
from simulator.network import Weather
from simulator.storescenario import StoreScenario
from simulator.world import Future

# Which operation after the moment of choice it is: a journal's are few, a block's are many.
_NAMENODE_OPERATIONS_MAX = 6
_DATANODE_OPERATIONS_MAX = 40
# A disk that has nothing to do is not waited for: then the power goes without it.
_PATIENCE_S = 6.0


class BlackoutNemesis(Nemesis):
    """No other fault than this one, so that all time goes into it."""

    def start(self) -> None:
        self._victim: NameNodeHost | DataNodeHost | None = None
        self._gone: Future[bool] = Future()
        # In the same step, so that nobody does anything after the victim's power has gone.
        self._world.after_step.append(self._strike_with_the_victim)
        super().start()
        self._network.weather = Weather()

    async def _rage(self) -> None:
        while True:
            await self._world.sleep(self._rng.uniform(0.5, 4.0))
            self._gone = Future()
            self._victim = self._arm_one()
            await self._waited_for(self._gone)
            await self._world.sleep(self._rng.uniform(0.1, 1.0))
            for machine in (self._namenode, *self._datanodes):
                machine.start()

    async def _waited_for(self, gone: Future[bool]) -> None:
        try:
            await self._world.within(gone, _PATIENCE_S, TimeoutError())
        except TimeoutError:
            self._world.count("blackout between disk operations")
            self._strike()

    def _arm_one(self) -> NameNodeHost | DataNodeHost:
        if self._rng.random() < 0.5:
            self._namenode.arm(self._rng.randint(0, _NAMENODE_OPERATIONS_MAX))
            return self._namenode
        datanode = self._rng.choice(self._datanodes)
        datanode.arm(self._rng.randint(0, _DATANODE_OPERATIONS_MAX))
        return datanode

    def _strike_with_the_victim(self) -> None:
        if self._victim is not None and not self._victim.up:
            self._world.count("blackout in a disk operation")
            self._strike()

    def _strike(self) -> None:
        self._victim = None
        for machine in (self._namenode, *self._datanodes):
            machine.disarm()
            if machine.up:
                machine.crash(power_loss=True, rng=self._rng)
        for datanode in self._datanodes:
            self._lost_power(datanode)
        self._gone.set(True)


class BlackoutScenario(StoreScenario):
    """The block store, its users, and one blackout after the other."""

    nemesis_type = BlackoutNemesis
    faults_s = 120.0
