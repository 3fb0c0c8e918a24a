"""What operators do, beside all other faults: nodes are taken out of service and back, the balancer
runs, and processes are stopped for a while and go on as if no time had passed (SIGSTOP).
"""

from dataclasses import replace
from typing import Any

from blockstore.errors import StoreError
from blockstore.namenode.core import NameNode
from blockstore.namenode.namespace import File
from blockstore.namenode.roster import Duty
from simulator.namenode_host import NameNodeHost
from simulator.nemesis import Nemesis
from simulator.rage import Fault
from simulator.storescenario import StoreScenario
from simulator.world import World

# Seconds, evenly on a scale of powers.
PAUSE_S = (1.0, 60.0)
REST_S = (3.0, 40.0)


class OperatorNemesis(Nemesis):
    """Assigns duties, balances, pauses."""

    def faults(self) -> list[tuple[int, Fault]]:
        return [*super().faults(), (6, self._assign), (3, self._balance), (5, self._pause)]

    def stop(self) -> None:
        super().stop()
        for host in (self._namenode, *self._datanodes, *self._users):
            host.life.paused_until = 0.0

    def _ask(self, method: str, *arguments: Any, **named: Any) -> None:
        async def ask() -> None:
            try:
                await self._namenode.serve(method, *arguments, **named, now=self._world.now)
            except StoreError as error:
                self._world.count(f"operator refused: {method}", error)

        if self._namenode.core is not None:
            self._world.spawn(ask(), self._life)

    def _assign(self) -> None:
        rng = self._rng
        nodes = [node.name for node in rng.sample(self._datanodes, rng.choice([1, 1, 1, 2]))]
        duty = rng.choice([Duty.LEAVE, Duty.REST, Duty.REST, Duty.SERVE])
        self._world.count(f"duty: {duty.value}", *nodes)
        self._ask(
            "assign", nodes, duty, for_s=rng.uniform(*REST_S), force=rng.random() < 0.3,
            wall=self._world.wall_s,
        )  # fmt: skip

    def _balance(self) -> None:
        if self._rng.random() < 0.3:
            self._ask("stop_balancer")
            return
        self._world.count("balancer started")
        self._ask("start_balancer", threshold=self._rng.choice([0.02, 0.2]), bytes_per_s=100_000)

    def _pause(self) -> None:
        least, most = PAUSE_S
        host = self._rng.choice([self._namenode, *self._datanodes, *self._users])
        if host.up:
            self._world.count(f"paused: {host.name.partition('-')[0]}", host.name)
            length_s = least * (most / least) ** self._rng.random()
            host.life.paused_until = self._world.now + length_s


class OperationsScenario(StoreScenario):
    """Ends with some nodes still out of service: they must have nothing that isn't elsewhere."""

    nemesis_type = OperatorNemesis
    # Nodes leave for good, rests last, and pauses cost time.
    faults_s = 90.0
    datanode_counts = (4, 5, 6)
    peace_s = 180.0

    def __init__(self, world: World, **types: Any) -> None:
        super().__init__(world, **types)
        if world.seed % 2:
            # What is removed is forgotten as slowly as can be.
            self.namenode.config = replace(self.namenode.config, forget_slice=1)

    def begin_peace(self) -> None:
        super().begin_peace()
        self._brings_back = self.world.rng("operations").random() < 0.5

    def unwell(self) -> str:
        core = self.namenode.core
        if core is None or core.safe_mode().reply.on:
            return super().unwell()
        away = core.state.roster.on_duty(Duty.LEAVE)
        if away and self._brings_back:
            self._bring_back(self.namenode, [member.node.node_id for member in away])
            return "nodes are on their way back"
        if core.state.roster.on_duty(Duty.REST):
            return "a rest isn't over"
        return super().unwell() or self._not_gone(core)

    def _not_gone(self, core: NameNode) -> str:
        """Who leaves has nothing any more that others need, and is told so."""
        most = max((file.replication for file in _files(core)), default=1)
        if most > len(self.serving(core)):
            # Some blocks can't have as many replicas as they want.
            return ""
        for node in core.report(now=self.world.now).reply.nodes:
            if node.duty not in ("in service", "decommissioned"):
                return str(node)
            self.world.figures["decommissioned to the end"] += node.duty == "decommissioned"
        return ""

    def _bring_back(self, namenode: NameNodeHost, nodes: list[str]) -> None:
        self._brings_back = False
        call = namenode.serve(
            "assign", nodes, Duty.SERVE, now=self.world.now, wall=self.world.wall_s
        )
        self.world.spawn(call, namenode.life)

    def serving(self, core: NameNode) -> set[str]:
        leaving = {member.node.node_id for member in core.state.roster.on_duty(Duty.LEAVE)}
        return super().serving(core) - leaving


def _files(core: NameNode) -> list[File]:
    return [inode for inode in core.state.names.inodes.values() if isinstance(inode, File)]
