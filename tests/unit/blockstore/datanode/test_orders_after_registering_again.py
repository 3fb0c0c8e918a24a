"""Orders are numbered per NameNode epoch, so a second registration in one goes on counting."""

from types import SimpleNamespace

from blockstore.datanode.fence import Fence
from blockstore.datanode.heartbeat import Heartbeat
from blockstore.model import DeleteReplicas, NodeLoad
from blockstore.runtime.clock import FakeClock
from blockstore.wire import namenode_pb2, types_pb2


class Link:
    """A NameNode that forgets the node after each order, and numbers on."""

    epoch = 1

    def __init__(self):
        self.seen = []
        self.registrations = 0
        self.heartbeat_ends = None

    def register(self, cluster_id):
        self.registrations += 1
        return "cluster"

    def heartbeat(self, load, orders_seen):
        self.seen.append(orders_seen)
        match len(self.seen):
            case 1 | 3:
                order = types_pb2.Order(seq=orders_seen + 1)
                order.delete.SetInParent()
                return namenode_pb2.HeartbeatReply(epoch=1, orders=[order])
            case 2:
                return namenode_pb2.HeartbeatReply(epoch=1, register_again=True)
        self.heartbeat_ends()
        return namenode_pb2.HeartbeatReply(epoch=1)


class Store(list):
    report = damaged = list

    def drop_failed_volumes(self):
        pass


def test_the_second_registration_of_an_epoch_takes_the_order_after_the_last():
    link, taken, clock = Link(), [], FakeClock()
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
    link.heartbeat_ends = heartbeat.stop
    heartbeat.run(SimpleNamespace(room=10, take=taken.append))
    assert link.registrations == 2
    assert link.seen == [0, 1, 1, 2]
    assert taken == [DeleteReplicas(()), DeleteReplicas(())]
