"""One run of the block store: a cluster of some shape, users, faults, and the peace after."""

from collections.abc import Sequence
from dataclasses import replace

from blockstore.errors import StoreError
from blockstore.namenode.core import NameNode
from simulator.datanode_host import DataNodeHost
from simulator.invariants import StoreChecker
from simulator.ledger import Ledger
from simulator.namenode_host import CONFIG, NameNodeHost
from simulator.nemesis import Nemesis
from simulator.scenario import Scenario
from simulator.workload import User
from simulator.world import Broken, World


class StoreScenario(Scenario):
    """NameNode, DataNodes, users."""

    refusals = (StoreError,)
    faults_s = 45.0
    # Within this time after the last fault everything must be well again: leases run out (15 s),
    # nodes come back, copies are made, recoveries are repeated.
    peace_s = 120.0
    store_users = 2
    datanode_counts: Sequence[int] = (3, 3, 4, 5)
    nemesis_type = Nemesis

    def __init__(
        self,
        world: World,
        *,
        make_core: type[NameNode] = NameNode,
        datanode_type: type[DataNodeHost] = DataNodeHost,
        namenode_type: type[NameNodeHost] = NameNodeHost,
    ) -> None:
        super().__init__(world)
        rng = world.rng("scenario")
        self.ledger = Ledger()
        config = replace(CONFIG, order_timeout_s=rng.choice([2.5, 8.0]))
        if world.seed % 5 < 2:
            # What was lost or removed goes slowly, between other things.
            config = replace(config, forget_slice=1 + world.seed // 5 % 3)
        self.namenode = namenode_type(world, self.network, config, make_core)
        count = rng.choice(self.datanode_counts)
        racks = rng.choice([1, 2])
        self.datanodes = [
            datanode_type(world, self.network, f"dn-{n}", f"/rack-{n % racks}")
            for n in range(count)
        ]
        self.checker = StoreChecker(world, self.namenode, self.datanodes, self.ledger)
        self.users: list[User] = []
        self.nemesis: Nemesis = self.nemesis_type(
            world, self.network, self.namenode, self.datanodes, self.users, self.ledger,
            self.checker,
        )  # fmt: skip
        least = 2 if self.nemesis.temper.rot else 1
        self.users += [
            User(world, self.network, f"user-{n}", rng.choice(self.datanodes).name, self.ledger,
                 self.checker, replication_min=least)
            for n in range(self.store_users)
        ]  # fmt: skip
        world.after_step.append(self.checker.check)

    def start(self) -> None:
        self.namenode.start()
        for user in self.users:
            user.start()

    def all_is_well(self) -> None:
        """Liveness in figures: nothing held or missing for ever, and how long the slowest took."""
        super().all_is_well()
        core = self.namenode.core
        assert core is not None
        figures = self.world.figures
        figures["well after the faults: no lease held, no block short of replicas"] += 1
        figures["blocks with all their replicas at the end"] += len(core.state.blocks)
        self.read_all()

    def begin_peace(self) -> None:
        super().begin_peace()
        for user in self.users:
            user.stopping = True
            if user.up:
                user.end_life()

    # --- the end

    def unwell(self) -> str:
        core = self.namenode.core
        if core is None:
            return "the NameNode isn't up"
        if core.safe_mode().reply.on:
            return f"safe mode: {core.safe_mode().reply}"
        if core.state.open_files:
            return f"open files: {core.state.open_files}"
        if core.is_forgetting:
            return "what was removed or lost is still being forgotten"
        return self._blocks_unwell(core)

    def _blocks_unwell(self, core: NameNode) -> str:
        nodes = {datanode.name: datanode for datanode in self.datanodes}
        known = {
            block.block.id: {node.node_id for node in block.nodes}
            for file in core.admin.fsck_page("/", now=self.world.now).reply.files
            for block in file.blocks
        }
        serving = self.serving(core)
        for stored in core.state.blocks.values():
            file = core.state.names.file(stored.inode_id)
            wanted = min(file.replication, len(serving))
            have = [
                name
                for name, datanode in nodes.items()
                if datanode.finalised().get(stored.id) == (stored.generation, stored.length)
            ]
            if len(serving.intersection(have)) != wanted or known[stored.id] != set(have):
                return (
                    f"{stored} of {file} is on {have}, the NameNode knows of "
                    f"{sorted(known[stored.id])}, wanted {wanted}"
                )
        for name, datanode in nodes.items():
            extra = set(datanode.finalised()) - set(core.state.blocks)
            if extra:
                return f"{name} keeps replicas of deleted blocks: {sorted(extra)}"
        return ""

    def serving(self, core: NameNode) -> set[str]:
        """The nodes whose replicas count."""
        return {datanode.name for datanode in self.datanodes}

    def read_all(self) -> None:
        """Every promised file is read, every other one is a beginning of what was written."""
        reader = self.users[0]
        reader.open_session()
        process = self.world.spawn(self._read_all(reader), reader.life)
        self.world.run(self.world.now + 120.0, stop=lambda: process.result.done)
        if not process.result.done:
            raise Broken("reading everything takes too long")
        process.result.result()

    async def _read_all(self, reader: User) -> None:
        for path, inode_id in list(self.ledger.paths.items()):
            if inode_id in self.ledger.promises:
                await reader.read_and_compare(path, inode_id, must=True)
            elif inode_id in self.ledger.written:
                await reader.read_unpromised(path, inode_id)
