"""Who is asked for a free slot: only where something has changed, and the same is launched."""

import random
from collections.abc import Iterator

import pytest

from mapred.jobtracker import asking
from mapred.jobtracker.entries import AttemptLaunched
from mapred.jobtracker.scheduler import LOCALITY_WAIT_FIRST_S
from mapred.jobtracker.settings import JobTrackerSettings
from mapred.model import TaskKind
from tests.unit.mapred.jobtracker.conftest import Master


@pytest.fixture
def only_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of thousands of slots: nobody is asked twice without a reason."""
    monkeypatch.setattr(asking, "FEW", 0)
    monkeypatch.setattr(asking, "AGAIN_A_TICK", 0)


def _launches(master: Master) -> list[tuple[str, str]]:
    return [
        (str(entry.attempt), entry.tracker_id)
        for entry in master.entries
        if isinstance(entry, AttemptLaunched)
    ]


def _played(seed: int) -> Iterator[Master]:
    """Jobs and trackers by lot; what they do depends on what was launched, and on the seed."""
    rng = random.Random(seed)
    master = Master(JobTrackerSettings(speculation=rng.random() < 0.5))
    names = [f"t{number}" for number in range(rng.randint(2, 9))]
    hosts = [f"host-{name}" for name in names]
    if rng.random() < 0.4:
        master.racks = {host: rng.choice("xyz") for host in hosts}
    for name in names[1:]:
        master.tracker(name, slots=rng.randint(1, 3))
    for number in range(rng.randint(1, 5)):
        master.output = f"file:///out-{number}"
        splits = [tuple(rng.sample(hosts, min(2, len(hosts)))) for _ in range(rng.randint(1, 12))]
        small = rng.random() < 0.3
        master.submit(
            splits,
            reducers=rng.randint(0, 3),
            request=f"r{number}",
            pool=rng.choice(("default", "other")),
            split_bytes=1 if small else 1 << 30,
        )
    for step in range(120):
        # Deadlines are noticed at ticks; without one before every event whoever asks all, always,
        # would be sooner.
        master.after(rng.choice((0.0, 0.05, 0.3, 1.0)))
        if step == 20:
            master.tracker(names[0], slots=2)
        tracker = rng.choice(list(master.trackers.values())).beat()
        known = {str(attempt) for job in master.core.book.jobs.values() for attempt in job.live}
        running = sorted(n for n, attempt in tracker.running.items() if str(attempt) in known)
        if running:
            name = rng.choice(running)
            master.reducers = len(
                master.core.book.jobs[tracker.running[name].job_id].tasks[TaskKind.REDUCE]
            )
            if rng.random() < 0.15:
                tracker.failed(name)
            else:
                tracker.done(name)
        master.perform()
        yield master


@pytest.mark.parametrize("seed", range(30))
def test_the_same_is_launched_as_if_every_job_were_asked_at_every_slot(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    *_, all_asked = _played(seed)
    monkeypatch.setattr(asking, "FEW", 0)
    monkeypatch.setattr(asking, "AGAIN_A_TICK", 0)
    *_, news_asked = _played(seed)

    assert _launches(news_asked) == _launches(all_asked)


@pytest.mark.usefixtures("only_news")
def test_a_job_whose_wait_is_over_is_asked_again(master: Master) -> None:
    a = master.tracker("a")
    master.tracker("b")
    master.submit([("host-b",), ("host-b",)])
    assert a.beat().said == []

    master.after(LOCALITY_WAIT_FIRST_S + 0.1)

    assert a.beat().said == ["launch m1.0"]


@pytest.mark.usefixtures("only_news")
def test_more_refusals_than_launches_a_step_keep_nobody_from_his_input(master: Master) -> None:
    for number in range(300):
        master.tracker(f"t{number:03}")
    last = master.trackers["t299"]

    master.submit([("host-t299",)])

    assert last.beat().said == ["launch m0.0"]
