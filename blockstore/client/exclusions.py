"""Why a node can't be used, in words that somebody at a shell understands.

gRPC's text of a failed connection is a paragraph; what matters is what happened and from where.
"""

from blockstore.model import Excluded, Node


def excluded(node: Node, reason: str, *, seen_from: str = "client") -> Excluded:
    """`seen_from`: who tried to reach it."""
    return Excluded(node, _in_words(node, reason, seen_from))


def _in_words(node: Node, reason: str, seen_from: str) -> str:
    lowered = reason.lower()
    if "connection refused" in lowered:
        return f"connection refused from {seen_from}"
    if "doesn't answer (unavailable" in lowered:
        return f"can't be reached from {seen_from}"
    if "doesn't answer (deadline_exceeded" in lowered:
        return f"doesn't answer {seen_from} in time"
    # What it's about stands before it already.
    for subject in (f"DataNode {node} ", f"{node} "):
        reason = reason.removeprefix(subject)
    return reason
