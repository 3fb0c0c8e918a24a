"""DataNodes without a NameNode: real streams over loopback, inside this process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from blockstore import bytedial
from blockstore.datanode.blockfiles import BlockFiles
from blockstore.datanode.byteport import BytePort
from blockstore.datanode.disk import Disk, SystemDisk
from blockstore.datanode.fence import Fence
from blockstore.datanode.identity import Identity
from blockstore.datanode.pipeline import PipelineLimits
from blockstore.datanode.servicer import DataNodeServicer, DataServicer, StreamLimit
from blockstore.datanode.store import ReplicaStore
from blockstore.model import Node, Replica
from blockstore.packetstream import PacketStreams
from blockstore.peers import Peers
from blockstore.runtime import rpc
from blockstore.runtime.clock import SYSTEM_CLOCK, FakeClock
from blockstore.wire import datanode_pb2_grpc

LIMITS = PipelineLimits(setup_s=5.0, ack_s=5.0, idle_s=30.0)


class LoneDataNode:
    """Streams and control calls over one directory; reports go to a list."""

    def __init__(
        self,
        directory: Path,
        number: int,
        limits: PipelineLimits,
        disk: Disk,
        streams: int,
        by_port: bool,
    ) -> None:
        self.reports: list[Replica] = []
        self._byte_ports: list[BytePort] = []
        self.files = BlockFiles([str(directory)], disk)
        self.store = ReplicaStore(self.files, self.reports.append, self._report_later)
        self.peers = Peers(None)
        self.packets = PacketStreams(self.peers.dial, None, by_port=by_port)
        self.streams = StreamLimit(streams)
        self.fence_clock = FakeClock()
        self.server = rpc.threaded_server(threads=8)
        datanode_pb2_grpc.add_DataNodeServicer_to_server(
            DataNodeServicer(self.store, self.packets), self.server
        )
        self.data = DataServicer(
            self.store,
            dial=self.peers.dial,
            packets=self.packets,
            fence=Fence(self.fence_clock, close_after_s=60.0),
            limits=limits,
            clock=SYSTEM_CLOCK,
            streams=self.streams,
            identity=Identity(1, f"dn-{number}", "", 1),
        )
        self.server.add_generic_rpc_handlers((self.data.handler(),))
        port = rpc.bind(self.server, "127.0.0.1", 0)
        self.byte_port = self.make_byte_port()
        self.node = Node(f"dn-{number}", "127.0.0.1", port, byte_port=self.byte_port.port)
        self.server.start()

    def make_byte_port(self, **options: Any) -> BytePort:
        """Another one, of its own limits."""
        options = {"connections_max": 16, **options}
        port = BytePort(
            self.store,
            self.streams.one_more,
            self.data.receive_bundle,
            self.data.receive_packets,
            "127.0.0.1",
            0,
            **options,
        )
        port.start()
        self._byte_ports.append(port)
        return port

    def _report_later(self, replica: Replica) -> int:
        self.reports.append(replica)
        return 100 + len(self.reports)

    def stop(self) -> None:
        """As if the process had ended: nobody listens any more."""
        stopped = self.server.stop(0)
        for port in self._byte_ports:
            port.stop(10.0)
        stopped.wait(10)

    def close(self) -> None:
        self.stop()
        self.data.close()
        self.peers.close()
        self.files.close()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a thread may need longer to greet than anybody waits for it in life."""
    monkeypatch.setattr(bytedial, "DIAL_S", 60.0)


@pytest.fixture
def by_port() -> bool:
    """Whether packets go over byte ports."""
    return True


@pytest.fixture
def datanodes(tmp_path: Path, by_port: bool) -> Iterator[Callable[..., list[LoneDataNode]]]:
    """Makes so many DataNodes; the first may get a disk of its own kind."""
    with ExitStack() as stack:

        def make(
            count: int,
            *,
            limits: PipelineLimits = LIMITS,
            first_disk: Disk | None = None,
            streams: int = 8,
        ) -> list[LoneDataNode]:
            nodes = []
            for number in range(count):
                disk = first_disk if first_disk and number == 0 else SystemDisk()
                nodes.append(
                    LoneDataNode(tmp_path / f"{number}", number, limits, disk, streams, by_port)
                )
                stack.callback(nodes[-1].close)
            return nodes

        yield make


@pytest.fixture
def peers() -> Iterator[Peers]:
    """A client's channels."""
    found = Peers(None)
    yield found
    found.close()
