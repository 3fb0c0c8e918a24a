"""Bytes without gRPC: the right ones, or an error, or word that gRPC is to be asked."""

import random
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from blockstore import byteframes, checksum
from blockstore.byteframes import LAST, Ask
from blockstore.client import byteports
from blockstore.client.byteports import BytePorts
from blockstore.client.bytesource import ByteSource
from blockstore.client.room import Room
from blockstore.errors import (
    AccessControlException,
    ChecksumException,
    InvalidRequestException,
    NotReadyException,
    ReplicaNotFoundException,
)
from blockstore.model import Block, ReplicaState
from blockstore.runtime import portframes
from blockstore.runtime.clock import FakeClock
from blockstore.runtime.secret import prove

CHUNK = 512
DATA = random.Random(3).randbytes(10_000)
BLOCK = Block(1, 7, len(DATA))
PATIENCE_S = 60.0


def store(server, data=DATA, chunk=CHUNK, block_id=BLOCK.id):
    writing = server.store.create(Block(block_id, BLOCK.generation), chunk)
    step = 1024 * 1024 // chunk * chunk
    for start in range(0, len(data), step):
        piece = data[start : start + step]
        writing.write(start, checksum.checksums(piece, chunk), piece)
    writing.finish()


@pytest.fixture
def server(datanodes):
    (server,) = datanodes(1)
    store(server)
    return server


@pytest.fixture
def ports():
    ports = BytePorts(None, PATIENCE_S)
    yield ports
    ports.close()


def source_of(ports, node, offset, end, *, block=BLOCK, room=None):
    return ByteSource(ports, node, block, offset, end, room or Room())


def read(ports, node, offset, end, *, block=BLOCK):
    source = source_of(ports, node, offset, end, block=block)
    got = bytearray()
    try:
        assert source.begin()
        while len(got) < end - offset:
            got += source.take(PATIENCE_S)
    finally:
        source.cancel()
    return bytes(got)


def until(reached):
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


RANGES = [(0, 1), (0, 10_000), (511, 513), (512, 1024), (9_999, 10_000), (700, 9_001)]


@pytest.mark.parametrize(("offset", "end"), RANGES)
def test_any_range_is_the_bytes_that_were_written(server, ports, offset, end):
    assert read(ports, server.node, offset, end) == DATA[offset:end]


# Borders of windows and of pieces lie within chunks of the second kind.
@pytest.mark.parametrize("chunk", [64 * 1024, 1000])
@pytest.mark.parametrize("room_bytes", [0, 500, 256 * 1024, 3_000_000])
def test_a_long_range_comes_in_windows_to_wherever_it_is_wanted(server, ports, chunk, room_bytes):
    data = random.Random(4).randbytes(5 * 1024 * 1024 + 77)
    block = Block(2, BLOCK.generation, len(data))
    store(server, data, chunk, block.id)
    for offset, end in ((0, len(data)), (17, len(data) - 9), (2_000_000, 3_200_000)):
        room, got, in_place = Room(), bytearray(), 0
        target = bytearray(room_bytes)
        source = source_of(ports, server.node, offset, end, block=block, room=room)
        assert source.begin()
        while len(got) < end - offset:
            with memoryview(target) as view, room.offered(view):
                piece = source.take(PATIENCE_S)
                in_place += room.has(piece)
                got += piece
                del piece
        source.cancel()
        assert got == data[offset:end]
        # The last bytes of all may be few.
        assert in_place >= 1 if room_bytes >= chunk else in_place <= 1
        assert ports.kept == 1
    assert server.byte_port.connections == 1


def test_a_damaged_byte_is_never_returned_nor_its_neighbours_refused(server, ports):
    path = server.files.local_paths(BLOCK.id).data_path
    with open(path, "r+b") as file:
        file.seek(1_000)
        file.write(bytes([DATA[1_000] ^ 1]))
    with pytest.raises(ChecksumException, match="512"):
        read(ports, server.node, 0, 10_000)
    assert read(ports, server.node, 1024, 2048) == DATA[1024:2048]


def test_damage_of_a_stored_checksum_is_damage_too(server, ports):
    with open(server.files.local_paths(BLOCK.id).checksum_path, "r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    with pytest.raises(ChecksumException, match="9728"):
        read(ports, server.node, 0, 10_000)


def test_what_is_not_there_is_an_error_and_the_connection_stays(server, ports):
    for block in (Block(2, 7, 10), Block(1, 8, 10)):
        with pytest.raises(ReplicaNotFoundException):
            read(ports, server.node, 0, 10, block=block)
    connection = ports.take(server.node)
    connection.ask(Ask(BLOCK, 0, 0))
    with pytest.raises(InvalidRequestException):
        connection.next_piece(PATIENCE_S)
    ports.give_back(server.node, connection)
    assert read(ports, server.node, 9_990, 10_000) == DATA[9_990:]
    assert server.byte_port.connections == ports.kept == 1
    with pytest.raises(ChecksumException, match="bytes up to 10000 instead of 10010"):
        read(ports, server.node, 9_990, 10_010)


def test_an_older_replica_than_wanted_is_none_and_a_newer_one_is_good(server, ports):
    with pytest.raises(ReplicaNotFoundException, match="older"):
        read(ports, server.node, 0, 10, block=Block(1, 8, 10))
    assert read(ports, server.node, 0, 10, block=Block(1, 6, 10)) == DATA[:10]


def test_bytes_of_an_open_replica_are_those_that_were_acknowledged(server, ports):
    growing = Block(3, 7)
    writing = server.store.create(growing, CHUNK)
    writing.write(0, checksum.checksums(DATA[:700], CHUNK), DATA[:700])
    server.store.show(growing.id, 700)
    assert read(ports, server.node, 0, 700, block=growing) == DATA[:700]
    writing.write(512, checksum.checksums(DATA[512:2000], CHUNK), DATA[512:2000])
    with pytest.raises(ChecksumException, match="up to 700 instead of 900"):
        read(ports, server.node, 0, 900, block=growing)
    server.store.show(growing.id, 2000)
    assert read(ports, server.node, 600, 2000, block=growing) == DATA[600:2000]
    writing.finish()
    assert read(ports, server.node, 0, 2000, block=growing) == DATA[:2000]


def test_what_waits_for_recovery_is_refused_as_that(server, ports, monkeypatch):
    held = server.store._core.get(BLOCK.id)
    waiting = replace(held, state=ReplicaState.RWR)
    monkeypatch.setattr(server.store._core, "get", lambda _: waiting)
    with pytest.raises(NotReadyException, match="waits for recovery"):
        read(ports, server.node, 0, 10)


def test_a_hundred_questions_are_one_connection_that_is_no_stream_between_them(server, ports):
    for offset in range(100):
        assert read(ports, server.node, offset, offset + 600) == DATA[offset : offset + 600]
        assert server.byte_port.connections == 1
    until(lambda: server.streams.open == 0)


def test_threads_read_at_once_and_leave_few_connections(server, ports):
    wrong = []

    def ask(number):
        wrong.extend(
            offset
            for offset in range(number, 5_000, 250)
            if read(ports, server.node, offset, offset + 700) != DATA[offset : offset + 700]
        )

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert 1 <= ports.kept <= byteports.KEPT_PER_NODE
    until(lambda: server.byte_port.connections == ports.kept)


# --- who may ask ---------------------------------------------------------------------------


@pytest.mark.parametrize("mine", [None, "wrong", ""])
def test_without_the_secret_nothing_is_read(server, mine):
    guarded = server.make_byte_port(secret="right")
    node = replace(server.node, byte_port=guarded.port)
    ports = BytePorts(mine, PATIENCE_S)
    with pytest.raises(AccessControlException, match="cluster secret is wrong or missing"):
        read(ports, node, 0, 10)
    ports.close()
    knowing = BytePorts("right", PATIENCE_S)
    assert read(knowing, node, 0, 10) == DATA[:10]
    knowing.close()
    until(lambda: guarded.connections == 0)


def test_a_proof_is_for_one_greeting(server):
    guarded = server.make_byte_port(secret="right")
    proofs = []
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", guarded.port)) as dialled:
            dialled.settimeout(PATIENCE_S)
            nonce = byteframes.PORT.unpack_greeting(dialled.recv(portframes.GREETING_BYTES))
            proofs.append(prove("right", byteframes.PORT.purpose, nonce))
            # What was overheard once.
            dialled.sendall(byteframes.pack_entry(proofs[0]))
            dialled.sendall(byteframes.pack_ask(Ask(BLOCK, 0, 10)))
            head = dialled.recv(byteframes.HEAD_BYTES, socket.MSG_WAITALL)
        kind = byteframes.unpack_head(head).kind
        assert kind == (LAST if len(proofs) == 1 else byteframes.REFUSED)


def test_a_stranger_is_sent_away(server):
    with socket.create_connection(("127.0.0.1", server.byte_port.port)) as dialled:
        dialled.settimeout(PATIENCE_S)
        dialled.sendall(b"GET / HTTP/1.1\r\n\r\n".ljust(200))
        with suppress(ConnectionError):
            while dialled.recv(1000):
                pass
    until(lambda: server.byte_port.connections == 0)


def test_one_connection_too_many_asks_over_grpc_and_the_others_go_on(server):
    narrow = server.make_byte_port(connections_max=1)
    node = replace(server.node, byte_port=narrow.port)
    first, second = BytePorts(None, PATIENCE_S), BytePorts(None, PATIENCE_S)
    assert read(first, node, 0, 10) == DATA[:10]
    assert not source_of(second, node, 0, 10).begin()
    assert read(first, node, 0, 10) == DATA[:10]
    first.close()
    second.close()


def test_a_node_that_serves_as_much_as_it_may_says_so(datanodes, ports):
    (server,) = datanodes(1, streams=1)
    store(server)
    with server.streams.one_more(), pytest.raises(NotReadyException, match="streams_max"):
        read(ports, server.node, 0, 10)
    assert read(ports, server.node, 0, 10) == DATA[:10]


# --- waits that end ------------------------------------------------------------------------


def test_connections_that_nobody_uses_end_on_both_sides(server):
    impatient = server.make_byte_port(idle_s=0.05)
    node = replace(server.node, byte_port=impatient.port)
    clock = FakeClock()
    ports = BytePorts(None, PATIENCE_S, clock)
    assert read(ports, node, 0, 10) == DATA[:10]
    until(lambda: impatient.connections == 0)
    assert read(ports, node, 0, 10) == DATA[:10]

    assert read(ports, server.node, 0, 10) == DATA[:10]
    assert ports.kept == 2
    clock.advance(byteports.KEPT_S)
    # Whoever gives one back closes those that were not wanted for long.
    assert read(ports, server.node, 0, 10) == DATA[:10]
    assert ports.kept == 1
    until(lambda: server.byte_port.connections == 1)
    ports.close()
    until(lambda: server.byte_port.connections == 0)


def test_a_port_that_stops_ends_its_connections(server, ports):
    port = server.make_byte_port()
    node = replace(server.node, byte_port=port.port)
    assert read(ports, node, 0, 10) == DATA[:10]
    port.stop(PATIENCE_S)
    assert port.connections == 0
    assert not source_of(ports, node, 0, 10).begin()
