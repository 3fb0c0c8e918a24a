"""Replicas that are gone all at once, and are taken out of the tables a slice at a time.

A node that dies, or starts anew, or reports less than it had, may lose a million replicas in one
moment. From that moment on none of them counts: who looks at a block has what is lost of it
taken out first (blockmap.py). The others follow in slices; others are answered between them.
"""

from blockstore.namenode.blocktables import BlockSet


class Loss:
    """What one node lost in one moment."""

    __slots__ = ("blocks", "ended", "node_id", "reason")

    def __init__(self, node_id: str, blocks: BlockSet, reason: str, *, ended: bool) -> None:
        self.node_id = node_id
        # Those that are still in the tables.
        self.blocks = blocks
        self.reason = reason
        # What the node was told before doesn't matter any more: its process is another, or it
        # has said what it has.
        self.ended = ended

    def __repr__(self) -> str:
        return f"<{self.node_id} lost {len(self.blocks)} more: {self.reason}>"
