"""Rounds of a loop find their splits where they were mapped before, whoever is slow or dies."""

import pytest

from mapred.engine import TRANSIENT_OUTPUT
from mapred.jobtracker.accustomed import FAMILIES_MAX
from mapred.jobtracker.settings import JobTrackerSettings
from mapred.model import PROCESS_FAMILY, FailureKind, Progress
from mapred.tracking import Heartbeat
from tests.unit.mapred.jobtracker.conftest import FakeTracker, Master

# Every host has a replica of every split, as files have that a placement has written.
EVERYWHERE = ("host-a", "host-b", "host-c")
LONGER_THAN_ANY_WAIT_S = 4.0


class Rounds:
    """Trackers a, b and c of one slot each; in the first round c took m0, b m1, and a m2."""

    def __init__(self, family: str = "loop") -> None:
        self.master = Master(JobTrackerSettings(dead_after_s=1000.0))
        self.family = family
        self._begun = 0
        self.begin()
        self.trackers = {name: self.master.tracker(name) for name in "cba"}
        assert self.taken() == {"c": ["m0"], "b": ["m1"], "a": ["m2"]}
        self.finish()

    def begin(self, splits: int = 3) -> None:
        """A round over placed input; its maps' output is its own."""
        self._begun += 1
        settings = {PROCESS_FAMILY: self.family} if self.family else {}
        self.master.output = f"file:///round-{self._begun}"
        self.job = self.master.submit(
            [EVERYWHERE] * splits,
            request=f"r{self._begun}",
            settings={**settings, TRANSIENT_OUTPUT: "true"},
        )

    def taken(self) -> dict[str, list[str]]:
        """The maps that each of the living runs by now."""
        for tracker in self.trackers.values():
            tracker.beat()
        return {
            name: [map_name.partition(".")[0] for map_name in tracker.running]
            for name, tracker in self.trackers.items()
        }

    def done(self, name: str) -> list[str]:
        """The tracker is done with what it has; what it gets then."""
        tracker: FakeTracker = self.trackers[name]
        for map_name in list(tracker.running):
            tracker.done(map_name)
        self.master.perform()
        return self.taken()[name]

    def finish(self) -> None:
        self.taken()
        while any(tracker.running for tracker in self.trackers.values()):
            for name in self.trackers:
                self.done(name)
        assert self.master.status(self.job).state.ended

    def dies(self, name: str) -> None:
        del self.trackers[name]
        self.master.now += 999.0
        self.taken()
        self.master.after(2.0)


@pytest.fixture
def rounds() -> Rounds:
    return Rounds()


def test_a_split_stays_with_its_tracker_though_others_hold_it_and_are_asked_first(
    rounds: Rounds,
) -> None:
    rounds.begin()

    assert rounds.taken() == {"c": ["m0"], "b": ["m1"], "a": ["m2"]}


def test_splits_of_jobs_without_a_family_go_to_who_is_asked_first() -> None:
    rounds = Rounds(family="")
    rounds.begin()

    assert rounds.taken() == {"c": ["m2"], "b": ["m1"], "a": ["m0"]}


def test_what_a_dead_tracker_had_goes_to_who_is_free_at_once_and_stays_there(
    rounds: Rounds,
) -> None:
    rounds.dies("a")
    rounds.begin()
    assert rounds.taken() == {"c": ["m0"], "b": ["m1"]}
    assert rounds.done("b") == ["m2"]
    rounds.finish()

    rounds.begin()
    assert rounds.taken() == {"c": ["m0"], "b": ["m1"]}
    assert rounds.done("c") == []
    assert rounds.done("b") == ["m2"]


def test_a_tracker_that_dies_in_mid_round_holds_up_nobody(rounds: Rounds) -> None:
    rounds.begin()
    assert rounds.taken()["a"] == ["m2"]
    assert (rounds.done("b"), rounds.done("c")) == ([], [])
    rounds.dies("a")

    assert sorted(rounds.taken().values()) == [[], ["m2"]]


def test_who_is_idle_takes_a_split_of_a_busy_one_after_a_while_and_keeps_it(
    rounds: Rounds,
) -> None:
    rounds.dies("a")
    rounds.begin()
    rounds.taken()
    rounds.done("b")
    rounds.finish()
    rounds.begin()
    assert rounds.taken() == {"c": ["m0"], "b": ["m1"]}
    assert rounds.done("c") == []

    rounds.master.after(LONGER_THAN_ANY_WAIT_S)

    assert rounds.taken() == {"c": ["m2"], "b": ["m1"]}
    rounds.finish()
    rounds.begin()
    rounds.taken()
    assert rounds.done("b") == []
    assert rounds.done("c") == ["m2"]


def test_who_has_nothing_takes_at_once_what_another_has_too_much_of(rounds: Rounds) -> None:
    rounds.dies("a")
    rounds.dies("b")
    rounds.begin(splits=6)
    rounds.taken()
    rounds.finish()
    rounds.trackers["b"] = rounds.master.tracker("b")
    rounds.trackers["a"] = rounds.master.tracker("a")
    rounds.begin(splits=6)

    assert rounds.taken() == {"c": ["m0"], "b": ["m4"], "a": ["m5"]}
    # Short tasks would wait behind those that run, out of the others' reach.
    rounds.master.after(2.0)
    assert [rounds.done(name) for name in "cba"] == [["m1"], ["m3"], []]
    rounds.finish()
    rounds.begin(splits=6)
    assert rounds.taken() == {"c": ["m0"], "b": ["m3"], "a": ["m5"]}
    rounds.master.after(2.0)
    assert [rounds.done(name) for name in "cba"] == [["m1"], ["m4"], []]


def test_under_speculation_a_split_goes_to_whose_attempt_has_won(rounds: Rounds) -> None:
    rounds.begin()
    rounds.taken()
    rounds.master.after(1.0)
    assert (rounds.done("b"), rounds.done("c")) == ([], [])
    # a is slow: in twenty seconds it has made a twentieth.
    rounds.master.now += 19.0
    slow = rounds.trackers["a"]
    progress = (Progress(slow.running["m2.0"], 0.05),)
    core = rounds.master.core
    beat = Heartbeat("a", slow.info.incarnation, core.epoch, progress=progress)
    rounds.master.take(core.heartbeat(beat, rounds.master.now))
    rounds.master.after(0.1)
    second = rounds.taken()
    assert (second["a"], sorted((second["b"], second["c"]))) == (["m2"], [[], ["m2"]])
    winner, other = ("b", "c") if second["b"] else ("c", "b")

    rounds.done(winner)

    slow.failed("m2.0", "another attempt was sooner", FailureKind.KILLED)
    rounds.master.perform()
    assert rounds.master.status(rounds.job).state.ended
    rounds.begin()
    # Both of its splits wait for the winner, and those of nobody else are a's.
    begun = rounds.taken()
    assert begun["a"] == []
    then = rounds.done(winner)
    assert rounds.taken()["a"] == []
    assert sorted(begun[winner] + then) == sorted(["m2", {"b": "m1", "c": "m0"}[winner]])
    assert begun[other] == [{"b": "m1", "c": "m0"}[other]]
    # It helps when it has been idle for a while, and has a split again.
    rounds.finish()
    rounds.begin()
    rounds.taken()
    rounds.master.after(LONGER_THAN_ANY_WAIT_S)
    assert len(rounds.taken()["a"]) == 1


def test_after_a_restart_of_the_jobtracker_a_round_finds_out_anew(rounds: Rounds) -> None:
    rounds.master.restart()
    for tracker in rounds.trackers.values():
        tracker.register()
    rounds.begin()

    assert rounds.taken() == {"c": ["m2"], "b": ["m1"], "a": ["m0"]}


def test_of_many_families_those_longest_out_of_use_are_forgotten(rounds: Rounds) -> None:
    for number in range(FAMILIES_MAX):
        rounds.family = f"other-{number}"
        rounds.begin(splits=1)
        rounds.finish()
    rounds.family = "loop"
    rounds.begin()

    assert rounds.taken() == {"c": ["m2"], "b": ["m1"], "a": ["m0"]}
