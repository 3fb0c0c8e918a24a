"""One run of the engine alone: the real JobTracker and TaskTracker cores, the JobTracker's real
history and committer, over storage in memory. A tenth of what a run of the whole cluster costs,
so that there can be ten times as many.
"""

from blockstore.errors import StoreError
from mapred.errors import MapredError
from mapred.jobtracker.core import JobTracker
from mapred.jobtracker.pools import FIFO, Pool, Pools
from mapred.model import JobState
from simulator.administrator import Administrator
from simulator.enginenemesis import EngineNemesis
from simulator.jobchecker import JobChecker, parts_of
from simulator.jobtracker_host import JobTrackerHost
from simulator.jobusers import JobUser, rack_of
from simulator.memorystore import MemoryOutlet, MemoryStore
from simulator.plans import Plans
from simulator.scenario import Scenario
from simulator.tasktracker_host import TaskTrackerHost
from simulator.world import Broken, World

POOLS = Pools({"night": Pool(weight=0.5, order=FIFO), "default": Pool(min_maps=1)}, listed=True)
HOSTS = 3


class JobsScenario(Scenario):
    """JobTracker, TaskTrackers, users."""

    refusals = (StoreError, MapredError)
    settling_s = 1.0
    faults_s = 40.0
    peace_s = 240.0
    jobtracker_type = JobTrackerHost
    tasktracker_type = TaskTrackerHost
    outlet_type = MemoryOutlet

    def __init__(self, world: World, *, jobtracker_core: type[JobTracker] = JobTracker) -> None:
        super().__init__(world)
        rng = world.rng("engine")
        self.plans = Plans(world.rng("plans"))
        self.store = MemoryStore()
        self.outlet = self.outlet_type(world, self.store)
        self.jobtracker = self.jobtracker_type(
            world, self.network, self.outlet, jobtracker_core, POOLS
        )
        count = rng.choice([1, 2, 3, 4])
        self.trackers = [self._tracker(n, rng.choice(["", rack_of(n)])) for n in range(count)]
        self.checker = JobChecker(world, self.jobtracker, self.trackers, self.outlet)
        names = [tracker.name for tracker in self.trackers]
        self.users = [
            JobUser(
                world, self.network, f"jobs-{n}", self.plans, self.checker,
                [f"host-{host}" for host in range(HOSTS)], names,
            )
            for n in range(2)
        ]  # fmt: skip
        self.administrator = Administrator(world, self.network, names)
        self.nemesis = EngineNemesis(
            world, self.network, self.jobtracker, self.trackers, self.users, self.outlet
        )
        world.after_step.append(self.checker.check)

    def _tracker(self, number: int, rack: str) -> TaskTrackerHost:
        return self.tasktracker_type(
            self.world,
            self.network,
            f"tt-{number}",
            self.outlet,
            self.plans,
            near=f"host-{number % HOSTS}",
            rack=rack,
            slowness=1.0,
        )

    def start(self) -> None:
        for host in (self.jobtracker, *self.trackers, *self.users, self.administrator):
            host.start()

    def begin_peace(self) -> None:
        super().begin_peace()
        for user in (*self.users, self.administrator):
            user.stopping = True
        for host in self.users:
            if not host.up:
                host.start()

    def unwell(self) -> str:
        core = self.jobtracker.core
        if core is None:
            return "the JobTracker isn't up"
        if core.book.jobs:
            return f"jobs go on for ever: {list(core.book.jobs.values())}"
        if self.jobtracker.durable < len(self.jobtracker.written):
            return "not all of the history is durable"
        waiting = [user.name for user in self.users if user.busy]
        if waiting:
            return f"{waiting} still wait for their jobs"
        for tracker in self.trackers:
            if tracker.outputs or tracker.processes:
                return f"{tracker.name} keeps {list(tracker.outputs)}, {list(tracker.processes)}"
        return ""

    def all_is_well(self) -> None:
        super().all_is_well()
        core = self.jobtracker.core
        assert core is not None
        for job_id, ended in core.book.ended.items():
            # Also of those whose users are gone.
            plan = self.plans.by_name[ended.status.name]
            self.checker.ended(job_id, ended.status, plan)
            self._only_output_stands(job_id, ended.status.state)

    def _only_output_stands(self, job_id: str, state: JobState) -> None:
        core = self.jobtracker.core
        assert core is not None
        status = core.book.ended[job_id].status
        root = f"/out/{status.name}"
        wanted = set()
        if state is JobState.SUCCEEDED:
            parts = parts_of(self.plans.by_name[status.name].spec)
            wanted = {root, f"{root}/_SUCCESS", *(f"{root}/{name}" for name in parts)}
        found = set(self.store.below(root))
        if found != wanted:
            raise Broken(f"{job_id} {state.value}, and {sorted(found ^ wanted)} differ")
