"""Sending DataNodes away, for good or for a while, and taking them back.

Rules
- A word that would lose data is refused, always: the last replica of a block, and no serving
  node to copy it to. So is one that the cluster can't fulfil (fewer nodes than replicas, less
  space than bytes), unless it's forced.
- A node on its way out serves readers and is a source of copies; it gets no new block. A block
  that is open on it keeps it only while too few serving nodes write the block, too: with enough
  of them the node's end is a pipeline failure like any other, and files may stay open for days.
  With too few, its writer is told to end the block (nodereports.py, blockstore/client/leases.py).
- A rest ends by itself. A node that is silent while it rests isn't dead; when it's still silent
  at the end, it is.
- Repeating a word changes nothing, but for the end of a rest.
"""

from collections.abc import Iterator, Sequence

from blockstore.errors import InvalidRequestException
from blockstore.namenode.entries import DutyAssigned, NodeForgotten
from blockstore.namenode.leavetaking import LeaveLook
from blockstore.namenode.moment import Moment, moment
from blockstore.namenode.namespace import StoredBlock
from blockstore.namenode.parts import Parts
from blockstore.namenode.reporting import Reporting
from blockstore.namenode.roster import Duty, Member
from blockstore.runtime.liveness import State

# A machine that rests for longer is better decommissioned.
REST_MAX_S = 30 * 24 * 3600.0


class Duties:
    """What administrators want of DataNodes."""

    def __init__(self, parts: Parts, reporting: Reporting) -> None:
        self._parts = parts
        self._reporting = reporting
        # When rests end, monotonic: a jump of the wall clock doesn't end them.
        self._ends: dict[str, float] = {}

    def assign(
        self,
        words: Sequence[str],
        duty: Duty,
        *,
        look: LeaveLook,
        for_s: float,
        force: bool,
        now: float,
        wall: float,
    ) -> list[Member]:
        """Raises:
        InvalidRequestException: with the reason, in numbers.
        Unfinished: `look` has more to look at.
        """
        if not words:
            raise InvalidRequestException("which DataNodes? Name them by id or host:port")
        if duty is Duty.REST and not 0 < for_s <= REST_MAX_S:
            raise InvalidRequestException(
                f"a maintenance of {for_s:.0f} s: it lasts between a second and 30 days"
            )
        members = [self._parts.state.roster.named(word) for word in words]
        if duty is not Duty.SERVE:
            self._check(members, duty, look, force=force, now=now)
        for member in members:
            if duty is Duty.REST or member.duty is not duty:
                self._assign(member, duty, wall, wall + for_s if duty is Duty.REST else 0.0)
        return members

    def _assign(self, member: Member, duty: Duty, wall: float, until_s: float) -> None:
        node_id = member.node.node_id
        self._parts.record(DutyAssigned(node_id, duty.value, wall, until_s))
        self._ends.pop(node_id, None)
        self._parts.replication.draining.end(node_id)
        self._reporting.look_at_drain(node_id)
        if self._parts.nodes.is_buried(node_id) and duty is not Duty.REST:
            self._reporting.lose(node_id, "is dead, and its maintenance is over")

    def forget(self, word: str, now: float) -> None:
        """Raises InvalidRequestException: the node lives, or none has that name."""
        node = self._parts.state.roster.named(word).node
        if self._parts.nodes.state(node.node_id, now) is not State.DEAD:
            raise InvalidRequestException(
                f"{node} is alive: stop it first, after `mapred admin decommission {node.address}`"
            )
        if self._parts.nodes.get(node.node_id) is not None:
            self._reporting.lose(node.node_id, "is dead, and was forgotten by an administrator")
            self._parts.nodes.forget(node.node_id)
        self._parts.replication.draining.end(node.node_id)
        self._parts.record(NodeForgotten(node.node_id))

    def tick(self, now: float, wall: float) -> None:
        self._parts.replication.draining.note(now)
        for member in self._parts.state.roster.on_duty(Duty.REST):
            left_s = member.until_s - wall
            if now >= self._ends.setdefault(member.node.node_id, now + left_s):
                self._assign(member, Duty.SERVE, wall, 0.0)

    # --- what would go wrong --------------------------------------------------

    def _check(
        self, members: list[Member], duty: Duty, look: LeaveLook, *, force: bool, now: float
    ) -> None:
        going = {member.node.node_id for member in members}
        present = moment(self._parts.nodes, self._parts.state.roster, now)
        staying = present.serving - going
        names = ", ".join(str(member.node) for member in members)
        self._check_last_seen(going, names, now)
        absent = [str(m.node) for m in members if self._parts.nodes.get(m.node.node_id) is None]
        if absent and not force:
            raise InvalidRequestException(
                f"{', '.join(absent)}: not heard of since the NameNode began, so nobody knows what "
                "is there: wait for it, or give --force if it won't come back"
            )
        look.go_through(
            lambda: self._blocks_of(going),
            lambda block_id: self._lacking(block_id, going, duty, present),
            self._parts.config.forget_slice,
        )
        if look.wanted and not staying:
            raise InvalidRequestException(
                f"{names}: {look.wanted.total()} blocks would have no replica on a serving node, "
                "and there is no serving node to copy them to: start another DataNode first"
            )
        if not force and duty is Duty.LEAVE:
            self._check_room(names, look, staying)

    def _blocks_of(self, going: set[str]) -> Iterator[int]:
        """Each once, and as the blocks of a node are when its turn comes."""
        before: list[str] = []
        for node_id in sorted(going):
            for block_id in self._parts.blocks.of_node(node_id):
                if not any(block_id in self._parts.blocks.of_node(other) for other in before):
                    yield block_id
            before.append(node_id)

    def _lacking(
        self, block_id: int, going: set[str], duty: Duty, present: Moment
    ) -> tuple[StoredBlock, int] | None:
        """The block and the replicas it wants, when it needs copies without these nodes."""
        block = self._parts.state.blocks.get(block_id)
        if block is None or not block.committed:
            return None
        held = present.by_duty([n for n in self._parts.blocks.good(block_id) if n not in going])
        wanted = self._parts.names.file(block.inode_id).replication
        if duty is Duty.REST:
            needs = len(held.serving) < min(wanted, self._parts.config.rest_replicas)
        else:
            needs = len(held.serving) + len(held.resting) < wanted
        return (block, wanted) if needs else None

    def _check_last_seen(self, going: set[str], names: str, now: float) -> None:
        """Of blocks that nobody has now, one of these nodes may have the last replica."""
        parts = self._parts
        if all(parts.nodes.state(node_id, now) is not State.DEAD for node_id in going):
            return
        last = [
            block_id
            for block_id in parts.replication.short
            if not parts.blocks.good(block_id)
            and going & parts.blocks.last_holders(block_id).keys()
        ]
        if last:
            path = parts.names.path_of(parts.names.file(parts.state.blocks[last[0]].inode_id))
            raise InvalidRequestException(
                f"{names}: {len(last)} blocks were last seen there and are nowhere else, one of "
                f"them of '{path}': start that DataNode, and wait until they are copied"
            )

    def _check_room(self, names: str, look: LeaveLook, staying: frozenset[str]) -> None:
        too_many = {wanted: n for wanted, n in look.wanted.items() if wanted > len(staying)}
        if too_many:
            raise InvalidRequestException(
                f"{names}: {sum(too_many.values())} blocks want up to {max(too_many)} replicas, "
                "and only "
                f"{len(staying)} serving nodes would be left: add DataNodes, lower the replication "
                "(mapred fs setrep), or give --force to have fewer replicas"
            )
        need = look.need_bytes
        loads = [node.load for node in map(self._parts.nodes.get, staying) if node is not None]
        free = sum(load.free_bytes for load in loads if load is not None)
        if need > free:
            raise InvalidRequestException(
                f"{names}: {need} bytes must be copied to the {len(staying)} nodes that would be "
                f"left, and these have {free} bytes free: make room or add DataNodes; --force "
                "begins all the same"
            )
