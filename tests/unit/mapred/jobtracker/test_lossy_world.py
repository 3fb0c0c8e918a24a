"""Jobs end right whatever the network, the trackers and the JobTracker do."""

import json

import pytest

from mapred.model import JobState
from tests.unit.mapred.jobtracker.lossyworld import World


def _trouble(world: World) -> None:
    """Kills and revives for a while."""
    rng = world.rng
    machine = rng.choice(list(world.machines.values()))
    if machine.alive and rng.random() < 0.3:
        machine.crash()
        world.later(rng.uniform(0.5, 12.0), lambda: machine.alive or machine.start())
    if world.master is not None and rng.random() < 0.2:
        world.crash_master()
        world.later(rng.uniform(0.1, 6.0), lambda: world.master or world.start_master())
    if world.faults:
        world.later(rng.uniform(0.5, 2.0), lambda: _trouble(world))


@pytest.mark.parametrize("seed", range(30))
def test_jobs_end_right_in_spite_of_crashes_and_lost_messages(seed: int) -> None:
    world = World(seed)
    world.submit(12, 4, "a")
    world.later(1.0, lambda: world.submit(4, 0 if seed % 2 else 1, "b"))
    world.later(10.0, lambda: world.submit(6, 5, "c"))
    world.later(0.5, lambda: _trouble(world))
    world.run(40.0)

    world.faults = False
    for machine in world.machines.values():
        if not machine.alive:
            machine.start()
    if world.master is None:
        world.start_master()
    world.run(200.0, until=world.done)

    master = world.master
    assert master is not None
    assert world.done(), list(master.book.jobs.values())
    assert set(world.states().values()) == {JobState.SUCCEEDED}
    for name, job_id in world.jobs.items():
        status, _ = master.status(job_id)
        root = f"file:///out/{name}"
        files = {uri for uri in world.storage.files if uri.startswith(f"{root}/")}
        assert files == {*status.output_files, f"{root}/_SUCCESS"}
        assert status.counters.get(("n", "reduces"), 0) == status.reduces
        assert status.counters[("n", "maps")] == status.maps
        assert json.loads(world.storage.files[f"{root}/_SUCCESS"])["job_id"] == job_id
    targets = [target for _, target in world.storage.published]
    assert len(targets) == len(set(targets))


@pytest.mark.parametrize("seed", range(10))
def test_a_killed_job_leaves_no_file_and_no_attempt(seed: int) -> None:
    world = World(1000 + seed)
    world.submit(6, 3, "a")
    world.run(world.rng.uniform(0.5, 6.0))
    world.faults = False
    while world.master is None:
        world.run(1.0)
    killed, ready = world.master.kill(world.jobs["a"], "enough", world.now)
    world.take(ready)
    world.run(60.0, until=world.done)
    world.run(15.0)

    state = world.states()["a"]
    assert state in ((JobState.KILLED,) if killed else (JobState.SUCCEEDED, JobState.FAILED))
    if state is JobState.KILLED:
        assert not [uri for uri in world.storage.files if uri.startswith("file:///out/a/")]
    assert not [m.core.work for m in world.machines.values() if m.core.work]
