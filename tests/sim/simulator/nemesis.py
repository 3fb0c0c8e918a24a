"""Breaks things, at random, and mends them again: the faults of a run."""

from collections.abc import Sequence

from simulator.datanode_host import DIRECTORY, DataNodeHost
from simulator.invariants import StoreChecker
from simulator.jobtracker_host import JobTrackerHost
from simulator.ledger import Ledger
from simulator.namenode_host import NameNodeHost
from simulator.network import Host, Network
from simulator.rage import Fault, Rage, Server, temper_of
from simulator.tasktracker_host import TaskTrackerHost
from simulator.workload import User
from simulator.world import World


class Nemesis(Rage):
    """Of the block store, and of the engine on it if there is one."""

    def __init__(
        self,
        world: World,
        network: Network,
        namenode: NameNodeHost,
        datanodes: list[DataNodeHost],
        users: list[User],
        ledger: Ledger,
        checker: StoreChecker,
    ) -> None:
        super().__init__(world, network)
        self._namenode = namenode
        self._datanodes = datanodes
        self._users = users
        self._ledger = ledger
        self._checker = checker
        self._rotten: set[int] = set()
        # JobTracker and TaskTrackers, if there are any.
        self.engine: list[JobTrackerHost | TaskTrackerHost] = []
        self.temper = temper_of(self._rng, rot=self._rng.random() < 0.5)

    def servers(self) -> Sequence[Server]:
        return [self._namenode, *self._datanodes, *self.engine]

    def faults(self) -> list[tuple[int, Fault]]:
        return [
            (6, self._crash_datanode),
            (3, self._power_cut_soon),
            (3, self._crash_namenode),
            (2, self._namenode_power_cut_soon),
            (5, self._partition),
            (2, self._kill_user),
            (1, self._black_out),
            (3 if self.temper.rot else 0, self._flip_a_bit),
            (8 if self.engine else 0, self._crash_engine),
        ]

    def _some(self, hosts: "list[DataNodeHost]") -> "DataNodeHost | None":
        up = [host for host in hosts if host.up]
        return self._rng.choice(up) if up else None

    # --- deaths

    def _crash_datanode(self) -> None:
        victim = self._some(self._datanodes)
        if victim is not None:
            self._kill_datanode(victim, power_loss=self._rng.random() < 0.5)

    def _kill_datanode(self, victim: DataNodeHost, *, power_loss: bool) -> None:
        if power_loss:
            self._lost_power(victim)
        self._world.count(f"datanode {'lost power' if power_loss else 'killed'}", victim.name)
        victim.crash(power_loss=power_loss, rng=self._rng)
        self._start_later(victim)

    def _lost_power(self, victim: DataNodeHost) -> None:
        losses = self._ledger.power_losses
        losses[victim.name] = losses.get(victim.name, 0) + 1

    def _power_cut_soon(self) -> None:
        """In the middle of some disk operation; which one, luck decides."""
        victim = self._some(self._datanodes)
        if victim is None:
            return
        self._lost_power(victim)
        victim.arm(self._rng.randint(0, 40))
        self._start_when_dead(victim)

    def _crash_namenode(self) -> None:
        namenode = self._namenode
        if namenode.up:
            power_loss = self._rng.random() < 0.5
            self._world.count(f"namenode {'lost power' if power_loss else 'killed'}")
            namenode.crash(power_loss=power_loss, rng=self._rng)
            self._start_later(namenode)

    def _namenode_power_cut_soon(self) -> None:
        if self._namenode.up:
            self._namenode.arm(self._rng.randint(0, 12))
            self._start_when_dead(self._namenode)

    def _crash_engine(self) -> None:
        victim = self._rng.choice(self.engine)
        if victim.up and isinstance(victim, JobTrackerHost) and self._rng.random() < 0.4:
            victim.arm()
            self._start_when_dead(victim)
        elif victim.up:
            power_loss = self._rng.random() < 0.5
            self._world.count(f"{victim.name.partition('-')[0]} killed")
            victim.crash(power_loss=power_loss, rng=self._rng)
            self._start_later(victim)

    def _black_out(self) -> None:
        """The whole room loses power at once."""
        self._world.count("blackout")
        for datanode in self._datanodes:
            if datanode.up:
                self._kill_datanode(datanode, power_loss=True)
        if self._namenode.up and self._rng.random() < 0.7:
            self._namenode.crash(power_loss=True, rng=self._rng)
            self._start_later(self._namenode)

    def _kill_user(self) -> None:
        user = self._rng.choice(self._users)
        if not user.up:
            return
        self._world.count("user killed", user.name)
        user.end_life()

        def start() -> None:
            if not user.up and not user.stopping:
                user.start()

        self._world.later(self._outage_s(), start, self._life)

    # --- partitions

    def _partition(self) -> None:
        rng = self._rng
        everybody = [*self._datanodes, *self._users, *self.engine]
        victim: Host = rng.choice(everybody)
        others: list[Host] = [self._namenode, *everybody]
        style = rng.random()
        if style < 0.4:
            masters: list[Host] = [self._namenode, *self.engine[:1]]
            others = masters if style < 0.2 else [rng.choice(masters)]
        elif style < 0.7:
            others = rng.sample(others, 2)
        self._cut_off(victim, others)

    # --- rot

    def _flip_a_bit(self) -> None:
        """In a replica of a promised block that has others: at most one of each block is bad,
        and the NameNode is left enough of them."""
        candidates = [b for b in self._ledger.blocks if b not in self._rotten]
        if not candidates:
            return
        block_id = self._rng.choice(candidates)
        good = self._checker.intact_on(block_id)
        if len(good) < 2:
            return
        victim = self._rng.choice(good)
        path = f"{DIRECTORY}/current/blk_{block_id}"
        if self._rng.random() < 0.3:
            path += ".crc"
        if victim.disk.flip_bit(path, self._rng):
            self._rotten.add(block_id)
            self._world.count("bit flipped", victim.name, block_id)
