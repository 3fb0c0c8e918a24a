import socket

import grpc
import pytest

from blockstore.client.exclusions import Exclusions, excluded
from blockstore.errors import StoreError
from blockstore.model import Excluded, Node
from blockstore.runtime import rpc
from blockstore.runtime.clock import FakeClock
from blockstore.runtime.retry import NO_RETRY
from blockstore.wire import datanode_pb2, datanode_pb2_grpc

NODE = Node("dn1", "10.0.0.4", 9866)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("DataNode dn1 (10.0.0.4:9866) doesn't answer (unavailable: no route)",
         "can't be reached from dn0"),
        ("x doesn't answer (deadline_exceeded: )", "doesn't answer dn0 in time"),
        ("dn1 (10.0.0.4:9866) has taken no byte for 5 s", "has taken no byte from dn0 for 5 s"),
        ("has acknowledged nothing for 5 s", "has acknowledged nothing to dn0 for 5 s"),
        ("dn1 (10.0.0.4:9866) has given no sign of life for 5 s",
         "has given no sign of life to dn0 for 5 s"),
        ("dn1 (10.0.0.4:9866) has broken off the connection: Connection reset by peer",
         "has broken off the connection to dn0: Connection reset by peer"),
        ("this DataNode serves 9 streams", "this DataNode serves 9 streams"),
    ],
)  # fmt: skip
def test_reasons_are_short(reason, words):
    assert str(excluded(NODE, reason, seen_from="dn0")) == f"dn1 (10.0.0.4:9866) {words}"


@pytest.fixture
def free_port():
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_what_grpc_says_of_a_closed_port_is_a_refused_connection(free_port):
    with grpc.insecure_channel(f"127.0.0.1:{free_port}") as channel:
        stub = datanode_pb2_grpc.DataNodeStub(channel)
        with pytest.raises(StoreError) as caught:
            rpc.call(
                stub.ReplicaInfo,
                datanode_pb2.ReplicaInfoRequest(block_id=1),
                to="DataNode dn1 (10.0.0.4:9866)",
                policy=NO_RETRY,
            )
    assert excluded(NODE, str(caught.value)).reason == "connection refused from client"


def test_who_fails_again_and_again_is_left_alone_for_longer_and_longer():
    clock = FakeClock()
    exclusions = Exclusions(clock)
    for span_s in (10, 20, 40, 80, 160, 320, 600, 600):
        exclusions["dn1"] = Excluded(NODE, "fails in this test")
        # Told twice of one failure, it's one.
        exclusions["dn1"] = Excluded(NODE, "fails in this test")
        clock.advance(span_s - 1)
        exclusions.forget_old()
        assert "dn1" in exclusions
        clock.advance(1)
        exclusions.forget_old()
        assert "dn1" not in exclusions
