"""A file's checksum, composed of what its DataNodes know: no data moves.

Every block is asked of one of its nodes, for just the length that the file has there; the parts
are composed (compositecrc.py), so the result depends on the bytes alone.
"""

from blockstore import compositecrc
from blockstore.client.filemap import FileMap
from blockstore.client.settings import ClientSettings
from blockstore.codec import block_to_wire
from blockstore.errors import BlockMissingException, StoreError
from blockstore.model import FileChecksum, LocatedBlock
from blockstore.peers import Peers
from blockstore.runtime import rpc
from blockstore.runtime.clock import Clock
from blockstore.runtime.retry import NO_RETRY, RetryPolicy, retry
from blockstore.wire import datanode_pb2, datanode_pb2_grpc


def checksum_of(
    file: FileMap, peers: Peers, settings: ClientSettings, clock: Clock
) -> FileChecksum:
    """Of the bytes that a reader who opens the file now would see.

    Raises:
        BlockMissingException: no node has a checksum of a block; every reason is named.
        EOFException: the file was cut meanwhile.
    """
    crc = at = 0
    while at < file.length:
        located, part = _of_block(file, at, peers, settings, clock)
        crc = compositecrc.combine(crc, part, located.block.length)
        at = located.offset + located.block.length
    return FileChecksum(file.length, crc)


def _of_block(
    file: FileMap, offset: int, peers: Peers, settings: ClientSettings, clock: Clock
) -> tuple[LocatedBlock, int]:
    def attempt(before: float) -> tuple[LocatedBlock, int]:
        located = file.find(offset)
        try:
            return located, _asked(file, located, peers)
        except BlockMissingException:
            file.refresh()
            raise

    return retry(
        attempt,
        policy=RetryPolicy(deadline_s=settings.missing_after_s, cap_s=2.0),
        again=lambda error: isinstance(error, BlockMissingException),
        clock=clock,
    )


def _asked(file: FileMap, located: LocatedBlock, peers: Peers) -> int:
    reasons = [str(holder) for holder in located.last_holders if not located.nodes]
    request = datanode_pb2.ChecksumRequest(block=block_to_wire(located.block))
    for node in located.nodes:
        stub = datanode_pb2_grpc.DataNodeStub(peers.dial(node))
        try:
            reply = rpc.call(stub.Checksum, request, to=f"DataNode {node}", policy=NO_RETRY)
        except StoreError as error:
            reasons.append(str(error))
            continue
        return int(reply.crc)
    raise BlockMissingException(
        f"{file.path}: nobody has a checksum of {located.block}: {'; '.join(reasons)}"
    )
