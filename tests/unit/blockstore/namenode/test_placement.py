import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockstore.errors import PlacementException
from blockstore.model import Node
from blockstore.namenode.placement import Candidate, busy_above, choose


def node(name, rack="/default"):
    return Node(name, f"host-{name}", 1, rack)


def pick(candidates, wanted=3, near="", holding=(), seed=0):
    return choose(
        candidates,
        wanted=wanted,
        near=near,
        holding=holding,
        rng=random.Random(seed),
        what="a block",
    )


TWO_RACKS = [Candidate(node(n, "/r1")) for n in "abc"] + [Candidate(node(n, "/r2")) for n in "xyz"]


@pytest.mark.parametrize("seed", range(20))
def test_local_then_another_rack_then_that_rack_again(seed):
    first, second, third = pick(TWO_RACKS, near="host-b", seed=seed)
    assert first.node_id == "b"
    assert second.rack == third.rack == "/r2"
    assert second != third


@pytest.mark.parametrize("seed", range(20))
def test_a_fourth_replica_goes_to_the_rack_with_fewest(seed):
    racks = [chosen.rack for chosen in pick(TWO_RACKS, wanted=4, near="host-b", seed=seed)]
    assert sorted(racks) == ["/r1", "/r1", "/r2", "/r2"]


@pytest.mark.parametrize("seed", range(20))
def test_a_copy_makes_up_for_racks_that_have_none(seed):
    (chosen,) = pick(TWO_RACKS[1:], wanted=1, holding=[node("a", "/r1")], seed=seed)
    assert chosen.rack == "/r2"
    held = [node("a", "/r1"), node("b", "/r1")]
    (chosen,) = pick(TWO_RACKS[2:], wanted=1, holding=held, seed=seed)
    assert chosen.rack == "/r2"


def test_one_rack_is_enough():
    assert len(pick([Candidate(node(n)) for n in "abc"])) == 3


def test_few_nodes_give_few_replicas():
    assert len(pick([Candidate(node("a"))])) == 1


def test_an_avoided_node_is_taken_only_when_no_other_is_left():
    candidates = [Candidate(node("a"), avoided="is silent"), Candidate(node("b"))]
    assert [n.node_id for n in pick(candidates, wanted=1, near="host-a")] == ["b"]
    assert [n.node_id for n in pick(candidates, wanted=2, near="host-a")] == ["b", "a"]


@pytest.mark.parametrize("seed", range(20))
def test_of_two_drawn_the_one_with_less_to_do_is_taken(seed):
    candidates = [Candidate(node("a"), load=3), Candidate(node("b"), load=2, used_fraction=0.9)]
    assert pick(candidates, wanted=1, seed=seed)[0].node_id == "b"


@pytest.mark.parametrize("seed", range(20))
def test_equally_busy_the_emptier_is_taken(seed):
    candidates = [Candidate(node("a"), used_fraction=0.5), Candidate(node("b"), used_fraction=0.1)]
    assert pick(candidates, wanted=1, seed=seed)[0].node_id == "b"


def test_the_error_has_every_nodes_reason():
    candidates = [
        Candidate(node("a"), refused="is dead"),
        Candidate(node("b"), refused="has too little space"),
    ]
    with pytest.raises(PlacementException) as caught:
        pick(candidates)
    for words in ("a block", "a (host-a:1) is dead", "b (host-b:1) has too little space"):
        assert words in str(caught.value)


def test_small_clusters_call_nobody_busy():
    assert busy_above([4, 0]) > 4
    assert busy_above([30, 1, 1, 1]) < 30


candidate_lists = st.lists(
    st.builds(
        Candidate,
        st.builds(
            node, st.integers(0, 8).map(lambda n: f"n{n}"), st.sampled_from(["/r1", "/r2", "/r3"])
        ),
        load=st.integers(0, 9),
        refused=st.sampled_from(["", "", "is dead"]),
        avoided=st.sampled_from(["", "is busy"]),
    ),
    unique_by=lambda c: c.node.node_id,
)


@given(candidate_lists, st.integers(1, 5), st.integers(0, 9))
def test_as_many_different_allowed_nodes_as_there_are(candidates, wanted, seed):
    allowed = {c.node for c in candidates if not c.refused}
    if not allowed:
        with pytest.raises(PlacementException):
            pick(candidates, wanted, seed=seed)
        return
    chosen = pick(candidates, wanted, near="host-n0", seed=seed)
    assert len(set(chosen)) == len(chosen) == min(wanted, len(allowed))
    assert set(chosen) <= allowed
    strict = {c.node.rack for c in candidates if not c.refused and not c.avoided}
    if len(strict) > 1 and len(chosen) > 1 and {c.rack for c in chosen[:2]} <= strict:
        assert len({c.rack for c in chosen}) > 1
