"""Simulated users of the engine: they submit jobs, wait, kill at times, and look at the outcome."""

from typing import Any

from blockstore.errors import UnreachableException
from mapred.errors import MapredError, NoSuchJobError, RefusedError
from mapred.levels import LEVELS, fetching_split
from mapred.model import JobSpec, JobStatus, Priority, Split
from simulator.jobchecker import JobChecker
from simulator.network import Host, Network
from simulator.plans import LEAVES_OUT, Plan, Plans
from simulator.world import Broken, World

NAMENODE_URI = "bs://namenode"


def rack_of(number: int) -> str:
    """Of the DataNode of this number."""
    return f"/rack-{number % 2}"


class JobUser(Host):
    """One job after another."""

    def __init__(
        self,
        world: World,
        network: Network,
        name: str,
        plans: Plans,
        checker: JobChecker,
        hosts: list[str],
        trackers: list[str],
    ) -> None:
        super().__init__(world, network, name)
        self._plans = plans
        self._checker = checker
        self._hosts = hosts
        self._trackers = trackers
        self._rng = world.rng(name)
        self._made = 0
        # What it waits for, also over its own death.
        self._open: Plan | None = None
        self.stopping = False

    @property
    def busy(self) -> bool:
        return self._open is not None

    def start(self) -> None:
        self.begin_life()
        self.world.spawn(self._live(), self.life)

    def die(self, *, comes_back: bool) -> None:
        """Its jobs stay; if it comes back it asks for the one that it waited for."""
        self.end_life()
        if not comes_back:
            self._open = None

    async def _live(self) -> None:
        while self._open is not None or not self.stopping:
            await self.world.sleep(self._rng.expovariate(0.5))
            if self._open is None:
                spec = self._spec()
                self._open = self._plans.make(spec, self._trackers)
            await self._run(self._open)
            self._open = None

    async def _run(self, plan: Plan) -> None:
        spec = plan.spec
        job_id = await self._submit(spec)
        if job_id is None:
            return
        self.world.count("job submitted", job_id)
        self._checker.accepted(job_id, plan)
        status = await self._wait(job_id, plan)
        self.world.count(f"job {status.state.value}", job_id)
        self._checker.ended(job_id, status, plan)

    def _spec(self) -> JobSpec:
        rng = self._rng
        self._made += 1
        name = f"{self.name}-job-{self._made}"
        splits = tuple(
            self._split(n, rng.randrange(len(self._hosts))) for n in range(rng.choice([0, 1, 3, 5]))
        )
        reducers, memory = rng.choice([0, 1, 2, 2]), rng.choice([0, 0, 30, 90])
        # A large one would keep a machine from the maps of its own job, and trackers here have one
        # slot for each, and one for reduces.
        services = 1 if splits and memory < 90 and rng.random() < 0.2 else 0
        settings = dict(LEAVES_OUT) if rng.random() < 0.15 else {}
        if splits and reducers and rng.random() < 0.2:
            # A chain of stages: further maps begin with what those before them have left.
            later = rng.choice([1, 2])
            settings[LEVELS] = f"{len(splits)},{later}"
            splits += tuple(fetching_split(partition) for partition in range(later))
        return JobSpec(
            name,
            self.name,
            "0",
            "",
            "job",
            "Job",
            splits,
            reducers=reducers,
            output_uri=f"{NAMENODE_URI}/out/{name}",
            slowstart=rng.choice([0.05, 0.5, 1.0]),
            pool=rng.choice(["default", "night"]),
            priority=rng.choice(list(Priority)),
            task_memory_bytes=memory,
            task_cpus=1 if reducers or services else rng.choice([1, 2]),
            services=services,
            settings=settings,
        )

    def _split(self, number: int, host: int) -> Split:
        at = f"{NAMENODE_URI}/in", number * 100, 100, (self._hosts[host],)
        return Split(*at, racks=(rack_of(host),))

    async def _submit(self, spec: JobSpec) -> str | None:
        request_id = f"{spec.name}/submit"
        while True:
            try:
                job_id: str = await self._call("submit", spec, request_id)
            except UnreachableException:
                await self.world.sleep(0.5)
            except RefusedError as error:
                self.world.count("job refused", spec.name, error)
                self._checker.refused(spec, error)
                return None
            else:
                return job_id

    async def _wait(self, job_id: str, plan: Plan) -> JobStatus:
        kill_at = self.world.now + self._rng.uniform(1.0, 60.0)
        kills = self._rng.random() < 0.15
        changes = self._rng.random() < 0.3
        while True:
            try:
                status: JobStatus = await self._call("status", job_id)
                if status.state.ended:
                    return status
                if kills and self.world.now > kill_at:
                    kills = not await self._call("kill", job_id, "the user wants it")
                    self.world.count("job killed by its user", job_id)
                if changes:
                    urgent = self._rng.choice(list(Priority))
                    changes = not await self._call("set_priority", job_id, urgent)
                    self.world.count("priority changed", job_id)
            except NoSuchJobError as error:
                raise Broken(f"{job_id} was accepted, and now: {error}") from error
            except (UnreachableException, MapredError) as error:
                self.world.note("jobtracker not reached", self.name, error)
            await self.world.sleep(0.5)

    async def _call(self, method: str, *arguments: object) -> Any:
        return await self.network.call(self, "jobtracker", method, *arguments, within_s=10.0)
