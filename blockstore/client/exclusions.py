"""The nodes that a writer doesn't want for now, and why, in words that somebody at a shell
understands.

gRPC's text of a failed connection is a paragraph; what matters is what happened and from where.
"""

from typing import Final

from blockstore.model import Excluded, Node
from blockstore.runtime.clock import Clock

# How somebody who was waited for in vain is spoken of, or left, and what to say of who waited.
_SILENCES: Final = (
    ("has acknowledged nothing", "to"),
    ("has not answered", "to"),
    ("has taken no byte", "from"),
    ("has given no sign of life", "to"),
    ("has broken off the connection", "to"),
)

# By then a server that died has been started again, or the NameNode misses its heartbeats. Who only
# can't be reached from here stays alive for the NameNode: twice as long at each further failure.
EXCLUDED_S: Final = 10.0
EXCLUDED_S_MAX: Final = 600.0


class Exclusions(dict[str, Excluded]):
    """By node id. Who was excluded long ago may be asked again: a file that stays open for days
    would run out of nodes, though each of them was away for a moment only."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._until: dict[str, float] = {}
        self._spans_s: dict[str, float] = {}

    def __setitem__(self, node_id: str, why: Excluded) -> None:
        if node_id not in self:
            span_s = min(EXCLUDED_S_MAX, 2 * self._spans_s.get(node_id, EXCLUDED_S / 2))
            self._spans_s[node_id] = span_s
        self._until[node_id] = self._clock.monotonic() + self._spans_s[node_id]
        super().__setitem__(node_id, why)

    def forget_old(self) -> None:
        now = self._clock.monotonic()
        for node_id in [node_id for node_id in self if self._until[node_id] <= now]:
            del self[node_id]


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
    for silence, word in _SILENCES:
        reason = reason.replace(silence, f"{silence} {word} {seen_from}")
    return reason
