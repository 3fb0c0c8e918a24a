"""Tables of blocks in parts against Python's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockstore.namenode.blocktables import RANGE_BITS, BlockSet, NodesByBlock

# Some share a part.
block_ids = st.one_of(st.integers(1, 20), st.integers(2**RANGE_BITS - 3, 2**RANGE_BITS + 3))


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


@given(
    st.sets(block_ids),
    st.lists(st.tuples(st.booleans(), st.sampled_from(["add", "discard"]), block_ids)),
)
def test_a_copy_and_what_it_was_made_of_know_nothing_of_each_other(has, steps):
    pairs = [(BlockSet(has), set(has))]
    pairs.append((pairs[0][0].copy(), set(has)))
    for on_copy, word, block_id in steps:
        for blocks in pairs[on_copy]:
            getattr(blocks, word)(block_id)
    for ours, oracle in pairs:
        assert (set(ours), len(ours)) == (oracle, len(oracle))
        while oracle:
            oracle.remove(ours.pop())
        assert not ours


def test_who_goes_through_a_block_set_sees_all_that_stays_whatever_comes_and_goes():
    part = 2**RANGE_BITS
    there = range(0, 40 * part, part // 3)
    ours = BlockSet(there)
    seen = []
    for block_id in ours:
        seen.append(block_id)
        # Of a part that was seen, and of one that wasn't: to its last block.
        for number in range(5):
            ours.discard(block_id + 2 * part + number - 2)
        ours.add(block_id + part + 7)
        ours.add(block_id - part + 7 if block_id > part else 7)
    assert seen == sorted(set(seen))
    assert set(ours) & set(there) <= set(seen)


@given(st.lists(st.tuples(block_ids, st.lists(st.sampled_from("abc"), unique=True))))
def test_nodes_of_blocks_are_those_put_last(puts):
    ours, oracle = NodesByBlock(), {}
    for block_id, nodes in puts:
        ours.put(block_id, tuple(nodes))
        oracle[block_id] = tuple(nodes)
    assert all(ours.get(block_id) == nodes for block_id, nodes in oracle.items())
    assert len(ours) == sum(map(bool, oracle.values()))
    assert ours.get(2**40) == ()
