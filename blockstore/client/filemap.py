"""Where the bytes of one open file are: its blocks and their holders."""

import bisect
import threading

from blockstore.client.namenode import NameNodeClient
from blockstore.codec import replica_info_from_wire
from blockstore.errors import FileNotFoundException, IsADirectoryException, StoreError
from blockstore.model import Block, FileStatus, LocatedBlock, ReplicaState
from blockstore.peers import Peers
from blockstore.runtime import rpc
from blockstore.runtime.retry import NO_RETRY
from blockstore.wire import datanode_pb2, datanode_pb2_grpc

_ASK_TIMEOUT_S = 3.0


class FileMap:
    """The file as the NameNode told it last. Thread-safe."""

    def __init__(self, namenode: NameNodeClient, peers: Peers, path: str, client_host: str) -> None:
        """Raises FileNotFoundException or IsADirectoryException."""
        self.path = path
        self._namenode = namenode
        self._peers = peers
        self._client_host = client_host
        self._guard = threading.Lock()
        self._status, self._blocks = self._locate()
        last = self._blocks[-1] if self._blocks else None
        # Readers see what was there when the file was opened.
        self.length = last.offset + last.block.length if last else 0

    @property
    def status(self) -> FileStatus:
        return self._status

    def find(self, offset: int) -> LocatedBlock:
        """The block that has the byte at `offset`."""
        with self._guard:
            at = bisect.bisect_right(self._blocks, offset, key=lambda located: located.offset)
            return self._blocks[at - 1]

    def refresh(self) -> None:
        """Asks the NameNode again.

        Raises:
            FileNotFoundException: the file was deleted or replaced.
        """
        status, blocks = self._locate()
        if status.inode_id != self._status.inode_id:
            raise FileNotFoundException(f"{self.path} was replaced while it was being read")
        with self._guard:
            self._status, self._blocks = status, blocks

    def _locate(self) -> tuple[FileStatus, list[LocatedBlock]]:
        status, blocks = self._namenode.locate(self.path, 0, 0, self._client_host)
        if status.is_directory:
            raise IsADirectoryException(f"{self.path} is a directory")
        if blocks and blocks[-1].under_construction:
            blocks[-1] = self._as_visible(blocks[-1])
        return status, blocks

    def _as_visible(self, located: LocatedBlock) -> LocatedBlock:
        """A block that is being written has the length that one of its nodes acknowledged."""
        request = datanode_pb2.ReplicaInfoRequest(block_id=located.block.id)
        for node in located.nodes:
            stub = datanode_pb2_grpc.DataNodeStub(self._peers.dial(node))
            try:
                reply = rpc.call(
                    stub.ReplicaInfo,
                    request,
                    to=str(node),
                    timeout_s=_ASK_TIMEOUT_S,
                    policy=NO_RETRY,
                )
            except StoreError:
                continue
            replica = replica_info_from_wire(reply)
            seen = replica.block
            if replica.state is not ReplicaState.ABSENT and seen.length >= located.block.length:
                block = Block(seen.id, located.block.generation, seen.length)
                return LocatedBlock(block, located.offset, located.nodes, True)
        return located
