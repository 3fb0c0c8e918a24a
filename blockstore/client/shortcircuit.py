"""Reading a replica's files directly when its DataNode is on this machine.

The DataNode names the files and a witness: words in a file of its own. A client that
reads the same words at that path sees the same disk. Checksums are verified as ever.
Whatever goes wrong here is no error: the bytes then come over the wire.
"""

import errno
import logging
import os
import socket
from typing import Any, Final

from blockstore import checksum, checksumfile, packrecord
from blockstore.checksum import CRC_BYTES, chunk_count
from blockstore.codec import block_to_wire
from blockstore.errors import ChecksumException, StoreError
from blockstore.model import Block, Node
from blockstore.peers import Peers
from blockstore.runtime import rpc
from blockstore.runtime.retry import NO_RETRY
from blockstore.wire import datanode_pb2, datanode_pb2_grpc

log = logging.getLogger(__name__)

_ASK_TIMEOUT_S: Final = 2.0
# Read, verified and handed on while it is in the processor's cache.
RUN_BYTES: Final = 256 * 1024


class LocalReplica:
    """One finalised replica, open: its files, or its place in a pack. `run` may be called by
    several threads."""

    def __init__(
        self, block: Block, data_path: str, checksum_path: str, record_at: int | None = None
    ) -> None:
        """`record_at`: where its record begins in the pack that both paths name.

        Raises OSError or ChecksumException when that isn't the replica's.
        """
        # What `close` asks for, also of an instance that was refused below.
        self._descriptor = -1
        self._what = data_path
        if record_at is None:
            self._open_files(block, data_path, checksum_path)
        else:
            self._open_record(block, data_path, record_at)
        if len(self._crcs) < chunk_count(self.length, self._chunk_bytes) * CRC_BYTES:
            raise ChecksumException(f"{checksum_path} is too short")

    def _open_files(self, block: Block, data_path: str, checksum_path: str) -> None:
        with open(checksum_path, "rb") as file:
            raw = file.read()
        header = checksumfile.unpack_header(raw, checksum_path)
        if header.block_id != block.id or header.generation < block.generation:
            raise ChecksumException(f"{checksum_path} isn't of {block}")
        self.length = header.length
        self._chunk_bytes = header.chunk_bytes
        self._crcs = raw[checksumfile.HEADER_BYTES :]
        self._start = 0
        self._descriptor = os.open(data_path, os.O_RDONLY | os.O_CLOEXEC)

    def _open_record(self, block: Block, path: str, at: int) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        raw = os.pread(self._descriptor, packrecord.HEADER_BYTES, at)
        header = packrecord.unpack_header(raw, packrecord.salt_in(raw))
        found = header.block if header is not None and header.live else None
        if header is None or found is None or found.id != block.id:
            raise ChecksumException(f"{path} at {at} isn't of {block}")
        if found.generation < block.generation:
            raise ChecksumException(f"{path} at {at} has {found}, older than {block}")
        self.length = found.length
        self._chunk_bytes = header.chunk_bytes
        self._crcs = os.pread(self._descriptor, header.crcs_bytes, at + packrecord.HEADER_BYTES)
        self._start = at + header.data_at

    @property
    def checksum_bytes(self) -> int:
        """How many it holds in memory."""
        return len(self._crcs)

    def run(self, offset: int, end: int) -> memoryview:
        """Verified bytes from `offset`, up to `end` or RUN_BYTES.

        Raises:
            ChecksumException: they don't match, or the file is short.
            OSError: the file can't be read.
        """
        chunk = self._chunk_bytes
        start = offset // chunk * chunk
        stop = min(-(-end // chunk) * chunk, start + max(chunk, RUN_BYTES), self.length)
        data = os.pread(self._descriptor, stop - start, self._start + start)
        self._verify(data, start, stop)
        return memoryview(data)[offset - start : end - start]

    def run_into(self, target: memoryview, offset: int, end: int) -> int:
        """Verified bytes from `offset` on, up to `end`, at the beginning of `target`: how many.

        What lies behind them in `target` may be overwritten. Whole chunks are read to where they
        are wanted; of a chunk that is wanted in part, only that part is copied there.

        Raises: as `run` does; `target` has bytes then that nobody may use.
        """
        chunk = self._chunk_bytes
        wanted = min(end, offset + len(target))
        stop = self.length if wanted == self.length else wanted // chunk * chunk
        if offset % chunk or stop <= offset:
            piece = self.run(offset, min(wanted, (offset // chunk + 1) * chunk))
            target[: len(piece)] = piece
            return len(piece)
        at = offset
        while at < stop:
            border = min(at + max(chunk, RUN_BYTES // chunk * chunk), stop)
            run = target[at - offset : border - offset]
            there = os.preadv(self._descriptor, [run], self._start + at)
            self._verify(run[:there], at, border)
            at = border
        return stop - offset

    def _verify(self, data: bytes | memoryview, start: int, stop: int) -> None:
        """`data` is what was read of the bytes from `start` to `stop`."""
        first = start // self._chunk_bytes * CRC_BYTES
        count = chunk_count(stop - start, self._chunk_bytes)
        crcs = self._crcs[first : first + count * CRC_BYTES]
        checksum.verify(data, crcs, self._chunk_bytes, what=self._what, offset=start)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()


class LocalReplicas:
    """Which DataNodes are on this machine, and their replicas."""

    def __init__(self, peers: Peers, own_hosts: set[str]) -> None:
        self._peers = peers
        self._own_hosts = own_hosts | {"127.0.0.1", "localhost", "::1", socket.gethostname()}
        # Nodes whose files this process can't read, by id.
        self._foreign: set[str] = set()

    def may_be_local(self, node: Node) -> bool:
        return node.host in self._own_hosts and node.node_id not in self._foreign

    def open(self, block: Block, node: Node) -> LocalReplica | None:
        """None when the replica can only be had over the wire."""
        stub = datanode_pb2_grpc.DataNodeStub(self._peers.dial(node))
        request = datanode_pb2.LocalPathRequest(block=block_to_wire(block))
        try:
            reply: Any = rpc.call(
                stub.LocalPath, request, to=str(node), timeout_s=_ASK_TIMEOUT_S, policy=NO_RETRY
            )
        except StoreError:
            return None
        try:
            if not _sees(reply.witness_path, reply.witness):
                self._foreign.add(node.node_id)
                return None
            at = reply.record_at if reply.HasField("record_at") else None
            return LocalReplica(block, reply.data_path, reply.checksum_path, at)
        except OSError as error:
            log.info("%s is read over the wire: %s", block, error)
            return None


def _sees(path: str, words: str) -> bool:
    """Raises OSError when this process has no descriptor left: that says nothing of the node."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(len(words) + 1) == words
    except UnicodeDecodeError:
        return False
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise
        return False
