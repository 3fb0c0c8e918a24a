"""Decommission and maintenance: nothing is lost, nothing is promised that can't be kept."""

from contextlib import suppress

import pytest

from blockstore.errors import InvalidRequestException, PlacementException, SafeModeException
from blockstore.model import Block, Replica, ReplicaState
from blockstore.namenode import image
from blockstore.namenode.leavetaking import LeaveLook
from blockstore.namenode.ready import Unfinished
from blockstore.namenode.roster import Duty
from tests.unit.blockstore.namenode.test_racks import carry_out

GIB = 1024**3


@pytest.fixture
def four(cluster):
    cluster.add_nodes("abcd")
    cluster.alive = set("abcd")
    return cluster


def assign(cluster, words, duty, **options):
    look = LeaveLook()
    while True:
        with suppress(Unfinished):
            return cluster.try_(
                lambda: cluster.core.admin.assign(
                    words.split(), duty, look=look, now=cluster.now, wall=cluster.wall, **options
                )
            )


def report_of(cluster, node_id):
    nodes = cluster.core.report(now=cluster.now).reply.nodes
    return next(node for node in nodes if node.node.node_id == node_id)


def duty_of(cluster, node_id):
    return report_of(cluster, node_id).duty


def test_a_leaving_nodes_blocks_are_copied_and_then_it_may_go(four):
    (block,) = four.write("/f", 10, on="abc")
    assign(four, "a", Duty.LEAVE)
    assert duty_of(four, "a") == "decommissioning"
    assert (report_of(four, "a").blocks_left, report_of(four, "a").bytes_left) == (1, 10)
    carry_out(four)
    assert duty_of(four, "a") == "decommissioned"
    # It serves readers to the end.
    assert four.locations("/f") == [["a", "b", "c", "d"]]
    four.pass_time(31, beating="bcd")
    assert four.locations("/f") == [["b", "c", "d"]]
    assert block.id not in four.core._parts.replication.short


def test_a_leaving_node_gets_no_block_and_the_error_says_why(cluster):
    cluster.add_nodes("abc")
    assign(cluster, "a", Duty.LEAVE)
    located = cluster.add_block(cluster.create("/f"))
    assert {node.node_id for node in located.nodes} == {"b", "c"}
    assign(cluster, "b", Duty.REST, for_s=60.0)
    cluster.beat("c", free_bytes=1)
    with pytest.raises(PlacementException) as caught:
        cluster.add_block(cluster.create("/g"))
    assert "a (host-a:9866) decommissioning" in str(caught.value)
    assert "b (host-b:9866) in maintenance" in str(caught.value)
    assert "c (host-c:9866) full: 1 bytes free" in str(caught.value)


def test_a_leaving_node_is_the_source_of_last_choice(four):
    four.write("/f", 10, replication=2, on="ab")
    assign(four, "a", Duty.LEAVE)
    four.tick()
    (source,) = {node_id for node_id, _ in four.take_orders()}
    assert source == "b"


def test_the_only_holder_is_a_source_though_it_leaves(four):
    four.write("/f", 10, replication=1, on="a")
    assign(four, "a", Duty.LEAVE)
    carry_out(four)
    assert duty_of(four, "a") == "decommissioned"
    assert set(four.locations("/f")[0]) > {"a"}


def test_who_would_take_the_last_replica_along_stays_even_when_forced(cluster):
    cluster.add_nodes("ab")
    cluster.write("/f", 10, replication=1, on="a")
    with pytest.raises(InvalidRequestException, match="no serving node to copy them to"):
        assign(cluster, "a b", Duty.LEAVE, force=True)
    assert duty_of(cluster, "a") == duty_of(cluster, "b") == "in service"


def test_a_dead_node_with_the_last_replica_is_not_let_go(cluster):
    cluster.add_nodes("ab")
    cluster.write("/d/f", 10, replication=1, on="a")
    cluster.pass_time(31, beating="b")
    with pytest.raises(InvalidRequestException, match="nowhere else, one of them of '/d/f'"):
        assign(cluster, "a", Duty.LEAVE, force=True)


def test_fewer_nodes_than_replicas_are_refused_in_numbers_unless_forced(cluster):
    cluster.add_nodes("abc")
    cluster.alive = set("abc")
    cluster.write("/f", 10)
    with pytest.raises(InvalidRequestException, match="want up to 3 replicas, and only 2"):
        assign(cluster, "a", Duty.LEAVE)
    assign(cluster, "a", Duty.LEAVE, force=True)
    carry_out(cluster)
    assert duty_of(cluster, "a") == "decommissioned"


def test_too_little_space_is_refused_in_numbers(four):
    four.write("/f", 900, replication=2, on="ab")
    for node_id in "bcd":
        four.beat(node_id, free_bytes=100)
    with pytest.raises(InvalidRequestException, match=r"900 bytes must be copied .* 300 bytes"):
        assign(four, "a", Duty.LEAVE)


def test_a_recommissioned_node_serves_again_and_the_surplus_goes(four):
    four.write("/f", 10, on="abc")
    assign(four, "a", Duty.LEAVE)
    carry_out(four)
    assign(four, "a", Duty.SERVE)
    carry_out(four)
    assert duty_of(four, "a") == "in service"
    assert len(four.locations("/f")[0]) == 3


def test_duties_survive_a_restart_and_an_image(four):
    assign(four, "a", Duty.LEAVE)
    assign(four, "b", Duty.REST, for_s=100.0)
    data = b"".join(image.encode(four.state))
    for state in (four.replayed(), image.decode(data + image.hashlib.sha256(data).digest())):
        assert [(m.node.node_id, m.duty) for m in state.roster] == [
            ("a", Duty.LEAVE),
            ("b", Duty.REST),
            ("c", Duty.SERVE),
            ("d", Duty.SERVE),
        ]
        assert state.roster.get("b").until_s == four.wall + 100.0


def test_after_a_restart_a_node_is_not_called_decommissioned_too_early(four):
    (block,) = four.write("/f", 10, replication=1, on="a")
    assign(four, "a", Duty.LEAVE)
    four.restart()
    assert duty_of(four, "a") == "decommissioning"
    for node_id in "abcd":
        four.register(node_id)
        held = [Replica(block, ReplicaState.FINALIZED)] if node_id == "a" else []
        four.full_report(node_id, *held)
    four.pass_time(20)
    assert duty_of(four, "a") == "decommissioning"
    carry_out(four, rounds=60)
    assert duty_of(four, "a") == "decommissioned"


def test_a_resting_node_is_not_dead_until_its_time_is_over(four):
    four.write("/f", 10, on="abc")
    assign(four, "a", Duty.REST, for_s=100.0)
    four.tick()
    assert duty_of(four, "a") == "in maintenance"
    four.pass_time(90, beating="bcd")
    assert four.take_orders() == []
    assert "a" in four.locations("/f")[0]
    four.alive = set("bcd")
    carry_out(four, rounds=60)
    assert four.locations("/f") == [["b", "c", "d"]]
    assert duty_of(four, "a") == "in service"


def test_a_resting_node_that_comes_back_in_time_costs_nothing(four):
    (block,) = four.write("/f", 10, on="abc")
    assign(four, "a", Duty.REST, for_s=100.0)
    four.pass_time(60, beating="bcd")
    four.incarnations["a"] += 1
    four.register("a")
    four.full_report("a", Replica(block, ReplicaState.FINALIZED))
    four.beat("a")
    four.pass_time(60)
    assert four.take_orders() == []
    assert duty_of(four, "a") == "in service"


def test_a_block_that_only_a_resting_node_has_is_copied_first(four):
    four.write("/f", 10, replication=1, on="a")
    assign(four, "a", Duty.REST, for_s=600.0)
    assert duty_of(four, "a") == "entering maintenance"
    carry_out(four)
    assert duty_of(four, "a") == "in maintenance"
    assert len(four.locations("/f")[0]) == 2
    assign(four, "a", Duty.SERVE)
    carry_out(four)
    assert len(four.locations("/f")[0]) == 1


def test_a_jump_of_the_wall_clock_does_not_end_a_rest(four):
    assign(four, "a", Duty.REST, for_s=100.0)
    four.tick()
    four.take(four.core.tick(now=four.now, wall=four.wall + 3600))
    assert duty_of(four, "a") == "in maintenance"


def test_an_open_file_that_too_few_others_write_is_named_and_waited_for(four):
    located = four.add_block(inode := four.create("/log", replication=2))
    leaving = located.nodes[0].node_id
    assign(four, leaving, Duty.LEAVE)
    carry_out(four)
    found = report_of(four, leaving)
    assert (found.duty, found.open_files) == ("decommissioning", ("/log",))
    last = Block(located.block.id, located.block.generation, 10)
    for node in located.nodes:
        four.report(node.node_id, last)
    assert four.complete(inode, last).done
    carry_out(four)
    assert duty_of(four, leaving) == "decommissioned"


def test_a_file_that_stays_open_on_enough_other_nodes_keeps_nobody(four):
    nodes = [node.node_id for node in four.add_block(four.create("/log")).nodes]
    assign(four, nodes[0], Duty.LEAVE)
    carry_out(four)
    assert duty_of(four, nodes[0]) == "decommissioned"
    # The two that are left would be one.
    assign(four, nodes[1], Duty.LEAVE, force=True)
    carry_out(four)
    assert [duty_of(four, n) for n in nodes[:2]] == ["decommissioning"] * 2
    assert report_of(four, nodes[1]).open_files == ("/log",)


def test_a_writer_is_told_which_nodes_to_leave_and_how_many_must_write_then(four):
    renew = four.core.changes.renew_lease
    assert four.take(renew("ana", now=four.now)) == {}
    assign(four, "a", Duty.LEAVE)
    assign(four, "b", Duty.REST, for_s=600.0)
    assert four.take(renew("ana", now=four.now)) == {"a": 2, "b": 1}
    four.take(four.core.safe_mode(True))
    assert four.take(renew("ana", now=four.now)) == {}


def test_a_block_that_was_ended_for_it_lets_a_node_go_while_the_file_stays_open(four):
    located = four.add_block(inode := four.create("/log", replication=1))
    leaving = located.nodes[0].node_id
    assign(four, leaving, Duty.LEAVE)
    carry_out(four)
    assert report_of(four, leaving).open_files == ("/log",)
    whole = Block(located.block.id, located.block.generation, 10)
    four.report(leaving, whole)
    following = four.add_block(inode, whole)
    assert following.nodes[0].node_id != leaving
    four.take(four.core.abandon_block(inode, client_id="ana", block=following.block, now=four.now))
    carry_out(four)
    assert duty_of(four, leaving) == "decommissioned"
    assert four.state.open_files


def test_a_rest_needs_one_other_writing_node_that_is_there(four):
    nodes = [node.node_id for node in four.add_block(four.create("/log", replication=2)).nodes]
    assign(four, nodes[0], Duty.REST, for_s=600.0)
    carry_out(four)
    assert duty_of(four, nodes[0]) == "in maintenance"
    four.pass_time(31, beating="abcd".replace(nodes[1], ""))
    carry_out(four)
    assert duty_of(four, nodes[0]) == "entering maintenance"


def test_files_close_while_all_but_one_node_leave(cluster):
    cluster.add_nodes("abc")
    assign(cluster, "a b", Duty.LEAVE)
    assert cluster.write("/f", 10)


def test_nodes_are_named_by_id_address_or_host(four):
    for word in ("a", "host-a:9866", "host-a"):
        assert [n.node.node_id for n in assign(four, word, Duty.LEAVE)] == ["a"]
    assert len([e for e in four.entries if type(e).__name__ == "DutyAssigned"]) == 1
    with pytest.raises(InvalidRequestException, match="'nobody' is no DataNode that is known"):
        assign(four, "nobody", Duty.LEAVE)


def test_a_dead_node_can_be_forgotten_and_a_live_one_not(four):
    with pytest.raises(InvalidRequestException, match="is alive"):
        four.core.admin.forget("a", now=four.now)
    four.pass_time(31, beating="bcd")
    four.take(four.core.admin.forget("a", now=four.now))
    assert [n.node.node_id for n in four.core.report(now=four.now).reply.nodes] == ["b", "c", "d"]
    assert len(four.replayed().roster) == 3


def test_a_node_that_has_not_come_yet_is_not_judged(four):
    four.restart()
    with pytest.raises(InvalidRequestException, match="nobody knows what is there"):
        assign(four, "a", Duty.LEAVE)
    assign(four, "a", Duty.LEAVE, force=True)


def test_in_safe_mode_no_duty_changes(four):
    four.core.safe_mode(enter=True)
    with pytest.raises(SafeModeException):
        assign(four, "a", Duty.LEAVE)


def test_the_pace_tells_when_it_will_be_done(make_cluster):
    cluster = make_cluster()
    cluster.add_nodes("abcd")
    for number in range(20):
        cluster.write(f"/f{number}", 100, replication=1, on="a")
    assign(cluster, "a", Duty.LEAVE)
    cluster.tick()
    done = 0
    for _ in range(6):
        cluster.pass_time(1)
        for _, order in cluster.take_orders():
            cluster.report(order.targets[0].node_id, order.block)
            done += 1
        cluster.take_orders()
    found = report_of(cluster, "a")
    assert 0 < found.blocks_left < 20
    assert found.bytes_per_s > 0
    assert found.seconds_left == pytest.approx(found.bytes_left / found.bytes_per_s)
