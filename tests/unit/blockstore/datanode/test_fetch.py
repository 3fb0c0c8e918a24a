"""A few bytes in one call, or in an open stream's answer: the right ones, or an error."""

import random
import threading
import time

import pytest

from blockstore import checksum
from blockstore.answerstream import AnswerStream
from blockstore.client.smallrange import SmallRanges
from blockstore.codec import block_to_wire
from blockstore.datastream import RANGES_METHOD
from blockstore.errors import (
    ChecksumException,
    InvalidRequestException,
    ReplicaNotFoundException,
    UnreachableException,
)
from blockstore.keptstreams import PER_NODE_MAX
from blockstore.model import Block
from blockstore.wire import datanode_pb2

CHUNK = 512
DATA = random.Random(3).randbytes(10_000)
BLOCK = Block(1, 7, len(DATA))
PATIENCE_S = 10.0


@pytest.fixture
def server(datanodes):
    (server,) = datanodes(1)
    writing = server.store.create(BLOCK, CHUNK)
    writing.write(0, checksum.checksums(DATA, CHUNK), DATA)
    writing.finish()
    return server


@pytest.fixture(params=["first question", "second question"])
def ranges(request, server, peers):
    ranges = SmallRanges(peers, timeout_s=10.0)
    if request.param == "second question":
        ranges.fetch(BLOCK, server.node, 0, 1)
    yield ranges
    ranges.close()


def read(ranges, server, offset, end, *, block=BLOCK):
    return bytes(ranges.fetch(block, server.node, offset, end).take(10.0))


def until(reached):
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def request_of(offset, end):
    block = block_to_wire(BLOCK)
    header = datanode_pb2.ReadHeader(block=block, offset=offset, length=end - offset)
    return header.SerializeToString()


@pytest.mark.parametrize(
    ("offset", "end"),
    [(0, 1), (0, 10_000), (511, 513), (512, 1024), (9_999, 10_000), (700, 9_001)],
)
def test_any_range_is_the_bytes_that_were_written(server, ranges, offset, end):
    assert read(ranges, server, offset, end) == DATA[offset:end]


def test_a_damaged_byte_is_never_returned_nor_its_neighbours_refused(server, ranges):
    path = server.files.local_paths(BLOCK.id).data_path
    with open(path, "r+b") as file:
        file.seek(1_000)
        file.write(bytes([DATA[1_000] ^ 1]))
    with pytest.raises(ChecksumException, match="512"):
        read(ranges, server, 0, 10_000)
    assert read(ranges, server, 1024, 2048) == DATA[1024:2048]


def test_what_is_not_there_is_an_error(server, ranges):
    with pytest.raises(ReplicaNotFoundException):
        read(ranges, server, 0, 10, block=Block(2, 7, 10))
    with pytest.raises(ReplicaNotFoundException):
        read(ranges, server, 0, 10, block=Block(1, 8, 10))
    with pytest.raises(ChecksumException):
        read(ranges, server, 9_990, 10_010)
    with pytest.raises(InvalidRequestException):
        read(ranges, server, 0, 0)
    assert read(ranges, server, 9_990, 10_000) == DATA[9_990:]
    server.server.stop(0).wait(10)
    with pytest.raises(UnreachableException):
        read(ranges, server, 0, 10)


def test_who_asks_again_keeps_one_stream_for_all_his_questions(server, peers):
    ranges = SmallRanges(peers, timeout_s=10.0)
    read(ranges, server, 0, 10)
    assert server.streams.open == 0
    for offset in range(100):
        assert read(ranges, server, offset, offset + 600) == DATA[offset : offset + 600]
    assert server.streams.open == 1
    ranges.close()
    until(lambda: server.streams.open == 0)


def test_streams_are_few_however_many_threads_ask(server, peers):
    ranges = SmallRanges(peers, timeout_s=30.0)
    read(ranges, server, 0, 10)
    wrong = []

    def ask(number):
        wrong.extend(
            offset
            for offset in range(number, 5_000, 500)
            if read(ranges, server, offset, offset + 700) != DATA[offset : offset + 700]
        )

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert server.streams.open <= PER_NODE_MAX
    ranges.close()


def test_a_node_with_half_its_streams_taken_answers_calls_instead(datanodes, peers):
    (server,) = datanodes(1, streams=2)
    writing = server.store.create(BLOCK, CHUNK)
    writing.write(0, checksum.checksums(DATA, CHUNK), DATA)
    writing.finish()
    ranges = SmallRanges(peers, timeout_s=10.0)
    with server.streams.one_more():
        for offset in range(4):
            assert read(ranges, server, offset, 600) == DATA[offset:600]
        until(lambda: server.streams.open == 1)


def stream_to(peers, server, **limits):
    return AnswerStream(peers.dial(server.node).stream_stream(RANGES_METHOD), "dn", **limits)


def asked(stream, request, patience_s=PATIENCE_S):
    stream.begin(request, patience_s)
    return stream.end()


def test_a_stream_that_nobody_uses_ends_and_the_next_question_is_answered(server, peers):
    stream = stream_to(peers, server, idle_s=0.05)
    until(lambda: stream.over)
    until(lambda: server.streams.open == 0)
    with pytest.raises(UnreachableException, match="ended the stream"):
        asked(stream, request_of(0, 10))


class Interrupting:
    """An end of a stream whose reader presses ^C."""

    def __next__(self):
        raise KeyboardInterrupt


def test_an_answer_whose_reader_was_interrupted_is_nobody_elses(server, peers):
    stream = stream_to(peers, server)
    asked(stream, request_of(0, 10))
    stream._call = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        asked(stream, request_of(0, 10))
    assert stream.over


def test_an_answer_that_does_not_come_in_time_is_given_up(server, peers):
    stream = stream_to(peers, server)
    asked(stream, request_of(0, 10))
    # A question about another block waits for that block's lock.
    other = datanode_pb2.ReadHeader(block=block_to_wire(Block(2, 7)), length=1)
    with server.store.lock(2), pytest.raises(UnreachableException):
        asked(stream, other.SerializeToString(), 0.3)
    assert stream.over


# Else the reader would report the good copy as damaged, for the bytes of the bad one.
def test_a_replica_that_was_replaced_is_opened_anew(server, peers):
    ranges = SmallRanges(peers, timeout_s=10.0)
    paths = server.files.local_paths(BLOCK.id)
    with open(paths.data_path, "r+b") as file:
        file.write(bytes([DATA[0] ^ 1]))
    for _ in range(2):
        with pytest.raises(ChecksumException):
            read(ranges, server, 0, 10)
    server.store.rotten(BLOCK, "a test says so")
    copy = server.store.copy(BLOCK, CHUNK, keep_open=False)
    copy.write(0, checksum.checksums(DATA, CHUNK), DATA)
    copy.finish()
    assert read(ranges, server, 0, 10) == DATA[:10]
    assert server.streams.open == 1
    ranges.close()
