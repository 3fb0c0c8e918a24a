"""Small blocks that go to their nodes whole, in a bundle: one message there and one ack back, where
a pipeline is a stream, two threads and some acks on every node.

What a bundle didn't bring is abandoned and written through a pipeline, which can recover.
"""

from collections.abc import Sequence
from typing import Final

from blockstore import bundles, checksum
from blockstore.bundlelines import BundleLines
from blockstore.client.settings import ClientSettings
from blockstore.codec import block_to_wire, nodes_to_wire
from blockstore.datastream import LAST, Packet, pack
from blockstore.keptstreams import PER_NODE_MAX
from blockstore.model import Block, Node
from blockstore.peers import Peers
from blockstore.wire import datanode_pb2

# Beyond it a block has its own pipeline: a stream costs little beside so many bytes.
SMALL_BYTES: Final = 256 * 1024
# What each further node may take to say that the one below it is silent.
_HOP_S: Final = 5.0


class WholeBlocks:
    """Sends them for all writers of one client. Thread-safe."""

    def __init__(self, peers: Peers, settings: ClientSettings) -> None:
        self._settings = settings
        self._sender = bundles.Sender(peers.dial, PER_NODE_MAX, BundleLines(peers.secret).open)

    def send(
        self, nodes: Sequence[Node], contents: Sequence[tuple[Block, bytes]]
    ) -> bundles.Delivery:
        """Blocks of the same nodes; durable on all unless the ack names a hop that failed."""
        settings, chunk = self._settings, self._settings.chunk_bytes
        header = datanode_pb2.BundleHeader(
            blocks=[block_to_wire(block) for block, _ in contents],
            downstream=nodes_to_wire(nodes[1:]),
            chunk_bytes=chunk,
        )
        packets = [
            pack(Packet(0, 1, LAST, checksum.checksums(data, chunk), data)) for _, data in contents
        ]
        light = bundles.is_light(packets)
        patience_s = settings.pipeline_setup_s if light else settings.pipeline_ack_s
        return self._sender.send(nodes[0], header, packets, patience_s + _HOP_S * len(nodes))

    def close(self) -> None:
        """The channels are their maker's."""
        self._sender.close()
