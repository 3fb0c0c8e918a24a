"""Chains: maps that begin with what other maps have left, and what a lost tracker costs them."""

from mapred.levels import LEVELS
from mapred.model import JobState, Launch
from tests.unit.mapred.jobtracker.conftest import FakeTracker, Master, short


def chain(master: Master, *hosts: str, between: int = 1, reducers: int = 1) -> str:
    """A job whose first maps are on these hosts, with tasks between them and the reduces."""
    splits = [*((host,) for host in hosts), *[()] * between]
    settings = {LEVELS: f"{len(hosts)},{between}"}
    return master.submit(splits, reducers=reducers, settings=settings, slowstart=1.0)


def launched(name: str, *trackers: FakeTracker) -> Launch:
    """The order that has one of them run it."""
    (order,) = [
        order
        for tracker in trackers
        for order in tracker.beat().orders
        if isinstance(order, Launch) and short(order.attempt) == name
    ]
    return order


def test_a_level_begins_when_the_one_before_is_there_and_is_told_where(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    job = chain(master, "host-a", "host-b")
    assert a.beat().said == ["launch m0.0"]
    b.beat()
    a.done("m0.0")
    assert "m2.0" not in a.beat().running

    b.done("m1.0")

    launch = launched("m2.0", a, b)
    assert (launch.maps, [output.map_index for output in launch.outputs]) == (2, [0, 1])
    holder = a if "m2.0" in a.running else b
    holder.done("m2.0")
    launch = launched("r0.0", a, b)
    assert (launch.maps, [output.map_index for output in launch.outputs]) == (1, [2])
    (a if "r0.0" in a.running else b).done("r0.0")
    master.perform()
    assert master.status(job).state is JobState.SUCCEEDED


def test_what_waits_for_a_lost_output_gives_its_slot_to_the_map(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    chain(master, "host-a", "host-b")
    a.beat().done("m0.0")
    b.beat().done("m1.0")
    waits, dies = (a, b) if "m2.0" in a.beat().running else (b, a)
    lost = "m1" if dies is b else "m0"
    assert waits.said

    dies.register(keeps=False)

    assert "kill m2.0" in waits.beat().said
    waits.failed("m2.0")
    assert f"launch {lost}.1" in waits.beat().said + dies.beat().said


def test_an_output_that_nobody_will_fetch_again_is_not_made_again(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    chain(master, "host-a", "host-b", reducers=1)
    a.beat().done("m0.0")
    b.beat().done("m1.0")
    there, dies = (a, b) if "m2.0" in a.beat().running else (b, a)
    there.done("m2.0")
    assert there.said
    assert dies.said

    dies.register(keeps=False)

    # The second level has all it needs of the first: only the reduce may have to run again.
    assert not [words for words in there.beat().said + dies.beat().said if "launch m" in words]


def test_with_a_lost_task_goes_what_it_began_with(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    chain(master, "host-a", "host-b")
    a.beat().done("m0.0")
    b.beat().done("m1.0")
    dies, lives = (a, b) if "m2.0" in a.beat().running else (b, a)
    lost, kept = ("m0", "m1") if dies is a else ("m1", "m0")
    dies.done("m2.0")
    assert dies.said
    assert lives.said

    dies.register(keeps=False)

    said = dies.beat().said + lives.beat().said
    assert f"launch {lost}.1" in said
    assert f"launch {kept}.1" not in said


def test_a_complaint_that_died_with_the_jobtracker_is_answered_by_the_next_one(
    master: Master,
) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    chain(master, "host-a", "host-b")
    a.beat().done("m0.0")
    b.beat().done("m1.0")
    waits, other = (a, b) if "m2.0" in a.beat().running else (b, a)
    waits.orders.clear()
    waits.cannot_fetch("m2.0", "m1.0")
    assert waits.said == []

    master.restart()
    other.register()
    waits.register()

    assert waits.beat().said == ["outputs m0.0,m1.0"]
