"""Which refusals of the NameNode end a DataNode, and which it waits out."""

from types import SimpleNamespace

import pytest

from blockstore.datanode.fence import Fence
from blockstore.datanode.heartbeat import Heartbeat
from blockstore.errors import AccessControlException, ConfigException
from blockstore.model import NodeLoad
from blockstore.runtime.clock import FakeClock
from blockstore.wire import namenode_pb2

APART = AccessControlException("the clocks of this client and the server are too far apart")
OTHER = ConfigException("this NameNode's cluster is another")


class Link:
    """A NameNode that forgets the node at its first heartbeat; `answers` are those to
    registrations: an error, or None."""

    epoch = 1

    def __init__(self, *answers):
        self._answers = list(answers)
        self.at_the_end = None

    def register(self, cluster_id):
        if (answer := self._answers.pop(0)) is not None:
            raise answer
        return "cluster"

    def heartbeat(self, load, orders_seen):
        if self._answers:
            return namenode_pb2.HeartbeatReply(epoch=1, register_again=True)
        self.at_the_end()
        return namenode_pb2.HeartbeatReply(epoch=1)


class Store(list):
    report = damaged = list

    def drop_failed_volumes(self):
        pass


def refusal_after(*answers):
    link, clock = Link(*answers), FakeClock()
    heartbeat = Heartbeat(
        link,
        Store(),
        SimpleNamespace(full=lambda *_: None, full_is_due=lambda: False),
        join_cluster=lambda cluster_id: cluster_id,
        cluster_id="",
        load=NodeLoad,
        fence=Fence(clock, 10.0),
        clock=clock,
        on_ready=lambda: None,
    )
    link.at_the_end = heartbeat.stop
    heartbeat.run(SimpleNamespace(room=10, take=lambda _: None))
    return heartbeat.refusal


def test_who_was_never_let_in_ends_at_the_first_refusal():
    assert refusal_after(APART) is APART


def test_who_was_let_in_once_tries_on_when_it_is_refused_later():
    assert refusal_after(None, APART, APART, None) is None


@pytest.mark.parametrize("before", [(), (None,)])
def test_a_node_of_another_cluster_ends_whenever_it_is_told(before):
    assert refusal_after(*before, OTHER) is OTHER
