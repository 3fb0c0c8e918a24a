"""What safe mode waits for: blocks that nobody has reported, and nodes that may have them."""

from itertools import islice
from typing import Final

from blockstore.adminmodel import SafeModeWhy, WaitedBlock
from blockstore.model import Excluded
from blockstore.namenode.namespace import StoredBlock
from blockstore.namenode.parts import Parts

# Enough to know which files and whose they are.
SAMPLE_BLOCKS: Final = 20


def why(parts: Parts, now: float) -> SafeModeWhy:
    """The numbers of the moment, and some of the blocks by name."""
    absent, silent, unreported = [], [], []
    for member in sorted(parts.state.roster, key=lambda member: member.node.node_id):
        known = parts.nodes.get(member.node.node_id)
        if known is None:
            absent.append(member.node)
        elif known.report_due_at is None:
            unreported.append(member.node)
        elif not parts.nodes.is_live(member.node.node_id, now):
            silent.append(member.node)
    missing = parts.state.committed_blocks - parts.blocks.reported
    waited = (
        _waited(parts, block)
        for block in parts.state.blocks.values()
        if block.committed and not parts.blocks.good(block.id)
    )
    return SafeModeWhy(
        parts.safe_mode.status(),
        missing,
        tuple(islice(waited, SAMPLE_BLOCKS)) if missing else (),
        tuple(absent),
        tuple(silent),
        tuple(unreported),
    )


def _waited(parts: Parts, block: StoredBlock) -> WaitedBlock:
    holders = []
    for node_id, reason in sorted(parts.blocks.last_holders(block.id).items()):
        member = parts.state.roster.get(node_id)
        if member is not None:
            holders.append(Excluded(member.node, reason))
    path = parts.names.path_of(parts.names.file(block.inode_id))
    return WaitedBlock(block.value(), path, tuple(holders))
