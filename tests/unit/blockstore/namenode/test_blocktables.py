"""Tables of blocks in parts against Python's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockstore.namenode.blocktables import PARTS, BlockSet, NodesByBlock

# Some share a part.
block_ids = st.integers(1, 3 * PARTS)


@given(st.lists(st.tuples(st.sampled_from(["add", "discard", "pop"]), block_ids)))
def test_a_block_set_has_what_a_set_has(steps):
    ours, oracle = BlockSet(), set()
    for word, block_id in steps:
        if word == "pop":
            if oracle:
                oracle.remove(ours.pop())
            else:
                with pytest.raises(KeyError):
                    ours.pop()
        else:
            getattr(ours, word)(block_id)
            getattr(oracle, word)(block_id)
        assert len(ours) == len(oracle)
        assert bool(ours) == bool(oracle)
        assert (block_id in ours) == (block_id in oracle)
    assert set(ours) == oracle
    assert ours == BlockSet(oracle)


@given(st.sets(block_ids), st.sets(block_ids))
def test_what_is_given_up_leaves_one_set_and_only_that_stays_in_the_other(has, others):
    ours, given_up = BlockSet(has), BlockSet(others)
    kept = ours.copy()
    ours.give_up(given_up)
    assert (set(ours), len(ours)) == (has - others, len(has - others))
    assert (set(given_up), len(given_up)) == (has & others, len(has & others))
    assert set(kept) == has


def test_who_goes_through_a_block_set_sees_all_that_stays_whatever_comes_and_goes():
    ours = BlockSet(range(1000))
    seen = []
    for block_id in ours:
        seen.append(block_id)
        ours.discard((block_id + 1) % 1000)
        ours.add(1000 + block_id)
    assert len(seen) == len(set(seen))
    assert set(ours) & set(range(1000)) <= set(seen)


@given(st.lists(st.tuples(block_ids, st.lists(st.sampled_from("abc"), unique=True))))
def test_nodes_of_blocks_are_those_put_last(puts):
    ours, oracle = NodesByBlock(), {}
    for block_id, nodes in puts:
        ours.put(block_id, tuple(nodes))
        oracle[block_id] = tuple(nodes)
    assert all(ours.get(block_id) == nodes for block_id, nodes in oracle.items())
    assert len(ours) == sum(map(bool, oracle.values()))
    assert ours.get(10 * PARTS) == ()
