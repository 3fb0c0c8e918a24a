"""A file's reader and its DataNodes' two ways, byte port and gRPC: the same bytes, errors and
reports by each, and one for the other where a port can't be had.
"""

import itertools
import random
import socket
from dataclasses import replace
from typing import ClassVar

import pytest

from blockstore import checksum
from blockstore.client import fetch
from blockstore.client.byteports import BytePorts
from blockstore.client.fetch import Fetcher
from blockstore.client.reader import BlockReader
from blockstore.client.settings import ClientSettings
from blockstore.client.smallrange import SmallRanges
from blockstore.errors import BlockMissingException
from blockstore.model import Block, LocatedBlock
from blockstore.runtime.clock import SYSTEM_CLOCK

CHUNK = 4096
BLOCK_BYTES = 300_000
BLOCKS = 3
DATA = random.Random(8).randbytes(BLOCKS * BLOCK_BYTES)


class File:
    """Blocks that some nodes hold, nearest first."""

    path = "/file"
    length = len(DATA)

    def __init__(self, nodes):
        self.nodes = tuple(nodes)

    def find(self, offset):
        number = offset // BLOCK_BYTES
        block = Block(number + 1, 7, BLOCK_BYTES)
        return LocatedBlock(block, number * BLOCK_BYTES, self.nodes)

    def refresh(self):
        pass


class NameNode:
    """Hears of bad replicas."""

    def __init__(self):
        self.bad = []

    def report_bad_replica(self, block, node_id, reason):
        self.bad.append((block.id, node_id))


class Reading:
    """A client's reader of the file, and what there is to see of it."""

    def __init__(self, peers, by_port, **settings):
        self.namenode = NameNode()
        self.settings = ClientSettings(missing_after_s=0.1, **settings)
        self.ports = BytePorts(None, self.settings.hedge_after_s)
        self._ranges = SmallRanges(peers, self.settings.hedge_after_s)
        self._peers = peers
        self._by_port = by_port

    def open(self, nodes):
        self.fetcher = Fetcher(
            File(nodes),
            self.namenode,
            self._peers,
            self._ranges,
            None,
            self.settings,
            SYSTEM_CLOCK,
            self.ports if self._by_port else None,
        )
        return BlockReader(self.fetcher.file, self.fetcher, lambda: None)

    def close(self):
        self.ports.close()
        self._ranges.close()


@pytest.fixture
def servers(datanodes):
    servers = datanodes(2)
    for server in servers:
        for number in range(BLOCKS):
            data = DATA[number * BLOCK_BYTES : (number + 1) * BLOCK_BYTES]
            writing = server.store.create(Block(number + 1, 7), CHUNK)
            writing.write(0, checksum.checksums(data, CHUNK), data)
            writing.finish()
    return servers


@pytest.fixture
def nodes(servers):
    return [server.node for server in servers]


@pytest.fixture(params=[True, False], ids=["byte port", "gRPC"])
def by_port(request):
    return request.param


@pytest.fixture
def reading(peers, by_port):
    reading = Reading(peers, by_port, hedge_after_s=60.0)
    yield reading
    reading.close()


def flip(server, block_id, offset):
    with open(server.files.local_paths(block_id).data_path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


def test_a_whole_file_by_large_and_small_reads(reading, nodes, servers, by_port):
    with reading.open(nodes) as reader:
        got = bytearray()
        for size in itertools.cycle([7, 400_000, 1, 4096, 100_000]):
            piece = reader.read(size)
            got += piece
            if len(piece) < size:
                break
        assert got == DATA
        reader.seek(0)
        assert reader.read() == DATA
        target = bytearray(50_000)
        reader.seek(BLOCK_BYTES - 20_000)
        assert reader.readinto(target) == len(target)
        assert target == DATA[BLOCK_BYTES - 20_000 : BLOCK_BYTES + 30_000]
        assert reader.pread(0, 10) == DATA[:10]
    assert (reading.ports.kept > 0) is by_port
    assert (servers[0].byte_port.connections > 0) is by_port


@pytest.mark.parametrize(("offset", "length"), [(0, 1), (4095, 2), (299_990, 20), (5, 899_990)])
def test_any_range_of_the_file(reading, nodes, offset, length):
    with reading.open(nodes) as reader:
        assert reader.pread(offset, length) == DATA[offset : offset + length]


@pytest.mark.parametrize("length", [10, 5_000, len(DATA)])
def test_wrong_bytes_are_read_elsewhere_and_reported_once(reading, servers, nodes, length):
    flip(servers[0], 1, 2)
    flip(servers[0], 2, 200_000)
    with reading.open(nodes) as reader:
        for _ in range(2):
            assert reader.pread(0, length) == DATA[:length]
    bad = [(1, "dn-0")] + [(2, "dn-0")] * (length == len(DATA))
    assert reading.namenode.bad == bad


def test_lines_over_a_damaged_place_are_whole(reading, servers, nodes):
    flip(servers[0], 2, 100_000)
    with reading.open(nodes) as reader:
        assert b"".join(reader) == DATA


def test_a_replica_that_is_gone_is_read_elsewhere_and_nobody_is_blamed(reading, servers, nodes):
    servers[0].store.remove(Block(2, 7))
    with reading.open(nodes) as reader:
        assert reader.pread(0, len(DATA)) == DATA
    assert reading.namenode.bad == []


def test_when_all_replicas_are_bad_the_error_has_each_nodes_reason(
    reading, servers, nodes, monkeypatch
):
    monkeypatch.setattr(Fetcher, "is_safe_mode", lambda _: False)
    flip(servers[0], 1, 2)
    servers[1].store.remove(Block(1, 7))
    with reading.open(nodes) as reader, pytest.raises(BlockMissingException) as caught:
        reader.pread(0, 10)
    words = str(caught.value)
    assert f"{nodes[0]}" in words
    assert "offset 0 don't match their checksum" in words
    assert f"{nodes[1]}" in words
    assert "no readable replica" in words


# --- where a port can't be had -------------------------------------------------------------


@pytest.fixture
def silent_port():
    """Takes connections and says nothing, as a stopped process does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_silent_ports_node_is_read_over_grpc_and_then_asked_last(peers, nodes, silent_port):
    reading = Reading(peers, True, hedge_after_s=0.1)
    stopped = replace(nodes[0], byte_port=silent_port)
    with reading.open([stopped]) as reader:
        assert reader.pread(0, len(DATA)) == DATA
        assert reader.read() == DATA
    reading.close()


def test_a_reader_is_told_why_he_waited_and_is_read_to_elsewhere(peers, nodes, monkeypatch, caplog):
    first = fetch.ByteSource.take

    def take(source, timeout_s):
        if source._node == nodes[0]:
            raise fetch.UnreachableException(f"{source._node}: nothing gets through")
        return first(source, timeout_s)

    monkeypatch.setattr(fetch.ByteSource, "take", take)
    # However short he waited.
    monkeypatch.setattr(fetch, "SILENT_S", 0.0)
    reading = Reading(peers, True, hedge_after_s=60.0)
    with reading.open([nodes[0], nodes[1]]) as reader:
        assert reader.read() == DATA
    reading.close()
    assert f"is read on elsewhere: {nodes[0]}: nothing gets through" in caplog.text


def test_an_old_node_without_a_port_is_read_over_grpc(peers, nodes, servers):
    reading = Reading(peers, True, hedge_after_s=60.0)
    with reading.open([replace(node, byte_port=0) for node in nodes]) as reader:
        assert reader.read() == DATA
        assert reader.pread(100, 50) == DATA[100:150]
    assert [server.byte_port.connections for server in servers] == [0, 0]
    reading.close()


class Silent:
    """A source of a node that takes questions and doesn't answer."""

    asked: ClassVar[list[str]] = []

    def __init__(self, ports, node, block, offset, end, room):
        self.node = node

    def begin(self):
        Silent.asked.append(self.node.node_id)
        raise fetch.UnreachableException(f"{self.node} is silent")

    def cancel(self):
        pass


# Who waited for it again, over gRPC, would wait for an hour.
@pytest.mark.timeout(60)
def test_a_node_that_takes_a_question_and_is_silent_is_raced_at_once_and_asked_last_then(
    peers, nodes, silent_port, monkeypatch
):
    reading = Reading(peers, True, hedge_after_s=3600.0)
    monkeypatch.setattr(Silent, "asked", [])
    monkeypatch.setattr(fetch, "ByteSource", Silent)
    with reading.open([replace(nodes[0], port=silent_port), nodes[1]]) as reader:
        assert reader.pread(0, 10) == DATA[:10]
        assert reader.pread(0, 10) == DATA[:10]
    assert Silent.asked == ["dn-0", "dn-1"]
    reading.close()


def test_a_node_that_goes_away_in_the_middle_is_left_for_another(peers, servers, nodes):
    reading = Reading(peers, True, hedge_after_s=60.0)
    with reading.open(nodes) as reader:
        assert reader.read(100_000) == DATA[:100_000]
        servers[0].byte_port.stop(0.0)
        servers[0].server.stop(0).wait(10)
        assert reader.read() == DATA[100_000:]
    assert reading.namenode.bad == []
    reading.close()
