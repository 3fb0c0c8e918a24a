from blockstore.runtime.liveness import Liveness, State


def test_silence_makes_a_node_stale_then_dead_and_a_word_makes_it_live() -> None:
    liveness: Liveness[str] = Liveness(stale_after_s=10, dead_after_s=30)
    liveness.heard("dn1", now=100)
    states = [liveness.state("dn1", now) for now in (110, 110.5, 130, 130.5)]
    assert states == [State.LIVE, State.STALE, State.STALE, State.DEAD]
    liveness.heard("dn1", now=131)
    assert liveness.state("dn1", now=131) is State.LIVE


def test_each_death_is_told_once() -> None:
    liveness: Liveness[str] = Liveness(stale_after_s=10, dead_after_s=30)
    liveness.heard("dn1", now=0)
    liveness.heard("dn2", now=20)
    assert [liveness.newly_dead(now) for now in (30, 31, 32, 51)] == [[], ["dn1"], [], ["dn2"]]
    liveness.heard("dn1", now=60)
    assert liveness.newly_dead(now=91) == ["dn1"]


def test_a_name_never_heard_of_is_dead() -> None:
    liveness: Liveness[str] = Liveness(stale_after_s=10, dead_after_s=30)
    assert liveness.state("dn9", now=0) is State.DEAD
