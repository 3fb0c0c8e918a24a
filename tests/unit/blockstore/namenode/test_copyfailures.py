"""A copy that fails is made by others, at once."""

import pytest

from blockstore.errors import StaleEpochException
from blockstore.model import CopyFailure, Replicate


@pytest.fixture
def short(cluster):
    """A block that wants one more replica, and two nodes that could take it."""
    cluster.add_nodes("wxyz")
    cluster.write("/f", 10, replication=2, on="wx")
    cluster.take(cluster.core.set_replication("/f", 3))
    cluster.tick()
    return cluster


def copy(cluster):
    ((source, order),) = [(n, o) for n, o in cluster.take_orders() if isinstance(o, Replicate)]
    return source, order.targets[0], order.block


def fail(cluster, source, target, block, *, by_source=False, epoch=None):
    failure = CopyFailure(block, target, "connection refused", by_source)
    epoch = cluster.state.epoch if epoch is None else epoch
    cluster.take(cluster.core.copy_failed(source, failure, epoch=epoch, now=cluster.now))


def test_another_target_is_chosen_at_once(short):
    source, target, block = copy(short)
    fail(short, source, target, block)
    _, other, _ = copy(short)
    assert other != target


def test_another_source_is_chosen_when_the_source_could_not_read_it(short):
    source, target, block = copy(short)
    fail(short, source, target, block, by_source=True)
    other, _, _ = copy(short)
    assert other != source


def test_when_all_have_failed_they_are_asked_again_after_a_while(short):
    for _ in range(2):
        fail(short, *copy(short))
    short.pass_time(9)
    assert short.take_orders() == []
    short.pass_time(3)
    copy(short)


def test_word_of_an_older_epoch_is_refused(short):
    source, target, block = copy(short)
    with pytest.raises(StaleEpochException):
        fail(short, source, target, block, epoch=0)


def test_word_of_a_copy_that_nobody_waits_for_changes_nothing(short):
    source, target, block = copy(short)
    short.report(target.node_id, block)
    fail(short, source, target, block)
    assert short.take_orders() == []
