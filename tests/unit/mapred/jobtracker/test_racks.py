"""Maps run on the host of their input, or wait for that, then on its rack, then anywhere."""

from dataclasses import replace

import pytest

from mapred.jobtracker.racks import HOSTS_MAX, Racks
from mapred.model import Split, TrackerInfo
from tests.unit.mapred.jobtracker.conftest import FakeTracker, Master

WAIT_S = 0.3


@pytest.fixture
def cluster(master: Master) -> Master:
    """Trackers a and b on one rack, c on another, as the block store says."""
    master.racks = {"host-a": "/one", "host-b": "/one", "host-c": "/two", "far": "/two"}
    for name in "abc":
        master.tracker(name)
    # Of an earlier job.
    names = tuple(master.racks)
    master.core.book.racks.learn([Split("x", 0, 1, names, racks=tuple(master.racks.values()))])
    return master


def test_a_map_goes_to_its_host_then_to_its_rack_then_anywhere(cluster: Master) -> None:
    a, b, c = (cluster.trackers[name] for name in "abc")
    cluster.submit([("host-a",)] * 3)
    assert (a.beat().said, b.beat().said, c.beat().said) == (["launch m0.0"], [], [])

    cluster.after(WAIT_S + 0.05)
    assert (b.beat().said, c.beat().said) == (["launch m1.0"], [])
    cluster.after(WAIT_S - 0.1)
    assert c.beat().said == []
    cluster.after(0.15)
    assert c.beat().said == ["launch m2.0"]


def test_a_slot_on_the_rack_does_not_open_the_way_to_other_racks(cluster: Master) -> None:
    a, b, c = (cluster.trackers[name] for name in "abc")
    cluster.submit([("host-a",)] * 3)
    a.beat()
    cluster.after(5.0)
    # Time enough for any rack has passed, and b was just busy with the job.
    assert (b.beat().said, c.beat().said) == (["launch m1.0"], [])
    cluster.after(WAIT_S + 0.05)
    assert c.beat().said == ["launch m2.0"]


def test_a_map_whose_hosts_are_no_trackers_goes_to_its_rack_first(cluster: Master) -> None:
    a, c = cluster.trackers["a"], cluster.trackers["c"]

    cluster.submit([("far",), ("far",)])
    assert (a.beat().said, c.beat().said) == ([], ["launch m0.0"])
    cluster.after(WAIT_S + 0.05)
    assert a.beat().said == ["launch m1.0"]


def test_a_map_of_a_rack_without_trackers_waits_for_nobody(cluster: Master) -> None:
    a = cluster.trackers["a"]
    cluster.racks["far"] = "/nine"

    cluster.submit([("far",)])

    assert a.beat().said == ["launch m0.0"]


def test_a_tracker_that_says_where_it_stands_is_believed(master: Master) -> None:
    master.racks = {"store-1": "/one"}
    far, near = _at(master, "a", "/two"), _at(master, "b", "/one")

    master.submit([("store-1",)])

    assert (far.beat().said, near.beat().said) == ([], ["launch m0.0"])


def test_where_a_host_stands_is_known_by_its_names_and_again_after_a_restart(
    cluster: Master,
) -> None:
    info = TrackerInfo("t", 1, "10.0.0.7", 1, 1, 1, host_aliases=("host-a",))
    cluster.submit([("host-a",)])
    assert cluster.core.book.racks.of(info) == "/one"

    cluster.restart()
    assert cluster.core.book.racks.of(info) == "/one"


def test_the_latest_word_on_a_host_counts_and_no_more_hosts_are_remembered_than_there_can_be() -> (
    None
):
    racks, info = Racks(), TrackerInfo("t", 1, "h1", 1, 1, 1)
    racks.learn([Split("x", 0, 1, ("h1",), racks=("/one",))])
    version = racks.version
    racks.learn([Split("x", 0, 1, ("h1",), racks=("/one",))])
    assert racks.version == version
    racks.learn([Split("x", 0, 1, ("h1",), racks=("/two",))])
    assert (racks.of(info), racks.version > version) == ("/two", True)

    names = tuple(f"n{number}" for number in range(HOSTS_MAX))
    racks.learn([Split("x", 0, 1, names, racks=("/three",) * HOSTS_MAX)])
    assert racks.of(replace(info, host=names[0])) == "/three"
    assert racks.of(replace(info, host=names[-1])) == ""


def _at(master: Master, name: str, rack: str) -> FakeTracker:
    tracker = master.tracker(name)
    tracker.info = replace(tracker.info, rack=rack)
    tracker.register()
    return tracker
