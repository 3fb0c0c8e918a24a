"""A block's writer against pipelines that break anywhere: no byte is lost, doubled or moved.

The nodes are in memory; a script of random choices decides at every packet which hop fails,
how far the packet got before that, and whether its acks still arrive.
"""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstore import checksum
from blockstore.client.blockoutput import RECOVERIES_MAX, THIN_S, BlockOutput
from blockstore.client.exclusions import EXCLUDED_S, Exclusions
from blockstore.client.settings import ClientSettings
from blockstore.codec import block_from_wire
from blockstore.datastream import KEEPALIVE, LAST, Ack, unpack
from blockstore.errors import BlockMissingException, PlacementException, StoreError
from blockstore.model import Block, Excluded, LocatedBlock, Node
from blockstore.runtime.clock import FakeClock
from blockstore.wire import datanode_pb2

CHUNK = 64
SETTINGS = ClientSettings(chunk_bytes=CHUNK, window_bytes=2000)
DATA = random.Random(1).randbytes(6000)


class FakeReplica:
    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.data = bytearray()
        self.finalized = False

    def take(self, packet) -> None:
        assert not self.finalized
        assert packet.offset % CHUNK == 0
        if len(packet.data):
            checksum.verify(packet.data, packet.crcs, CHUNK, what="packet", offset=packet.offset)
            assert packet.offset <= len(self.data) <= packet.end, "a hole, or bytes cut away"
            assert self.data[packet.offset :] == packet.data[: len(self.data) - packet.offset]
            self.data[packet.offset :] = packet.data
        self.finalized = bool(packet.flags & LAST)


class FakeStream:
    """Passes packets on at once; acks come from the same call."""

    def __init__(self, cluster: "FakeCluster", header, nodes, on_ack, on_end) -> None:
        self.cluster, self.nodes = cluster, nodes
        self.on_ack, self.on_end = on_ack, on_end
        self.block = block_from_wire(header.block)
        self.broken = False
        hop = cluster.fails(len(nodes), at_setup=True)
        create = header.stage == datanode_pb2.WriteHeader.CREATE
        for node in nodes[:hop]:
            if create:
                cluster.replicas[node.node_id, self.block.id] = FakeReplica(self.block.generation)
            assert cluster.replica(node, self.block).generation == self.block.generation
        self._answer(0, hop)

    def send(self, frame: bytes, timeout_s: float) -> None:
        packet = unpack(frame, CHUNK)
        if self.broken or packet.flags & KEEPALIVE:
            return
        hop = self.cluster.fails(len(self.nodes))
        for node in self.nodes[:hop]:
            self.cluster.replica(node, self.block).take(packet)
        self._answer(packet.seq, hop)

    def cancel(self) -> None:
        self.broken = True

    def _answer(self, seq: int, hop: int | None) -> None:
        if hop is None:
            if self.cluster.rng.random() < 0.7 or seq == 0:
                self.cluster.acknowledged(self, seq)
                self.on_ack(Ack(seq))
            else:
                self.cluster.held.append((self, seq))
            return
        self.broken = True
        self.cluster.down.add(self.nodes[hop].node_id)
        if self.cluster.rng.random() < 0.5:
            self.on_ack(Ack(seq, hop, "fails in this test"))
        else:
            self.on_end("breaks off in this test")


class FakeCluster:
    """Nodes, and the NameNode's part in their pipelines."""

    path = "/file"
    previous = None

    def __init__(self, rng: random.Random, nodes: int, failures: int, trust: bool) -> None:
        self.rng = rng
        self.nodes = [Node(f"dn-{n}", "127.0.0.1", n + 1) for n in range(nodes)]
        self.failures_left = failures
        # Whether a first hop that breaks off is really the one that failed.
        self.trust = trust
        self.down: set[str] = set()
        self.clock = FakeClock()
        self.replicas: dict[tuple[str, int], FakeReplica] = {}
        self.held: list[tuple[FakeStream, int]] = []
        self.generation = 0
        self.located: LocatedBlock | None = None

    def fails(self, hops: int, at_setup: bool = False) -> int | None:
        if not self.failures_left or self.rng.random() > 0.15:
            return None
        self.failures_left -= 1
        return self.rng.randrange(hops)

    def acknowledged(self, stream: FakeStream, seq: int) -> None:
        """A cumulative ack: what was held before goes with it."""
        self.held = [(held, number) for held, number in self.held if held is not stream]

    def let_go(self) -> None:
        held, self.held = self.held, []
        for stream, seq in held:
            if not stream.broken:
                stream.on_ack(Ack(seq))

    def replica(self, node: Node, block: Block) -> FakeReplica:
        return self.replicas[node.node_id, block.id]

    # --- what the writer calls -----------------------------------------------------------

    def allocate(self, excluded: Exclusions) -> LocatedBlock:
        usable = [n for n in self.nodes if n.node_id not in excluded]
        if not usable:
            raise PlacementException("no node is left")
        self.generation += 1
        self.rng.shuffle(usable)
        block = Block(100 + self.generation, self.generation)
        self.located = LocatedBlock(block, 0, tuple(usable[:3]), True)
        return self.located

    def abandon(self, block: Block) -> None:
        assert block.length == 0

    def create_header(self, located: LocatedBlock):
        return self._header(located, datanode_pb2.WriteHeader.CREATE)

    def resume_header(self, located: LocatedBlock):
        return self._header(located, datanode_pb2.WriteHeader.RESUME)

    def _header(self, located: LocatedBlock, stage):
        header = datanode_pb2.WriteHeader(stage=stage)
        header.block.id, header.block.generation = located.block.id, located.block.generation
        return header

    def stream(self, header, nodes, *, on_ack, on_end) -> FakeStream:
        return FakeStream(self, header, nodes, on_ack, on_end)

    def is_thin(self, nodes: int) -> bool:
        return nodes * 2 <= 3

    def ask(self, block, survivors, excluded) -> tuple[int, Node | None]:
        self.generation += 1
        excluded.forget_old()
        spare = [n for n in self.nodes if n.node_id not in excluded and n not in survivors]
        return self.generation, spare[0] if spare and self.rng.random() < 0.5 else None

    def rebuild(self, block, survivors, excluded, granted) -> LocatedBlock | None:
        generation, spare = granted
        refusing = self.fails(len(survivors))
        for number, node in enumerate(survivors):
            if number == refusing:
                excluded[node.node_id] = Excluded(node, "refuses in this test")
                return None
            replica = self.replica(node, block)
            assert len(replica.data) >= block.length, "an acknowledged byte is missing"
            del replica.data[block.length :]
            replica.generation, replica.finalized = generation, False
        nodes = list(survivors)
        if spare:
            copy = FakeReplica(generation)
            copy.data = bytearray(self.replica(nodes[0], block).data)
            self.replicas[spare.node_id, block.id] = copy
            nodes.append(spare)
        new = Block(block.id, generation, block.length)
        self.located = LocatedBlock(new, 0, tuple(nodes), True)
        return self.located

    def wait_for_restart(self, nodes, block) -> tuple[Node, ...]:
        if self.rng.random() < 0.5:
            return ()
        return tuple(
            node
            for node in nodes
            if len(self.replicas[node.node_id, block.id].data) >= block.length
        )


def write_all(output: BlockOutput, cluster: FakeCluster, rng: random.Random) -> Block:
    sent = 0
    while sent < len(DATA):
        # A packet begins at the border below what was sent: the short chunk goes again.
        start = sent // CHUNK * CHUNK
        end = min(len(DATA), sent + rng.choice([1, 10, CHUNK, 500]))
        output.send(start, DATA[start:end], checksum.checksums(DATA[start:end], CHUNK))
        sent = end
        cluster.clock.advance(rng.choice([0.1, THIN_S]))
        if rng.random() < 0.3:
            cluster.let_go()
    return output.finish()


class Waiting(BlockOutput):
    """Acks that are held come as soon as the writer waits for them."""

    def _await_progress(self, limit_s: float) -> bool:
        waiting = len(self._unacknowledged)
        self._pipelines.let_go()
        return len(self._unacknowledged) < waiting or super()._await_progress(0.0)


@given(
    seed=st.integers(0, 2**32),
    nodes=st.integers(1, 6),
    failures=st.integers(0, RECOVERIES_MAX),
)
@settings(max_examples=300, deadline=None)
def test_the_block_is_whole_on_every_node_of_its_pipeline(seed, nodes, failures):
    rng = random.Random(seed)
    cluster = FakeCluster(rng, nodes, failures, trust=True)
    try:
        output = Waiting(cluster, SETTINGS, Exclusions(cluster.clock))
        block = write_all(output, cluster, rng)
    except (PlacementException, BlockMissingException):
        # Only when it is true: every node has failed, or too many times.
        assert cluster.failures_left < failures
        return
    assert block.length == len(DATA)
    assert cluster.located is not None
    assert (block.id, block.generation) == (
        cluster.located.block.id,
        cluster.located.block.generation,
    )
    for node in cluster.located.nodes:
        replica = cluster.replica(node, block)
        assert replica.data == DATA
        assert replica.generation == block.generation
        assert replica.finalized


@pytest.mark.parametrize("again", [False, True], ids=["new", "reopened"])
def test_who_is_interrupted_while_a_stream_is_opened_leaves_none_open(again):
    cluster = FakeCluster(random.Random(0), 3, 0, trust=True)
    reopened = None
    if again:
        output = Waiting(cluster, SETTINGS, Exclusions(cluster.clock))
        output.send(0, DATA[:100], checksum.checksums(DATA[:100], CHUNK))
        reopened = LocatedBlock(output.finish(), 0, output.nodes, True)
    opened = []

    class Mute:
        """A stream whose nodes are slow to answer."""

        def __init__(self):
            self.cancelled = False
            opened.append(self)

        def cancel(self):
            self.cancelled = True

    class Interrupted(Waiting):
        def _open(self, header, nodes):
            self._changed.wait_for = self._interrupt
            super()._open(header, nodes)

        def _interrupt(self, *_):
            raise KeyboardInterrupt

    cluster.stream = lambda *_, **__: Mute()
    with pytest.raises(KeyboardInterrupt):
        Interrupted(cluster, SETTINGS, Exclusions(cluster.clock), reopened)
    assert [stream.cancelled for stream in opened] == [True]


def test_a_pipeline_that_breaks_before_any_ack_gives_a_new_block():
    cluster = FakeCluster(random.Random(0), 4, 0, trust=True)
    output = Waiting(cluster, SETTINGS, Exclusions(cluster.clock))
    first = output.block
    cluster.failures_left, cluster.rng.random = 1, lambda: 0.0
    output.send(0, DATA[:100], checksum.checksums(DATA[:100], CHUNK))
    assert output.finish().id != first.id


def test_when_all_nodes_are_gone_the_error_says_which_and_why():
    cluster = FakeCluster(random.Random(0), 1, 0, trust=True)
    output = Waiting(cluster, SETTINGS, Exclusions(cluster.clock))
    output.send(0, DATA[:64], checksum.checksums(DATA[:64], CHUNK))
    output.wait()
    cluster.wait_for_restart = lambda nodes, block: ()
    cluster.fails = lambda hops, at_setup=False: 0
    with pytest.raises(StoreError) as caught:
        output.finish()
    assert "/file" in str(caught.value)
    assert "dn-0" in str(caught.value)
    assert "64 acknowledged bytes" in str(caught.value)


def thin_pipeline(nodes: int = 3) -> tuple[FakeCluster, BlockOutput]:
    """Whose nodes have failed one after the other, long ago, up to one."""
    cluster = FakeCluster(random.Random(0), nodes, 0, trust=True)
    cluster.rng.random = lambda: 0.6
    excluded = Exclusions(cluster.clock)
    for node in cluster.nodes[1:]:
        excluded[node.node_id] = Excluded(node, "failed in this test")
    return cluster, Waiting(cluster, SETTINGS, excluded)


def write_some(output: BlockOutput, start: int) -> None:
    data = DATA[start : start + CHUNK]
    output.send(start, data, checksum.checksums(data, CHUNK))


def nodes_of(cluster: FakeCluster) -> list[str]:
    return [node.node_id for node in cluster.located.nodes]


def test_a_node_that_failed_long_ago_joins_a_thin_pipeline_again():
    cluster, output = thin_pipeline()
    write_some(output, 0)
    assert nodes_of(cluster) == ["dn-0"]
    cluster.rng.random = lambda: 0.4
    cluster.clock.advance(EXCLUDED_S)
    write_some(output, CHUNK)
    assert nodes_of(cluster) == ["dn-0", "dn-1"]
    write_some(output, 2 * CHUNK)
    assert output.finish().length == 3 * CHUNK
    assert [cluster.replica(node, output.block).data for node in cluster.nodes[:2]] == [
        DATA[: 3 * CHUNK]
    ] * 2


def test_without_another_node_a_thin_pipeline_goes_on_and_asks_less_and_less():
    cluster, output = thin_pipeline(nodes=1)
    asked = []
    ask = cluster.ask
    cluster.ask = lambda *arguments: asked.append(cluster.clock.monotonic()) or ask(*arguments)
    began = cluster.clock.monotonic()
    for number in range(50):
        write_some(output, number * CHUNK)
        cluster.clock.advance(THIN_S)
    assert [(at - began) / THIN_S for at in asked] == [1, 4, 9, 18, 35]
    assert output.finish().length == 50 * CHUNK


def test_a_survivor_that_refuses_to_be_joined_leaves():
    cluster, output = thin_pipeline(nodes=4)
    cluster.is_thin = lambda nodes: nodes <= 2
    write_some(output, 0)
    cluster.rng.random = lambda: 0.4
    cluster.clock.advance(EXCLUDED_S)
    write_some(output, CHUNK)
    write_some(output, 2 * CHUNK)
    refusals = [0]
    cluster.fails = lambda *_, **__: refusals.pop() if refusals else None
    cluster.clock.advance(10 * THIN_S)
    write_some(output, 3 * CHUNK)
    assert "dn-0" not in nodes_of(cluster)
    assert output.finish().length == 4 * CHUNK
