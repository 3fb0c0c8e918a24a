"""What breaks in an engine whose storage is in memory: machines, disks, networks, users."""

from collections.abc import Sequence

from mapred.tasktracker.localdirs import Health, Look
from simulator.jobtracker_host import JobTrackerHost
from simulator.jobusers import JobUser
from simulator.memorystore import MemoryOutlet
from simulator.network import Host, Network
from simulator.rage import Fault, Rage, Server, temper_of
from simulator.tasktracker_host import DIRECTORIES, TaskTrackerHost
from simulator.world import World

# Seconds, evenly on a scale of powers: some are dead to others meanwhile.
PAUSE_S = (0.5, 30.0)
SLOWER = 10.0
# Of the attempts there.
SICKNESS = 0.9
# Operations of the JobTracker's committer.
FUSE_MAX = 4


class EngineNemesis(Rage):
    """Of JobTracker, TaskTrackers, and who submits."""

    def __init__(
        self,
        world: World,
        network: Network,
        jobtracker: JobTrackerHost,
        trackers: list[TaskTrackerHost],
        users: list[JobUser],
        outlet: MemoryOutlet,
    ) -> None:
        super().__init__(world, network)
        self._jobtracker = jobtracker
        self._trackers = trackers
        self._users = users
        self._outlet = outlet
        self.temper = temper_of(self._rng, rot=False)

    def servers(self) -> Sequence[Server]:
        return [self._jobtracker, *self._trackers]

    def stop(self) -> None:
        super().stop()
        self._outlet.reachable, self._outlet.fuse = True, None
        for host in (self._jobtracker, *self._trackers, *self._users):
            host.life.paused_until = 0.0
        for tracker in self._trackers:
            tracker.sickness = 0.0
            for root in DIRECTORIES if tracker.core is not None else ():
                tracker.directory_is(Look(root))

    def faults(self) -> list[tuple[int, Fault]]:
        return [
            (4, self._kill_tracker),
            (3, self._kill_jobtracker),
            (2, self._power_goes_in_a_write),
            (2, self._power_goes_in_an_action),
            (4, self._partition),
            (3, self._pause),
            (3, self._lose_outputs),
            (2, self._lose_directory),
            (2, self._slow_down),
            (2, self._fall_ill),
            (1, self._storage_out_of_reach),
            (2, self._kill_user),
        ]

    # --- deaths

    def _kill_tracker(self) -> None:
        victim = self._rng.choice(self._trackers)
        if victim.up:
            self._world.count("tt killed", victim.name)
            victim.crash()
            self._start_later(victim)

    def _kill_jobtracker(self) -> None:
        if self._jobtracker.up:
            self._world.count("jobtracker killed")
            self._jobtracker.crash(power_loss=self._rng.random() < 0.5, rng=self._rng)
            self._start_later(self._jobtracker)

    def _power_goes_in_a_write(self) -> None:
        if self._jobtracker.up:
            self._jobtracker.arm()
            self._start_when_dead(self._jobtracker)

    def _power_goes_in_an_action(self) -> None:
        if self._jobtracker.up:
            self._outlet.fuse = self._rng.randint(0, FUSE_MAX)
            self._start_when_dead(self._jobtracker)

    def _kill_user(self) -> None:
        user = self._rng.choice(self._users)
        if not user.up:
            return
        self._world.count("user killed", user.name)
        user.die(comes_back=self._rng.random() < 0.5)

        def start() -> None:
            if not user.up and not user.stopping:
                user.start()

        self._world.later(self._outage_s(), start, self._life)

    # --- machines that are ill

    def _pause(self) -> None:
        least, most = PAUSE_S
        host = self._rng.choice([self._jobtracker, *self._trackers, *self._users])
        if host.up:
            self._world.count(f"paused: {host.name.partition('-')[0]}", host.name)
            length_s = least * (most / least) ** self._rng.random()
            host.life.paused_until = self._world.now + length_s

    def _partition(self) -> None:
        rng = self._rng
        everybody: list[Host] = [self._jobtracker, *self._trackers, *self._users]
        victim = rng.choice(everybody)
        style = rng.random()
        if style < 0.4:
            self._cut_off(victim, [self._jobtracker])
        elif style < 0.7:
            self._cut_off(victim, rng.sample(everybody, 2))
        else:
            self._cut_off(victim, everybody)

    def _lose_outputs(self) -> None:
        """Their files are gone, or can't be read; nobody knows until somebody asks."""
        victim = self._rng.choice(self._trackers)
        lost = [attempt for attempt in victim.outputs if self._rng.random() < 0.5]
        for attempt in lost:
            del victim.outputs[attempt]
            self._world.count("map output rotten", attempt)

    def _lose_directory(self) -> None:
        victim, root = self._rng.choice(self._trackers), self._rng.choice(DIRECTORIES)
        if victim.core is None:
            return
        health = self._rng.choice([Health.FAILED, Health.FULL])
        self._world.count(f"local directory {health.value}", victim.name, root)
        victim.directory_is(Look(root, health, why="as luck has it"))

        def mend() -> None:
            if victim.core is not None:
                victim.directory_is(Look(root))

        self._world.later(self._outage_s(), mend, self._life)

    def _slow_down(self) -> None:
        victim = self._rng.choice(self._trackers)
        self._world.count("tracker slow", victim.name)
        victim.slowness *= SLOWER

        def mend() -> None:
            victim.slowness /= SLOWER

        self._world.later(self._outage_s() + 10.0, mend)

    def _fall_ill(self) -> None:
        victim = self._rng.choice(self._trackers)
        self._world.count("tracker ill", victim.name)
        victim.sickness = SICKNESS

        def mend() -> None:
            victim.sickness = 0.0

        self._world.later(self._outage_s() + 10.0, mend)

    def _storage_out_of_reach(self) -> None:
        self._world.count("storage out of reach")
        self._outlet.reachable = False

        def mend() -> None:
            self._outlet.reachable = True

        self._world.later(self._outage_s(), mend, self._life)
