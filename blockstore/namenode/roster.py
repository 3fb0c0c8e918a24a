"""The DataNodes that ever registered, and what each is meant to do: journaled.

Rules
- A node is in the roster from its first registration until it's forgotten by name, or another
  node registers with its address.
- Its duty is an administrator's word: serve, leave for good (decommission), or rest for a
  while (maintenance). It survives restarts of everybody.
- Who is alive is not here: that is DataNodes' (datanodes.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from blockstore.errors import InvalidRequestException
from blockstore.model import Node


class Duty(Enum):
    SERVE = "in service"
    LEAVE = "decommission"
    REST = "maintenance"


@dataclass(slots=True)
class Member:
    """A DataNode, as it was when it registered last."""

    node: Node
    duty: Duty = Duty.SERVE
    # Wall clock, seconds since the epoch: when the duty began, and when a rest ends.
    since_s: float = 0.0
    until_s: float = 0.0


class Roster:
    """By node id."""

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members.values())

    def get(self, node_id: str) -> Member | None:
        return self._members.get(node_id)

    def duty(self, node_id: str) -> Duty:
        member = self._members.get(node_id)
        return member.duty if member is not None else Duty.SERVE

    def on_duty(self, *duties: Duty) -> list[Member]:
        return [member for member in self._members.values() if member.duty in duties]

    def named(self, word: str) -> Member:
        """By node id, `host:port`, or a host that has one DataNode.

        Raises:
            InvalidRequestException: none of that name, or several.
        """
        member = self._members.get(word)
        if member is not None:
            return member
        found = [m for m in self if word in (m.node.address, m.node.host)]
        if len(found) == 1:
            return found[0]
        known = ", ".join(sorted(str(m.node) for m in (found or self))) or "none"
        what = f"names {len(found)} DataNodes" if found else "is no DataNode that is known"
        raise InvalidRequestException(
            f"'{word}' {what}; give one by its id or host:port. Known are: {known}"
        )

    # --- what State.apply calls -----------------------------------------------

    def enter(self, node: Node) -> None:
        for other in [m.node for m in self if m.node.address == node.address]:
            if other.node_id != node.node_id:
                del self._members[other.node_id]
        member = self._members.setdefault(node.node_id, Member(node))
        member.node = node

    def assign(self, node_id: str, duty: Duty, since_s: float, until_s: float) -> None:
        member = self._members[node_id]
        member.duty, member.since_s, member.until_s = duty, since_s, until_s

    def forget(self, node_id: str) -> None:
        del self._members[node_id]

    def put(self, member: Member) -> None:
        """As an image has it."""
        self._members[member.node.node_id] = member
