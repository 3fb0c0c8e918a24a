"""The DataNode's composition root: build, wire, run, drain, stop."""

import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc

from blockstore.datanode import identity
from blockstore.datanode.blockfiles import BlockFiles
from blockstore.datanode.byteport import BytePort
from blockstore.datanode.diskcheck import DiskCheck
from blockstore.datanode.fence import Fence
from blockstore.datanode.heartbeat import Heartbeat
from blockstore.datanode.namenode_link import NameNodeLink
from blockstore.datanode.orders import OrderDesk
from blockstore.datanode.pipeline import PipelineLimits
from blockstore.datanode.reports import Reporter
from blockstore.datanode.scanner import Scanner
from blockstore.datanode.servicer import DataNodeServicer, DataServicer, StreamLimit
from blockstore.datanode.store import ReplicaStore
from blockstore.datanode.volume import VolumeFailure
from blockstore.errors import AccessControlException, ConfigException, StoreError
from blockstore.model import Node
from blockstore.packetstream import PacketStreams
from blockstore.peers import Peers
from blockstore.runtime import config, rpc
from blockstore.runtime.clock import SYSTEM_CLOCK
from blockstore.runtime.daemon import (
    STOP_GRACE_S,
    announce,
    check_bind,
    configure_logging,
    stop_event_for_threads,
    take_descriptors,
)
from blockstore.runtime.heap import keep_freed_memory
from blockstore.wire import datanode_pb2_grpc, namenode_pb2_grpc

log = logging.getLogger(__name__)

EXIT_REFUSED = 2
# sysexits.h, EX_IOERR.
EXIT_DISKS_FAILED = 74
# Until a node without volumes gives up telling what it has lost.
_LAST_REPORT_S = 2.0
# Streams that are nearly done may end by themselves when the node is told to stop.
_DRAIN_S = 0.5
_REFUSAL_CHECK_S = 0.2
# Control calls that find a thread even while every stream is taken.
_CONTROL_THREADS = 16


@dataclass(frozen=True)
class DataNodeSettings:
    """What `--conf name=value` can change; times in seconds."""

    # Block streams at once, in and out; more are sent to other nodes.
    streams_max: int = 256
    # Where bytes are read and written without gRPC: 0: any free port, -1: nowhere. Who can't reach
    # it asks over gRPC.
    byte_port: int = 0
    # Connections to it at once, most of which wait to be used again; each holds a thread.
    byte_connections_max: int = 512
    # Copies to other nodes at once: re-replication must not starve readers.
    copies_at_once: int = 8
    # What copies that repair may take of the network together, bytes a second; 0: all.
    copy_bytes_per_s: int = 200 * 1024 * 1024
    # Silence of the NameNode after which no write is acknowledged: longer than a NameNode
    # takes to restart, and than its own patience with this node.
    fence_after_s: float = 90.0
    # How long the nodes further down a pipeline may take to stand, and to acknowledge.
    pipeline_setup_s: float = 10.0
    pipeline_ack_s: float = 30.0
    # A writer that said nothing for so long is gone.
    writer_idle_s: float = 120.0
    # Every replica is read and verified once in so long; 0: never.
    scan_period_s: float = 7 * 24 * 3600.0
    # The scanner's share of every disk.
    scan_bytes_per_s: int = 8 * 1024 * 1024
    # Room on every volume that blocks leave to others, bytes.
    reserved_bytes: int = 64 * 1024 * 1024
    # How often every disk is written to and read back from, 0: never; and how long that may take
    # on a busy one before the disk counts as dead.
    disk_check_interval_s: float = 60.0
    disk_check_timeout_s: float = 300.0


def run(
    directories: Sequence[str | os.PathLike[str]],
    namenode: str,
    host: str,
    port: int,
    *,
    advertise: str | None = None,
    rack: str = "/default",
    insecure: bool = False,
    settings: Sequence[str] = (),
) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code.

    Prints `datanode ready on HOST:PORT` when the NameNode has taken its first full report.
    0: ended by a signal. 2: it, or the NameNode, refused, and said why on stderr. 74: its last
    volume failed.
    """
    configure_logging("datanode")
    keep_freed_memory()
    take_descriptors()
    try:
        secret = config.cluster_secret()
        check_bind("datanode", host, secret=secret, insecure=insecure)
        stop = stop_event_for_threads()
        datanode = DataNode(
            directories,
            namenode,
            host,
            port,
            advertise=advertise,
            rack=rack,
            settings=config.settings(DataNodeSettings, settings),
            secret=secret,
            on_ready=lambda node: announce("datanode", node.host, node.port),
        )
        try:
            _serve(datanode, stop)
        finally:
            datanode.stop()
    except (ConfigException, AccessControlException) as error:
        print(f"datanode: {error}", file=sys.stderr)
        return EXIT_REFUSED
    except VolumeFailure as error:
        print(f"datanode: {error}: replace the disks, then start it again", file=sys.stderr)
        return EXIT_DISKS_FAILED
    return 0


def _serve(datanode: "DataNode", stop: threading.Event) -> None:
    datanode.start()
    while not stop.wait(_REFUSAL_CHECK_S):
        if datanode.refusal is not None:
            raise datanode.refusal
        datanode.check_volumes()


class DataNode:
    """All parts of one DataNode; holds its directories' locks from the beginning."""

    def __init__(
        self,
        directories: Sequence[str | os.PathLike[str]],
        namenode: str,
        host: str,
        port: int,
        *,
        advertise: str | None = None,
        rack: str = "/default",
        settings: DataNodeSettings,
        secret: str | None = None,
        on_ready: Callable[[Node], None] = lambda node: None,
    ) -> None:
        """`on_ready` is called once, when the NameNode has taken the first full report."""
        namenode_host, namenode_port = config.parse_address(namenode, config.NAMENODE_PORT)
        self._settings = settings
        paths = [os.path.abspath(directory) for directory in directories]
        self._files = BlockFiles(paths, reserved_bytes=settings.reserved_bytes)
        self._identity = identity.begin(self._files.volumes, paths)
        self._peers = Peers(secret)
        self._packets = PacketStreams(self._peers.dial, secret)
        self._reporter = Reporter(on_stale=lambda: self._heartbeat.forgotten())
        self._store = ReplicaStore(self._files, self._reporter.note, self._reporter.note_later)
        self._fence = Fence(SYSTEM_CLOCK, settings.fence_after_s)
        self._streams = StreamLimit(settings.streams_max)
        self._data = self._make_data_servicer(secret)
        self._server = self._make_server(secret)
        real_port = rpc.bind(self._server, host, port)
        self._byte_port = self._make_byte_port(host, secret)
        self.node = Node(
            self._identity.node_id,
            advertise or _own_name(host),
            real_port,
            rack,
            self._byte_port.port if self._byte_port else 0,
        )
        self._channel = rpc.channel(f"{namenode_host}:{namenode_port}", secret=secret)
        link = NameNodeLink(
            namenode_pb2_grpc.DataNodeProtocolStub(self._channel),
            f"NameNode {namenode_host}:{namenode_port}",
            self.node,
            self._identity.incarnation,
        )
        self._heartbeat = Heartbeat(
            link,
            self._store,
            self._reporter,
            join_cluster=self._join_cluster,
            cluster_id=self._identity.cluster_id,
            load=lambda: self._files.load_of_disks(self._streams.open),
            fence=self._fence,
            clock=SYSTEM_CLOCK,
            on_ready=lambda: on_ready(self.node),
        )
        self._desk = OrderDesk(
            self._store,
            own_id=self.node.node_id,
            dial=self._peers.dial,
            streams=self._packets,
            copies_at_once=settings.copies_at_once,
            copy_bytes_per_s=settings.copy_bytes_per_s,
            clock=SYSTEM_CLOCK,
            copy_failed=link.copy_failed,
            send_report=self._heartbeat.send_full_report,
            commit_recovery=link.commit_recovery,
        )
        self._scanner = Scanner(
            self._store,
            self._files.volumes,
            self._files.on_volume,
            settings.scan_period_s,
            settings.scan_bytes_per_s,
            SYSTEM_CLOCK,
        )
        self._disk_check = DiskCheck(
            self._files.volumes,
            settings.disk_check_interval_s,
            settings.disk_check_timeout_s,
            SYSTEM_CLOCK,
        )

    @property
    def refusal(self) -> StoreError | None:
        """Why the NameNode will never take this node."""
        return self._heartbeat.refusal

    def check_volumes(self) -> None:
        """Raises VolumeFailure when none is left; the NameNode has been told, if it answers."""
        if reasons := self._files.exhausted():
            self._store.drop_failed_volumes()
            self._reporter.flush(_LAST_REPORT_S)
            raise VolumeFailure(f"no storage directory can be used any more ({reasons})")

    def start(self) -> None:
        self._server.start()
        if self._byte_port is not None:
            self._byte_port.start()
        self._reporter.start()
        threading.Thread(
            target=self._heartbeat.run, args=(self._desk,), name="heartbeat", daemon=True
        ).start()
        self._scanner.start()
        self._disk_check.start()
        log.info(
            "%s serves %d replicas, bytes on port %d, incarnation %d",
            self.node, len(self._store), self.node.byte_port, self._identity.incarnation,
        )  # fmt: skip

    def stop(self) -> None:
        """Ends streams, threads and locks; what was durable stays."""
        self._scanner.stop()
        self._disk_check.stop()
        self._heartbeat.stop()
        self._desk.close()
        self._reporter.stop()
        stopped = self._server.stop(grace=_DRAIN_S)
        if self._byte_port is not None:
            self._byte_port.stop(_DRAIN_S)
        stopped.wait(STOP_GRACE_S)
        self._data.close()
        # Copies to others: nobody waits for them.
        self._packets.close()
        self._channel.close()
        self._peers.close()
        self._files.close()

    def _make_data_servicer(self, secret: str | None) -> DataServicer:
        settings = self._settings
        return DataServicer(
            self._store,
            dial=self._peers.dial,
            packets=self._packets,
            fence=self._fence,
            limits=PipelineLimits(
                settings.pipeline_setup_s, settings.pipeline_ack_s, settings.writer_idle_s
            ),
            clock=SYSTEM_CLOCK,
            streams=self._streams,
            identity=self._identity,
            secret=secret,
        )

    def _make_server(self, secret: str | None) -> grpc.Server:
        settings = self._settings
        server = rpc.threaded_server(threads=settings.streams_max + _CONTROL_THREADS, secret=secret)
        datanode_pb2_grpc.add_DataNodeServicer_to_server(
            DataNodeServicer(self._store, self._packets), server
        )
        server.add_generic_rpc_handlers((self._data.handler(),))
        return server

    def _make_byte_port(self, host: str, secret: str | None) -> BytePort | None:
        if self._settings.byte_port < 0:
            return None
        return BytePort(
            self._store,
            self._streams.one_more,
            self._data.receive_bundle,
            self._data.receive_packets,
            host,
            self._settings.byte_port,
            connections_max=self._settings.byte_connections_max,
            secret=secret,
        )

    def _join_cluster(self, cluster_id: str) -> str:
        self._identity = identity.join(self._files.volumes, self._identity, cluster_id)
        return cluster_id


def _own_name(host: str) -> str:
    """What others dial when nobody said: not the address that means "all of them"."""
    return socket.gethostname() if host in ("0.0.0.0", "::", "[::]") else host
