"""Registrations and heartbeats that are late, repeated or of another life."""

from dataclasses import replace

import pytest

from mapred.errors import TrackerStaleError
from mapred.model import AttemptDone, TrackerInfo
from mapred.tracking import Heartbeat, Registration
from tests.unit.mapred.jobtracker.conftest import Master

INFO = TrackerInfo("a", 5, "host-a", 1, 1, 1)


@pytest.mark.parametrize("incarnation", [4, 5])
def test_a_late_registration_does_not_end_the_session(master: Master, incarnation: int) -> None:
    master.core.register(Registration(INFO), 0.0)

    with pytest.raises(TrackerStaleError, match="incarnation 5"):
        master.core.register(Registration(replace(INFO, incarnation=incarnation)), 0.0)


def test_orders_are_sent_again_until_they_are_seen(master: Master) -> None:
    a = master.tracker("a")
    master.submit(1)
    core = master.core
    session = ("a", a.info.incarnation, core.epoch)
    assert len(core.reply(*session).orders) == 1
    assert len(core.reply(*session).orders) == 1

    master.take(core.heartbeat(Heartbeat(*session, orders_seen=1), 0.0))

    assert core.reply(*session).orders == ()


def test_an_event_that_comes_twice_counts_once(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1, reducers=1, attempts_max=9)
    a.beat()
    event = (1, AttemptDone(a.running["m0.0"], {("n", "m"): 1}))
    beat = Heartbeat("a", a.info.incarnation, master.core.epoch, 9, (event,))

    master.take(master.core.heartbeat(beat, 0.0))
    master.take(master.core.heartbeat(beat, 0.0))

    assert master.status(job).counters == {("n", "m"): 1}
    assert master.core.reply("a", a.info.incarnation, master.core.epoch).events_seen == 1


def test_a_gap_in_the_events_waits_for_what_is_missing(master: Master) -> None:
    a = master.tracker("a", slots=2)
    job = master.submit(2, reducers=1)
    a.beat()
    events = [(n + 1, AttemptDone(a.running[f"m{n}.0"], {("n", "m"): 1})) for n in range(2)]
    beat = Heartbeat("a", a.info.incarnation, master.core.epoch, 9)

    master.take(master.core.heartbeat(replace(beat, events=(events[1],)), 0.0))
    assert master.status(job).maps_done == 0
    master.take(master.core.heartbeat(replace(beat, events=tuple(events)), 0.0))

    assert master.status(job).maps_done == 2


@pytest.mark.parametrize(("incarnations_back", "epochs_back"), [(1, 0), (0, 1)])
def test_a_heartbeat_of_another_session_or_epoch_counts_for_nothing(
    master: Master, incarnations_back: int, epochs_back: int
) -> None:
    a = master.tracker("a")
    job = master.submit(1, reducers=1)
    a.beat()
    session = ("a", a.info.incarnation - incarnations_back, master.core.epoch - epochs_back)
    event = (1, AttemptDone(a.running["m0.0"]))

    master.take(master.core.heartbeat(Heartbeat(*session, 0, (event,)), 0.0))

    assert master.core.reply(*session).register_again
    assert master.status(job).maps_done == 0
