"""What happens to replicas: one line of the table at a time."""

import pytest

from blockstore.datanode.core import TRANSITIONS, Event, Replicas
from blockstore.errors import InvalidRequestException, ReplicaNotFoundException
from blockstore.model import Block, Replica, ReplicaState

RBW, RWR = ReplicaState.RBW, ReplicaState.RWR
FINALIZED, CORRUPT = ReplicaState.FINALIZED, ReplicaState.CORRUPT
DELETED = ReplicaState.DELETED


def with_replica(state: ReplicaState, generation: int = 5, length: int = 100) -> Replicas:
    core = Replicas([Replica(Block(1, generation, length), FINALIZED if state is RBW else state)])
    if state is RBW:
        core.grow(Block(1, generation, length))
    return core


def happen(core: Replicas, event: Event, block: Block, **options) -> tuple[Replica, ...]:
    core.check(event, block, **options)
    return core.apply(event, block)


def test_a_block_is_written_and_reported_once_it_is_durable():
    core = Replicas()
    assert happen(core, Event.CREATE, Block(1, 5)) == ()
    core.grow(Block(1, 5, 100))
    assert happen(core, Event.FINALIZE, Block(1, 5, 100)) == (Replica(Block(1, 5, 100), FINALIZED),)


def test_open_replicas_wait_for_recovery_after_a_restart():
    core = Replicas([Replica(Block(1, 5, 100), RBW)])
    assert core.report() == [Replica(Block(1, 5, 100), RWR)]
    with pytest.raises(InvalidRequestException):
        core.check(Event.RESUME, Block(1, 5))


@pytest.mark.parametrize("state", [RBW, RWR, FINALIZED, CORRUPT])
def test_a_block_is_created_once(state):
    with pytest.raises(InvalidRequestException):
        with_replica(state).check(Event.CREATE, Block(1, 5))


@pytest.mark.parametrize("generation", [4, 6])
def test_only_the_stamped_writer_resumes(generation):
    core = with_replica(RBW)
    core.check(Event.RESUME, Block(1, 5))
    with pytest.raises((InvalidRequestException, ReplicaNotFoundException)):
        core.check(Event.RESUME, Block(1, generation))


@pytest.mark.parametrize("state", [RBW, RWR, FINALIZED])
def test_an_update_cuts_and_stamps(state):
    core = with_replica(state)
    reports = happen(core, Event.UPDATE, Block(1, 7, 60), since=5)
    assert core.get(1) == Replica(Block(1, 7, 60), RBW)
    # It was durable before and isn't now: the NameNode must know.
    assert reports == ((Replica(Block(1, 7, 60), RBW),) if state is FINALIZED else ())


def test_an_update_never_lengthens_never_goes_back_and_skips_replicas_that_missed_one():
    core = with_replica(RBW)
    for block, since in ((Block(1, 7, 101), 5), (Block(1, 4, 60), 3), (Block(1, 7, 60), 6)):
        with pytest.raises((InvalidRequestException, ReplicaNotFoundException)):
            core.check(Event.UPDATE, block, since=since)


def test_a_promised_replica_refuses_older_writers_and_recoveries():
    core = with_replica(RBW)
    assert core.promise(Block(1, 5), 9) == Replica(Block(1, 5, 100), RBW)
    for event in (Event.RESUME, Event.FINALIZE):
        with pytest.raises(InvalidRequestException, match="recovery with stamp 9"):
            core.check(event, Block(1, 5))
    with pytest.raises(InvalidRequestException):
        core.check(Event.UPDATE, Block(1, 8, 50), since=5)
    with pytest.raises(InvalidRequestException, match="too late"):
        core.promise(Block(1, 5), 8)
    assert happen(core, Event.UPDATE_FINAL, Block(1, 9, 80), since=5) == (
        Replica(Block(1, 9, 80), FINALIZED),
    )


def test_a_recovery_of_what_is_not_here_promises_nothing():
    core = Replicas()
    assert core.promise(Block(1, 5), 9).state is ReplicaState.ABSENT
    core.check(Event.CREATE, Block(1, 5))


def test_whole_copies_replace_older_and_broken_replicas_only():
    for state in (RBW, RWR, FINALIZED, CORRUPT):
        with_replica(state).check(Event.COPY, Block(1, 6, 10))
    for state in (RWR, CORRUPT):
        with_replica(state).check(Event.COPY, Block(1, 5, 10))
    with_replica(RBW).check(Event.COPY, Block(1, 5, 10))
    with pytest.raises(InvalidRequestException):
        with_replica(RBW).check(Event.COPY, Block(1, 5, 10), written=True)
    with pytest.raises(InvalidRequestException):
        with_replica(FINALIZED).check(Event.COPY, Block(1, 5, 10))


def test_an_order_to_delete_spares_a_newer_replica():
    core = with_replica(FINALIZED)
    with pytest.raises(InvalidRequestException):
        core.check(Event.DELETE, Block(1, 4))
    assert happen(core, Event.DELETE, Block(1, 5)) == (Replica(Block(1, 5, 100), DELETED),)
    assert core.report() == []
    with pytest.raises(ReplicaNotFoundException):
        core.check(Event.DELETE, Block(1, 5))


def test_rot_is_reported_and_left_out_of_full_reports():
    core = with_replica(FINALIZED)
    assert happen(core, Event.ROT, Block(1, 5, 100)) == (Replica(Block(1, 5, 100), CORRUPT),)
    assert core.report() == []
    assert core.damaged() == [Replica(Block(1, 5, 100), CORRUPT)]


def test_a_refusal_tells_the_story():
    core = Replicas()
    happen(core, Event.CREATE, Block(1, 5))
    core.grow(Block(1, 5, 100))
    happen(core, Event.FINALIZE, Block(1, 5, 100))
    with pytest.raises(InvalidRequestException, match=r"CREATE → RBW .*; FINALIZE → FINALIZED"):
        core.check(Event.CREATE, Block(1, 5))


def test_every_state_can_be_deleted_and_lost():
    for state in (RBW, RWR, FINALIZED, CORRUPT):
        assert (state, Event.DELETE) in TRANSITIONS
        assert (state, Event.LOST) in TRANSITIONS
