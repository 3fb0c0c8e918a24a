"""Losses and reports that are taken in slices: nobody can tell, whatever happens in between."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blockstore.errors import StaleEpochException
from blockstore.model import Block, DeleteReplicas, Replica, ReplicaState, Replicate
from blockstore.namenode.blockmap import BlockMap
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.leavetaking import LeaveLook
from blockstore.namenode.namespace import StoredBlock
from blockstore.namenode.ready import Unfinished
from blockstore.namenode.roster import Duty

BLOCKS, NODES = range(1, 5), ("x", "y")

block_ids, node_ids = st.sampled_from(BLOCKS), st.sampled_from(NODES)
generations = st.integers(1, 2)
states = st.sampled_from([ReplicaState.FINALIZED, ReplicaState.RWR, ReplicaState.CORRUPT])
steps = st.one_of(
    st.tuples(st.just("report"), node_ids, block_ids, generations, states),
    st.tuples(st.just("remove"), node_ids, block_ids),
    st.tuples(st.just("lose"), node_ids, st.booleans()),
    st.tuples(st.just("full"), node_ids, st.sets(block_ids)),
    st.tuples(st.just("leave"), node_ids, block_ids),
    st.tuples(st.just("take back"), node_ids, block_ids),
    st.tuples(st.just("corrupt"), node_ids, block_ids),
    st.tuples(st.just("drop"), block_ids),
    st.tuples(st.just("slice"), st.integers(1, 2)),
)


class Tables:
    """A block map of some blocks; one drains its losses at once, the other when it's told to."""

    def __init__(self, at_once: bool) -> None:
        self.stored = {n: stored_block(n) for n in BLOCKS}
        self.map = BlockMap(self.stored)
        self.at_once = at_once
        self.touched: set[int] = set()

    def do(self, step) -> None:
        word, *rest = step
        getattr(self, "_" + word.replace(" ", "_"))(*rest)
        if self.at_once:
            self._slice(1000)

    def _slice(self, most) -> None:
        self.touched.update(self.map.lose_some(most))

    def _report(self, node_id, block_id, generation, state) -> None:
        replica = Replica(Block(block_id, generation, 10), state)
        self.map.report(node_id, replica, allocated_below=100)

    def _remove(self, node_id, block_id) -> None:
        self.map.remove(block_id, node_id, "deleted its replica")

    def _lose(self, node_id, ended) -> None:
        self.map.lose_node(node_id, "is dead", process_ended=ended)

    def _full(self, node_id, has) -> None:
        unseen = self.map.begin_full(node_id)
        for block_id in sorted(has):
            unseen.discard(block_id)
            self._report(node_id, block_id, 2, ReplicaState.FINALIZED)
        self.map.end_full(node_id, unseen)

    def _leave(self, node_id, block_id) -> None:
        if block_id in self.stored and node_id in self.map.holders(block_id):
            self.map.mark_leaving(block_id, node_id, "one too many")

    def _take_back(self, node_id, block_id) -> None:
        if block_id in self.stored:
            self.map.take_back(block_id, node_id)

    def _corrupt(self, node_id, block_id) -> None:
        self.map.mark_corrupt(block_id, node_id, "a reader says so")

    def _drop(self, block_id) -> None:
        block = self.stored.pop(block_id, None)
        if block is not None:
            self.map.drop(block, 9)

    def seen(self) -> object:
        found = self.map
        return (
            [(b, set(found.good(b)), found.odd(b), found.last_holders(b)) for b in BLOCKS],
            [(n, found.of_node(n), found.doomed.get(n)) for n in NODES],
        )


def stored_block(number: int) -> StoredBlock:
    return StoredBlock(Block(number, 2, 10), 1, committed=True)


def told_to_delete(*story):
    """A node was told to delete block 1; what follows; then it reports the block."""
    had = ("report", "x", 1, 2, ReplicaState.FINALIZED)
    return [had, ("leave", "x", 1), *story, had]


@given(st.lists(steps, max_size=30))
@example(told_to_delete(("lose", "x", False)))
@example(told_to_delete(("lose", "x", True)))
@example(told_to_delete(("lose", "x", False), ("lose", "x", True), ("slice", 1)))
@example(told_to_delete(("lose", "x", False), ("full", "x", set()), ("slice", 1)))
def test_what_is_taken_out_in_slices_looks_as_if_it_had_gone_at_once(story):
    at_once, slowly = Tables(at_once=True), Tables(at_once=False)
    for step in story:
        at_once.do(step)
        slowly.do(step)
    assert slowly.seen() == at_once.seen()
    slowly.do(("slice", 1000))
    assert not slowly.map.is_losing
    assert slowly.map.reported == at_once.map.reported
    # Whatever lost a replica is looked at.
    assert slowly.touched == at_once.touched


@pytest.mark.parametrize(
    ("story", "is_good"),
    [
        # It may still do as it was told...
        ([("lose", "x", False)], False),
        # ...unless its process has ended, or it has told of all that it has since.
        ([("lose", "x", True)], True),
        ([("lose", "x", False), ("lose", "x", True), ("slice", 1)], True),
        ([("lose", "x", False), ("full", "x", set()), ("slice", 1)], True),
    ],
)
def test_a_replica_that_was_to_be_deleted_before_its_node_was_lost(story, is_good):
    slowly = Tables(at_once=False)
    for step in told_to_delete(*story):
        slowly.do(step)
    assert (slowly.map.good(1) == ("x",)) == is_good


@pytest.fixture
def slow(make_cluster):
    """Takes out one lost replica at a time."""
    return make_cluster(NameNodeConfig(forget_slice=1))


def test_the_blocks_of_a_dead_node_count_as_lost_at_once_and_are_all_copied(slow):
    slow.add_nodes("xyz")
    blocks = [*slow.write("/f", 10, 10, 10, replication=2, on="xy")]
    slow.alive = set("yz")
    slow.pass_time(31, beating="yz")
    assert slow.core.is_forgetting
    assert slow.locations("/f") == [["y"]] * 3
    while slow.take(slow.core.forget()):
        pass
    slow.pass_time(1, beating="yz")
    assert {order.block for _, order in slow.take_orders()} == set(blocks)


def test_a_node_that_returns_before_all_it_lost_is_taken_out_has_what_it_reports(slow):
    slow.add_nodes("xy")
    one, _, three = slow.write("/f", 10, 10, 10, replication=2, on="xy")
    slow.incarnations["x"] += 1
    slow.register("x")
    assert slow.core.is_forgetting
    assert slow.locations("/f") == [["y"]] * 3
    slow.full_report("x", whole(one), whole(three))
    while slow.take(slow.core.forget()):
        pass
    assert slow.locations("/f") == [["x", "y"], ["y"], ["x", "y"]]


def test_safe_mode_does_not_end_by_replicas_that_are_lost_already(make_cluster):
    slow = make_cluster(NameNodeConfig(forget_slice=1, safe_mode_threshold=0.75))
    slow.add_nodes("xy")
    one, two, three, four = slow.write("/f", 10, 10, 10, 10, replication=2, on="xy")
    slow.restart()
    slow.register("y")
    slow.full_report("y")
    slow.register("x")
    slow.full_report("x", whole(one), whole(two))
    slow.incarnations["x"] += 1
    slow.register("x")
    # With one of x's that isn't taken out yet it would be three of four.
    slow.report("y", three)
    slow.report("y", four)
    assert slow.core.safe_mode().reply.on
    slow.full_report("x", whole(one))
    while slow.take(slow.core.forget()):
        pass
    slow.tick()
    assert not slow.core.safe_mode().reply.on


# --- nodes that are sent away -----------------------------------------------------------------


def asked(slow, look):
    """One slice of a request to send x away."""
    times = {"now": slow.now, "wall": slow.wall}
    return slow.try_(
        lambda: slow.core.admin.assign(["x"], Duty.LEAVE, look=look, force=True, **times)
    )


def duty_of(slow, node_id):
    nodes = slow.core.report(now=slow.now).reply.nodes
    return next(node.duty for node in nodes if node.node.node_id == node_id)


def test_a_leaving_nodes_blocks_are_looked_at_one_by_one_and_it_is_on_its_way_until_then(slow):
    slow.add_nodes("xyz")
    # Somewhat after its start a NameNode begins to judge.
    slow.pass_time(60)
    slow.write("/f", 10, 10, 10, replication=3, on="xyz")
    look = LeaveLook()
    for _ in range(3):
        with pytest.raises(Unfinished):
            asked(slow, look)
        assert duty_of(slow, "x") == "in service"
    asked(slow, look)
    # Others have what they should; but at one of the blocks nobody has looked yet.
    slow.tick()
    assert slow.core.is_forgetting
    assert duty_of(slow, "x") == "decommissioning"
    while slow.take(slow.core.forget()):
        pass
    slow.tick()
    assert duty_of(slow, "x") == "decommissioned"


def test_what_comes_and_goes_while_a_leaving_node_is_looked_at_is_judged_as_it_is_then(slow):
    slow.add_nodes("xy")
    slow.write("/f", 10, 20, replication=1, on="x")
    slow.write("/g", 40, replication=1, on="x")
    look = LeaveLook()
    with pytest.raises(Unfinished):
        asked(slow, look)
    slow.delete("/g")
    (late,) = slow.write("/h", 80, replication=1, on="x")
    for _ in range(2):
        with pytest.raises(Unfinished):
            asked(slow, look)
    asked(slow, look)
    assert (look.wanted, look.need_bytes) == ({1: 2}, 30)
    while slow.take(slow.core.forget()):
        pass
    slow.pass_time(1)
    copied = {order.block for _, order in slow.take_orders() if isinstance(order, Replicate)}
    assert late in copied
    assert len(copied) == 3


# --- pieces of a full report ------------------------------------------------------------------


def whole(block: Block) -> Replica:
    return Replica(block, ReplicaState.FINALIZED)


def piece(cluster, node_id, number, index, *replicas, more=True):
    cluster.take(
        cluster.core.full_report(
            node_id,
            incarnation=cluster.incarnations[node_id],
            epoch=cluster.state.epoch,
            replicas=replicas,
            number=number,
            piece=index,
            more=more,
            now=cluster.now,
        )
    )


@pytest.fixture
def reporting(cluster):
    """x and y have three blocks; x has begun a report that has only told of the first."""
    cluster.add_nodes("xy")
    blocks = cluster.write("/f", 10, 10, 10, replication=2, on="xy")
    piece(cluster, "x", 7, 0, whole(blocks[0]))
    return cluster, blocks


def test_what_a_report_has_not_told_of_is_gone_with_its_last_piece_and_not_before(reporting):
    cluster, (_, two, _) = reporting
    assert cluster.locations("/f") == [["x", "y"]] * 3
    piece(cluster, "x", 7, 1, whole(two))
    assert cluster.locations("/f") == [["x", "y"]] * 3
    piece(cluster, "x", 7, 2, more=False)
    assert cluster.locations("/f") == [["x", "y"], ["x", "y"], ["y"]]


def test_a_block_that_is_deleted_between_two_pieces_is_deleted_there_too(reporting):
    cluster, blocks = reporting
    cluster.delete("/f")
    cluster.take_orders()
    piece(cluster, "x", 7, 1, *map(whole, blocks[1:]), more=False)
    cluster.pass_time(1)
    doomed = [
        block
        for node_id, order in cluster.take_orders()
        if node_id == "x" and isinstance(order, DeleteReplicas)
        for block in order.blocks
    ]
    assert {block.id for block in doomed} >= {block.id for block in blocks[1:]}


def test_a_block_that_is_written_between_two_pieces_stays(reporting):
    cluster, (_, two, three) = reporting
    cluster.write("/meanwhile", 10, replication=2, on="xy")
    piece(cluster, "x", 7, 1, whole(two), whole(three), more=False)
    assert cluster.locations("/meanwhile") == [["x", "y"]]


def test_late_and_repeated_pieces_change_nothing(reporting):
    cluster, (one, two, three) = reporting
    piece(cluster, "x", 7, 0)
    piece(cluster, "x", 6, 1, more=False)
    piece(cluster, "x", 7, 1, whole(two))
    piece(cluster, "x", 7, 1, whole(two))
    piece(cluster, "x", 7, 2, whole(three), more=False)
    piece(cluster, "x", 7, 2, more=False)
    piece(cluster, "x", 7, 1, more=False)
    assert cluster.locations("/f") == [["x", "y"]] * 3
    assert one


def test_a_piece_that_follows_none_is_refused(reporting):
    cluster, (_, two, three) = reporting
    with pytest.raises(StaleEpochException, match=r"piece 2 of report 7 .* from its beginning"):
        piece(cluster, "x", 7, 2, whole(three), more=False)
    piece(cluster, "x", 8, 0, whole(two), more=False)
    assert cluster.locations("/f") == [["y"], ["x", "y"], ["y"]]


def test_a_node_that_registers_again_in_mid_report_begins_it_anew(reporting):
    cluster, blocks = reporting
    cluster.register("x")
    with pytest.raises(StaleEpochException):
        piece(cluster, "x", 7, 1, *map(whole, blocks[1:]), more=False)
    assert cluster.locations("/f") == [["x", "y"]] * 3
    piece(cluster, "x", 8, 0, whole(blocks[1]))
    piece(cluster, "x", 8, 1, whole(blocks[2]), more=False)
    assert cluster.locations("/f") == [["y"], ["x", "y"], ["x", "y"]]


def test_a_node_that_starts_anew_in_mid_report_has_what_it_reports_then(reporting):
    cluster, blocks = reporting
    cluster.incarnations["x"] += 1
    cluster.register("x")
    assert cluster.locations("/f") == [["y"]] * 3
    with pytest.raises(StaleEpochException):
        piece(cluster, "x", 7, 1, *map(whole, blocks[1:]), more=False)
    piece(cluster, "x", 1, 0, whole(blocks[2]), more=False)
    assert cluster.locations("/f") == [["y"], ["y"], ["x", "y"]]


def test_a_node_that_is_given_up_in_mid_report_has_nothing(reporting):
    cluster, blocks = reporting
    cluster.pass_time(31, beating="y")
    assert cluster.locations("/f") == [["y"]] * 3
    with pytest.raises(StaleEpochException):
        piece(cluster, "x", 7, 1, *map(whole, blocks[1:]), more=False)
    assert cluster.locations("/f") == [["y"]] * 3
