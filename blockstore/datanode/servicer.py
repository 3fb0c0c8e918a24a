"""gRPC ↔ store: translate, call, translate."""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from blockstore.bundles import BUNDLE_METHOD, BUNDLES_METHOD
from blockstore.codec import block_from_wire, nodes_from_wire, replica_info_to_wire
from blockstore.datanode import transfer
from blockstore.datanode.bundle import Bundles
from blockstore.datanode.fence import Fence
from blockstore.datanode.identity import Identity
from blockstore.datanode.pipeline import Pipeline, PipelineLimits
from blockstore.datanode.store import ReplicaStore
from blockstore.datastream import (
    FETCH_METHOD,
    RANGES_METHOD,
    READ_METHOD,
    WRITE_METHOD,
    Ack,
    pack_ack,
)
from blockstore.errors import ChecksumException, InvalidRequestException, NotReadyException
from blockstore.model import Node
from blockstore.packetstream import PacketStreams
from blockstore.runtime import failpoint, rpc
from blockstore.runtime.clock import Clock
from blockstore.wire import datanode_pb2, datanode_pb2_grpc

# Streams that are kept open between questions: writers and whole reads must find room beside them.
KEPT_SHARE: Final = 0.5


class StreamLimit:
    """Counts open streams: each holds a thread."""

    def __init__(self, streams_max: int) -> None:
        self._streams_max = streams_max
        self._guard = threading.Lock()
        self.open = 0

    @contextmanager
    def one_more(self, share: float = 1.0) -> Iterator[None]:
        """Raises NotReadyException when too many are open; `share`: of the limit, for this kind."""
        with self._guard:
            if self.open >= share * self._streams_max:
                raise NotReadyException(
                    f"this DataNode serves {self.open} streams, which is its limit (streams_max)"
                )
            self.open += 1
        try:
            yield
        finally:
            with self._guard:
                self.open -= 1


class DataNodeServicer(datanode_pb2_grpc.DataNodeServicer):
    """Control calls of clients and other DataNodes."""

    def __init__(self, store: ReplicaStore, streams: PacketStreams) -> None:
        self._store = store
        self._streams = streams

    def ReplicaInfo(self, request: Any, context: Any) -> datanode_pb2.ReplicaInfoReply:
        info = replica_info_to_wire(self._store.info(request.block_id))
        info.chunk_bytes = self._store.chunk_bytes(request.block_id)
        return info

    def Checksum(self, request: Any, context: Any) -> datanode_pb2.ChecksumReply:
        block = block_from_wire(request.block)
        files = self._store.read(block)
        try:
            return datanode_pb2.ChecksumReply(crc=files.checksum(block.length))
        finally:
            files.close()

    def BeginRecovery(self, request: Any, context: Any) -> datanode_pb2.ReplicaInfoReply:
        block = block_from_wire(request.block)
        return replica_info_to_wire(self._store.begin_recovery(block, request.new_generation))

    def UpdateReplica(self, request: Any, context: Any) -> datanode_pb2.ReplicaInfoReply:
        old, new = block_from_wire(request.old), block_from_wire(request.new)
        failpoint.hit("servicer.update_replica.before_update")
        replica = self._store.update(old, new, finalize=request.finalize)
        failpoint.hit("servicer.update_replica.after_update")
        for target in nodes_from_wire(request.copy_to):
            transfer.copy(self._store, new, target, self._streams, keep_open=True)
        return replica_info_to_wire(replica)

    def VerifyReplica(self, request: Any, context: Any) -> datanode_pb2.VerifyReplicaReply:
        block = block_from_wire(request.block)
        try:
            return datanode_pb2.VerifyReplicaReply(length=transfer.verify(self._store, block))
        except ChecksumException as error:
            return datanode_pb2.VerifyReplicaReply(damage=str(error))

    def LocalPath(self, request: Any, context: Any) -> datanode_pb2.LocalPathReply:
        paths = self._store.local_paths(block_from_wire(request.block))
        return datanode_pb2.LocalPathReply(
            data_path=paths.data_path,
            checksum_path=paths.checksum_path,
            witness_path=paths.witness_path,
            witness=paths.witness,
            record_at=paths.record_at,
        )


class DataServicer:
    """The raw streams."""

    def __init__(
        self,
        store: ReplicaStore,
        *,
        dial: Callable[[Node], grpc.Channel],
        packets: PacketStreams,
        fence: Fence,
        limits: PipelineLimits,
        clock: Clock,
        streams: StreamLimit,
        identity: Identity,
        secret: str | None = None,
    ) -> None:
        self._store = store
        self._packets = packets
        self._fence = fence
        self._limits = limits
        self._clock = clock
        self._streams = streams
        self._bundles = Bundles(
            store, dial=dial, fence=fence, limits=limits, identity=identity, secret=secret
        )

    def handler(self) -> grpc.GenericRpcHandler:
        service, _, write = WRITE_METHOD.lstrip("/").partition("/")
        fetch, ranges = FETCH_METHOD.rpartition("/")[2], RANGES_METHOD.rpartition("/")[2]
        read, bundle = READ_METHOD.rpartition("/")[2], BUNDLE_METHOD.rpartition("/")[2]
        bundles = BUNDLES_METHOD.rpartition("/")[2]
        return rpc.raw_handler(
            service,
            unary_unary={bundle: self.bundle, fetch: self.fetch},
            unary_stream={read: self.read},
            stream_stream={write: self.write, ranges: self.ranges, bundles: self.bundles},
        )

    def read(self, request: bytes, context: Any) -> Iterator[bytes]:
        header = _parsed(datanode_pb2.ReadHeader(), request)
        with self._streams.one_more():
            yield from transfer.read(self._store, header)

    def fetch(self, request: bytes, context: Any) -> bytes:
        header = _parsed(datanode_pb2.ReadHeader(), request)
        with self._streams.one_more(), closing(transfer.Ranges(self._store)) as ranges:
            return ranges.fetch(header)

    def ranges(self, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        with (
            self._streams.one_more(KEPT_SHARE),
            closing(transfer.Ranges(self._store)) as ranges,
        ):
            for request in requests:
                yield ranges.fetch(_parsed(datanode_pb2.ReadHeader(), request))

    def bundle(self, request: bytes, context: Any) -> bytes:
        with self._streams.one_more():
            return self.receive_bundle(request)

    def receive_bundle(self, bundle: bytes) -> bytes:
        """The ack, for whoever serves its sender."""
        return self._bundles.receive(bundle)

    def bundles(self, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        with self._streams.one_more(KEPT_SHARE):
            for request in requests:
                ack = self._bundles.receive(request)
                failpoint.hit("servicer.bundles.before_ack")
                yield ack
                failpoint.hit("servicer.bundles.after_ack")

    def close(self) -> None:
        """Ends what is kept open to other nodes."""
        self._bundles.close()

    def write(self, frames: Iterator[bytes], context: Any) -> Iterator[bytes]:
        return self.receive_packets(frames)

    def receive_packets(self, frames: Iterator[bytes | memoryview]) -> Generator[bytes, None, None]:
        """The acks, for whoever serves the writer; each frame's memory may be used for the next."""
        header = _parsed(datanode_pb2.WriteHeader(), next(frames, b""))
        try:
            with self._streams.one_more():
                yield from Pipeline(
                    self._store,
                    header,
                    frames,
                    streams=self._packets,
                    fence=self._fence,
                    limits=self._limits,
                    clock=self._clock,
                ).run()
        except NotReadyException as busy:
            yield pack_ack(Ack(0, 0, str(busy)))


def _parsed(header: Any, frame: bytes | memoryview) -> Any:
    try:
        header.ParseFromString(bytes(frame))
    except DecodeError:
        raise InvalidRequestException("the stream's first frame is no header") from None
    return header
