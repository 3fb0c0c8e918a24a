"""A simulated reader: locations, verification, another replica when one is bad."""

from dataclasses import replace

from blockstore import checksum
from blockstore.client.visible import is_believed
from blockstore.datastream import LAST, Packet
from blockstore.errors import BlockMissingException, ChecksumException, StoreError
from blockstore.model import LocatedBlock, Node, Replica
from simulator.client import StoreSession
from simulator.pipeline import CHUNK_BYTES


async def read_file(client: StoreSession, path: str) -> bytes:
    """All committed bytes.

    Raises:
        BlockMissingException: no replica of a block could be read.
        StoreError: the NameNode's refusal.
    """
    location = await client.ask("locate", path, client_host=client.near)
    content = b""
    for located in location.blocks:
        if not located.under_construction:
            content += await _read_block(client, located)
    return content


async def read_open_file(client: StoreSession, path: str) -> bytes | None:
    """As `read_file`, and what readers may see of a block that is being written; None when
    nobody can tell how much that is.
    """
    location = await client.ask("locate", path, client_host=client.near)
    content = b""
    for located in location.blocks:
        if located.under_construction:
            visible = await _visible(client, located)
            if visible is None:
                return None
            located = visible
        if located.block.length:
            content += await _read_block(client, located)
    return content


async def _visible(client: StoreSession, located: LocatedBlock) -> LocatedBlock | None:
    for node in located.nodes:
        try:
            replica: Replica = await client.network.call(
                client.host, node.node_id, "info", located.block.id, within_s=3.0
            )
        except StoreError:
            continue
        if is_believed(replica, located.block):
            return replace(located, block=replace(located.block, length=replica.block.length))
    return None


async def _read_block(client: StoreSession, located: LocatedBlock) -> bytes:
    for node in located.nodes:
        try:
            return await _read_replica(client, located, node)
        except ChecksumException as error:
            client.world.count("reader met a bad replica", located.block, node.node_id)
            await client.ask("report_bad_replica", located.block, node.node_id, str(error))
        except StoreError as error:
            client.world.figures["reader went on elsewhere"] += 1
            client.world.note("read failed", located.block, node.node_id, error)
    raise BlockMissingException(f"{located.block} on {located.nodes}: {located.last_holders}")


async def _read_replica(client: StoreSession, located: LocatedBlock, node: Node) -> bytes:
    block = located.block
    stream = await client.network.open_stream(
        client.host, node.node_id, "read", block, 0, block.length
    )
    data = b""
    try:
        while True:
            frame = await stream.receive(6.0)
            if isinstance(frame, StoreError):
                raise frame
            assert isinstance(frame, Packet)
            what = f"{block} from {node.node_id}"
            checksum.verify(frame.data, frame.crcs, CHUNK_BYTES, what=what, offset=frame.offset)
            data += frame.data
            if frame.flags & LAST:
                break
    finally:
        stream.close()
    if len(data) < block.length:
        raise ChecksumException(f"{block} from {node.node_id}: {len(data)} bytes came")
    return data[: block.length]
