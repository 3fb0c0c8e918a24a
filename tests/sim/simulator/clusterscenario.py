"""One run of everything: block store and engine, jobs over the store, faults on all of it."""

from blockstore.errors import StoreError
from blockstore.namenode.core import NameNode
from mapred.errors import MapredError
from mapred.jobtracker.core import JobTracker
from simulator.administrator import Administrator
from simulator.datanode_host import DataNodeHost
from simulator.jobchecker import JobChecker
from simulator.jobtracker_host import JobTrackerHost
from simulator.jobusers import JobUser, rack_of
from simulator.namenode_host import NameNodeHost
from simulator.outlets import StoreOutlet
from simulator.plans import Plans
from simulator.storescenario import StoreScenario
from simulator.tasktracker_host import TaskTrackerHost
from simulator.world import World


class ClusterScenario(StoreScenario):
    """A store scenario with an engine on it."""

    refusals = (StoreError, MapredError)
    faults_s = 40.0
    peace_s = 240.0
    store_users = 1
    jobtracker_type = JobTrackerHost

    def __init__(
        self,
        world: World,
        *,
        make_core: type[NameNode] = NameNode,
        datanode_type: type[DataNodeHost] = DataNodeHost,
        namenode_type: type[NameNodeHost] = NameNodeHost,
        jobtracker_core: type[JobTracker] = JobTracker,
    ) -> None:
        super().__init__(
            world, make_core=make_core, datanode_type=datanode_type, namenode_type=namenode_type
        )
        rng = world.rng("engine")
        self.plans = Plans(world.rng("plans"))
        outlet = StoreOutlet(self.namenode, self.ledger)
        self.jobtracker = self.jobtracker_type(world, self.network, outlet, jobtracker_core)
        count = rng.choice([1, 2, 3, 3])
        # One slow machine: its tasks get second attempts elsewhere.
        slow = count > 1 and rng.random() < 0.3
        self.trackers = [
            TaskTrackerHost(
                world,
                self.network,
                f"tt-{n}",
                outlet,
                self.plans,
                near=self.datanodes[n % len(self.datanodes)].name,
                rack=rng.choice(["", rack_of(n % len(self.datanodes))]),
                slowness=10.0 if slow and n == 0 else 1.0,
            )
            for n in range(count)
        ]
        self.job_checker = JobChecker(world, self.jobtracker, self.trackers, outlet)
        hosts = [datanode.name for datanode in self.datanodes]
        names = [tracker.name for tracker in self.trackers]
        self.job_users = [
            JobUser(world, self.network, f"jobs-{n}", self.plans, self.job_checker, hosts, names)
            for n in range(2)
        ]
        self.administrator = Administrator(world, self.network, names)
        self.nemesis.engine = [self.jobtracker, *self.trackers]
        world.after_step.append(self.job_checker.check)

    def start(self) -> None:
        super().start()
        self.jobtracker.start()
        for host in (*self.trackers, *self.job_users, self.administrator):
            host.start()

    def begin_peace(self) -> None:
        super().begin_peace()
        for user in (*self.job_users, self.administrator):
            user.stopping = True

    def unwell(self) -> str:
        waiting = [user.name for user in self.job_users if user.busy]
        if waiting:
            core = self.jobtracker.core
            return f"{waiting} still wait for their jobs: {core and core.book.jobs}"
        core = self.jobtracker.core
        if core is None:
            return "the JobTracker isn't up"
        for tracker in self.trackers:
            if tracker.outputs or tracker.processes:
                return f"{tracker.name} keeps {list(tracker.outputs)}, {list(tracker.processes)}"
        return super().unwell()
