"""One block being written: its pipeline, what is not acknowledged yet, and its recovery.

Rules
- Every packet stays in memory until the whole pipeline has acknowledged it; no more than
  a window of bytes does.
- A pipeline that breaks before anything was acknowledged is given up with its block: the
  same packets go to a new block on other nodes.
- Else the nodes that failed leave. The survivors are cut to the acknowledged length and
  get a new stamp, a replacement gets a copy if the NameNode wants one, the NameNode is
  told, and the unacknowledged packets go down the rebuilt pipeline.
- A block that is reopened begins like one whose pipeline broke: it was acknowledged as it is.
- A pipeline with few nodes gets another as soon as the cluster has one again: files stay open
  for long, and nobody but their writer can copy their last block.
- If no node is left, the nodes may come back for a while: a restarted node still has what
  it acknowledged.

Packets come from one thread; acks arrive on the streams' threads.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from blockstore.client.exclusions import Exclusions, excluded
from blockstore.client.pipelines import Pipelines
from blockstore.client.settings import ClientSettings
from blockstore.datastream import LAST, SYNC, Ack, Packet, pack
from blockstore.errors import (
    BlockMissingException,
    PlacementException,
    StoreError,
    UnreachableException,
)
from blockstore.model import Block, LocatedBlock, Node
from blockstore.packetstream import PacketStream
from blockstore.wire import datanode_pb2

log = logging.getLogger(__name__)

# Each recovery loses a node or finds a restarted one: more means that something else is wrong.
RECOVERIES_MAX: Final = 12
# How long a pipeline stays thin before another node is asked for; doubled as long as there is none.
THIN_S: Final = 5.0
THIN_S_MAX: Final = 300.0


@dataclass(frozen=True, slots=True)
class _Sent:
    """A packet that is not acknowledged yet."""

    seq: int
    # The block's length with it.
    end: int
    frame: bytes


class BlockOutput:
    """The writer's end of one block."""

    def __init__(
        self,
        pipelines: Pipelines,
        settings: ClientSettings,
        excluded: Exclusions,
        reopened: LocatedBlock | None = None,
    ) -> None:
        """`excluded` is the file's memory of nodes that failed; it grows here. `reopened` is a
        block that is written further, else a new one is asked for.

        Raises:
            PlacementException: no node takes the block.
            BlockMissingException: no node has the reopened one any more.
        """
        self._pipelines = pipelines
        self._settings = settings
        self._excluded = excluded
        self._changed = threading.Condition()
        # Guarded by `_changed`.
        self._unacknowledged: deque[_Sent] = deque()
        self._unacknowledged_bytes = 0
        self._acknowledged_length = 0
        self._standing = False
        self._failure: Ack | None = None
        # Owned by the writing thread.
        self._stream: PacketStream | None = None
        self._seq = 0
        self._recoveries = 0
        self._length = 0
        self._thin_s = THIN_S
        self._widen_at: float | None = None
        try:
            if reopened is None:
                self._located = self._begin()
            else:
                self._located = reopened
                self._length = self._acknowledged_length = reopened.block.length
                self._reopen()
        except BaseException:
            # Nobody has got hold of us, who could.
            self.cancel()
            raise

    def __repr__(self) -> str:
        nodes = ", ".join(node.node_id for node in self._located.nodes)
        return f"BlockOutput({self._located.block}, {self._length} bytes, on {nodes})"

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Those that write it now."""
        return self._located.nodes

    @property
    def block(self) -> Block:
        """With the length that the pipeline has acknowledged."""
        block = self._located.block
        return Block(block.id, block.generation, self._acknowledged_length)

    def send(self, offset: int, data: bytes | memoryview, crcs: bytes, flags: int = 0) -> None:
        """Sends a packet as soon as the window has room.

        Raises:
            StoreError: the block can't be written any more.
        """
        if not flags & LAST and self._is_thin_for_long():
            self._widen()
        self._seq += 1
        frame = pack(Packet(offset, self._seq, flags, crcs, data))
        self._length = max(self._length, offset + len(data))
        self._until(lambda: self._unacknowledged_bytes < self._settings.window_bytes)
        with self._changed:
            self._unacknowledged.append(_Sent(self._seq, self._length, frame))
            self._unacknowledged_bytes += len(frame)
        self._push(frame)

    def wait(self) -> None:
        """Until every packet is acknowledged.

        Raises:
            StoreError: the block can't be written any more.
        """
        self._until(lambda: not self._unacknowledged)

    def sync(self) -> None:
        """Until every byte so far is on the disks of all nodes."""
        self._send_empty(SYNC)
        self.wait()

    def finish(self) -> Block:
        """Ends the block; when this returns, all nodes of its pipeline have it finalised."""
        self._send_empty(LAST)
        self.wait()
        self.cancel()
        return self.block

    def cancel(self) -> None:
        """Drops the pipeline; its nodes keep what they have."""
        if self._stream:
            self._stream.cancel()
            self._stream = None

    def _send_empty(self, flags: int) -> None:
        chunk = self._settings.chunk_bytes
        self.send(self._length // chunk * chunk, b"", b"", flags)

    # --- acks, on the stream's thread ----------------------------------------------------

    def _open(self, header: datanode_pb2.WriteHeader, nodes: tuple[Node, ...]) -> None:
        """A stream to the first of the nodes; raises _Broken when it doesn't stand in time."""
        with self._changed:
            self._standing = False
            self._failure = None
        opened: list[PacketStream] = []
        self._stream = self._pipelines.stream(
            header,
            nodes,
            on_ack=lambda ack: self._on_ack(opened, ack),
            on_end=lambda reason: self._on_ack(opened, Ack(0, 0, reason)),
        )
        opened.append(self._stream)
        limit_s = self._settings.pipeline_setup_s + 5.0 * len(nodes)
        with self._changed:
            self._changed.wait_for(lambda: self._standing or self._failure is not None, limit_s)
            if not self._standing and self._failure is None:
                self._failure = Ack(0, 0, f"has not answered for {limit_s:.0f} s")

    def _on_ack(self, opened: list[PacketStream], ack: Ack) -> None:
        with self._changed:
            if opened and opened[0] is not self._stream:
                return
            if ack.failed_hop >= 0:
                self._failure = self._failure or ack
            else:
                self._standing = True
                self._acknowledge(ack.seq)
            self._changed.notify_all()

    def _acknowledge(self, seq: int) -> None:
        while self._unacknowledged and self._unacknowledged[0].seq <= seq:
            sent = self._unacknowledged.popleft()
            self._unacknowledged_bytes -= len(sent.frame)
            self._acknowledged_length = sent.end

    # --- the writing thread ----------------------------------------------------------------

    def _until(self, reached: Callable[[], bool]) -> None:
        """Waits, and recovers the pipeline as often as it breaks."""
        while not self._reached(reached, self._ack_limit_s()):
            self._recover()

    def _ack_limit_s(self) -> float:
        """Longer than any of the nodes waits for the next, so that the silent one is named."""
        return self._settings.pipeline_ack_s + 5.0 * len(self._located.nodes)

    def _reached(self, reached: Callable[[], bool], limit_s: float) -> bool:
        """Whether it came to that before the pipeline failed; silence is a failure."""
        with self._changed:
            while not reached() and self._failure is None:
                if not self._await_progress(limit_s):
                    self._failure = Ack(0, 0, f"has acknowledged nothing for {limit_s:.0f} s")
            return reached()

    def _await_progress(self, limit_s: float) -> bool:
        waiting = len(self._unacknowledged)
        return self._changed.wait_for(
            lambda: self._failure is not None or len(self._unacknowledged) < waiting, limit_s
        )

    def _push(self, frame: bytes) -> None:
        assert self._stream is not None
        try:
            self._stream.send(frame, self._ack_limit_s())
        except UnreachableException as error:
            with self._changed:
                self._failure = self._failure or Ack(0, 0, str(error))
            self._recover()

    def _begin(self) -> LocatedBlock:
        """A new block whose pipeline stands."""
        while True:
            located = self._pipelines.allocate(self._excluded)
            self._open(self._pipelines.create_header(located), located.nodes)
            if self._failure is None:
                return located
            self._exclude(located.nodes)
            self.cancel()
            self._count_recovery(located.block)
            self._pipelines.abandon(located.block)

    def _reopen(self) -> None:
        """The pipeline of a block that was ended stands again."""
        while not self._standing:
            self._count_recovery(self._located.block)
            nodes = self._located.nodes
            if self._failure is not None:
                nodes = self._exclude(nodes)
                self.cancel()
            self._rebuild(tuple(n for n in nodes if n.node_id not in self._excluded))

    def _recover(self) -> None:
        """Makes the unacknowledged packets travel again; raises when that is hopeless."""
        while failure := self._failure:
            self._count_recovery(self._located.block)
            survivors = self._exclude(self._located.nodes)
            log.warning("pipeline of %s broke: %s", self._located.block, failure.reason)
            self.cancel()
            if self._acknowledged_length == 0:
                self._pipelines.abandon(self._located.block)
                self._located = self._begin()
            else:
                self._rebuild(survivors)
            self._send_again()

    def _is_thin_for_long(self) -> bool:
        if not self._pipelines.is_thin(len(self._located.nodes)):
            self._widen_at, self._thin_s = None, THIN_S
            return False
        now = self._pipelines.clock.monotonic()
        if self._widen_at is None:
            self._widen_at = now + self._thin_s
        return now >= self._widen_at

    def _widen(self) -> None:
        """Lets another node join, if there is one by now."""
        self._widen_at = None
        self._thin_s = min(THIN_S_MAX, 2 * self._thin_s)
        self.wait()
        if self._failure is not None:
            self._recover()
        if not self._acknowledged_length:
            # Nothing could be copied to it yet.
            return
        nodes = self._located.nodes
        try:
            granted = self._pipelines.ask(self.block, nodes, self._excluded)
        except StoreError as error:
            # Writing goes on as it is.
            log.info("no further node for %s: %s", self._located.block, error)
            return
        if granted[1] is None:
            return
        log.info("%s joins the pipeline of %s", granted[1], self._located.block)
        self.cancel()
        self._resume(nodes, granted)
        gone = [hop for hop, node in enumerate(nodes) if node.node_id in self._excluded]
        if gone and self._stream is None:
            with self._changed:
                self._failure = Ack(0, gone[0], str(self._excluded[nodes[gone[0]].node_id].reason))
            self._recover()

    def _rebuild(self, survivors: tuple[Node, ...]) -> None:
        if not survivors:
            survivors = self._pipelines.wait_for_restart(self._located.nodes, self.block)
        if not survivors:
            reasons = "; ".join(str(self._excluded[n.node_id]) for n in self._located.nodes)
            raise BlockMissingException(
                f"{self._pipelines.path}: all nodes of {self._located.block} failed after "
                f"{self._acknowledged_length} acknowledged bytes: {reasons}. The bytes are there "
                "again when one of these nodes is"
            )
        for node in survivors:
            self._excluded.pop(node.node_id, None)
        granted = self._pipelines.ask(self.block, survivors, self._excluded)
        self._resume(survivors, granted)

    def _resume(self, survivors: tuple[Node, ...], granted: tuple[int, Node | None]) -> None:
        rebuilt = self._pipelines.rebuild(self.block, survivors, self._excluded, granted)
        if rebuilt is None:
            # Whoever refused is excluded now; the next round goes on without.
            return
        self._located = rebuilt
        self._open(self._pipelines.resume_header(rebuilt), rebuilt.nodes)

    def _send_again(self) -> None:
        with self._changed:
            if self._failure is not None:
                return
            frames = [sent.frame for sent in self._unacknowledged]
        assert self._stream is not None
        for frame in frames:
            try:
                self._stream.send(frame, self._ack_limit_s())
            except UnreachableException as error:
                with self._changed:
                    self._failure = self._failure or Ack(0, 0, str(error))
                return

    def _exclude(self, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        """Notes the node that failed; returns the others."""
        assert self._failure is not None
        hop = min(self._failure.failed_hop, len(nodes) - 1)
        before = nodes[hop - 1].node_id if hop else "client"
        why = excluded(nodes[hop], self._failure.reason, seen_from=before)
        self._excluded[nodes[hop].node_id] = why
        return tuple(node for node in nodes if node.node_id not in self._excluded)

    def _count_recovery(self, block: Block) -> None:
        self._recoveries += 1
        if self._recoveries > RECOVERIES_MAX:
            self.cancel()
            reasons = self._pipelines.refusal or "; ".join(map(str, self._excluded.values()))
            raise PlacementException(
                f"{self._pipelines.path}: no pipeline for {block} lasts after "
                f"{RECOVERIES_MAX} tries: {reasons}"
            )
