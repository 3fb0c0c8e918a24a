"""The sender's end of a connection on which packets go: signs of life, silence, last words."""

import socket
import threading
from contextlib import suppress

import pytest

from blockstore import byteframes, packetlines
from blockstore.datanode.packetanswers import PacketAnswers
from blockstore.datanode.pulse import Pulse
from blockstore.datastream import KEEPALIVE_FRAME, Ack, pack_ack
from blockstore.errors import UnreachableException
from blockstore.framesender import FrameSender
from blockstore.packetlines import PacketLine
from blockstore.runtime import portframes
from blockstore.runtime.line import Line
from tests.unit.blockstore.datanode.test_packetlines import PATIENCE_S, Told, packet


@pytest.fixture
def pair():
    """A stream's line, and a socket that is the DataNode."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = socket.create_connection(listener.getsockname())
        there, _ = listener.accept()
    there.settimeout(PATIENCE_S)
    with there:
        yield Line(here, PATIENCE_S), there


ALIVE = portframes.pack_frame(KEEPALIVE_FRAME)
NOTHING = portframes.pack_frame(b"")


def test_who_is_told_that_the_node_lives_says_so_too(pair):
    line, there = pair
    told = Told()
    stream = PacketLine(line, "dn", on_ack=told.on_ack, on_end=told.on_end)
    with there.makefile("rb") as reader:
        for _ in range(3):
            there.sendall(NOTHING)
            assert reader.read(len(ALIVE)) == ALIVE
    assert told.all == []
    stream.cancel()


def test_a_node_that_does_not_even_say_that_it_lives_is_lost(pair, monkeypatch):
    monkeypatch.setattr(packetlines, "SILENT_S", 0.05)
    line, there = pair
    told = Told()
    stream = PacketLine(line, "dn", on_ack=told.on_ack, on_end=told.on_end)
    told.soon("dn has given no sign of life for 0 s")
    stream.cancel()
    assert there.recv(1) == b""


@pytest.mark.parametrize("got", [1, 6])
def test_silence_in_the_middle_of_an_ack_is_told_as_silence(pair, monkeypatch, got):
    monkeypatch.setattr(packetlines, "SILENT_S", 0.05)
    line, there = pair
    told = Told()
    stream = PacketLine(line, "dn", on_ack=told.on_ack, on_end=told.on_end)
    there.sendall(portframes.pack_frame(pack_ack(Ack(1)))[:got])
    told.soon("dn has given no sign of life for 0 s")
    stream.cancel()


def test_an_idle_writer_is_heard_again_and_again():
    beating = Pulse(0.001)
    heard = []

    def hear(frames):
        yield pack_ack(Ack(0))
        for frame in frames:
            heard.append(bytes(frame))
            if len(heard) == 5:
                yield pack_ack(Ack(1))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = socket.create_connection(listener.getsockname())
        there, _ = listener.accept()
    near, far = Line(here, PATIENCE_S), Line(there, PATIENCE_S)

    def serve():
        with suppress(ConnectionError):
            PacketAnswers(hear, beating, far).give()

    serving = threading.Thread(target=serve)
    serving.start()
    assert near.receive(byteframes.WELCOME_BYTES) == byteframes.WELCOME
    told = Told()
    stream = PacketLine(near, "dn", on_ack=told.on_ack, on_end=told.on_end)
    beating.start()
    # Nobody has sent anything but signs of life.
    told.soon(Ack(1))
    stream.cancel()
    serving.join(PATIENCE_S)
    beating.stop()
    assert heard[:5] == [KEEPALIVE_FRAME] * 5


def test_signs_of_life_and_packets_dont_mix(pair):
    line, there = pair
    told = Told()
    stream = PacketLine(line, "dn", on_ack=told.on_ack, on_end=told.on_end)
    # Each larger than what waits between us: sending it takes a while.
    packets = [bytes([seq]) * 12_000_000 for seq in range(5)]

    def send():
        for each in packets:
            stream.send(each, PATIENCE_S)

    def beat():
        with suppress(OSError):
            while True:
                there.sendall(NOTHING)

    threads = [threading.Thread(target=each) for each in (send, beat)]
    for thread in threads:
        thread.start()
    with there.makefile("rb") as reader:
        for each in packets:
            while (
                frame := reader.read(byteframes.PORT.frame_bytes(reader.read(4)))
            ) == KEEPALIVE_FRAME:
                pass
            assert frame == each
    stream.cancel()
    with suppress(OSError):
        there.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join(PATIENCE_S)


class HalfDeaf:
    """A line whose kernel takes some bytes of a sign of life."""

    def __init__(self):
        self.sent = b""

    def send_at_once(self, data):
        self.sent += data[:7]
        return len(data[:7])

    def be_patient(self, seconds):
        pass

    def send_parts(self, head, body):
        self.sent += head + body


@pytest.mark.parametrize("beats", range(1, 9))
def test_half_a_sign_of_life_is_finished_before_anything_else(beats):
    line = HalfDeaf()
    sender = FrameSender(line, KEEPALIVE_FRAME)
    for _ in range(beats):
        sender.say_alive()
    sender.send(b"a packet", PATIENCE_S)
    whole = -(-beats // 3)
    assert line.sent == whole * ALIVE + portframes.pack_frame(b"a packet")


def flood(stream, patience_s):
    while True:
        stream.send(bytes(8 * 1024 * 1024), patience_s)


def test_who_takes_nothing_is_told_as_silent_and_gets_nothing_any_more(pair):
    line, _ = pair
    told = Told()
    stream = PacketLine(line, "dn", on_ack=told.on_ack, on_end=told.on_end)
    with pytest.raises(UnreachableException, match="dn has taken no byte for 0 s"):
        flood(stream, 0.05)
    stream.cancel()
    with pytest.raises(UnreachableException, match="dn has broken off the connection"):
        # What follows half a frame would be something else.
        stream.send(packet(), 0.05)


def test_what_the_node_says_before_it_ends_the_stream_is_heard_first(pair):
    line, there = pair
    told = Told()
    started, never = threading.Event(), threading.Event()
    heard = []

    def hear(ack):
        # As slow as a thread that doesn't get its turn.
        never.wait(0.2)
        told.on_ack(ack)

    stream = PacketLine(line, "dn", on_ack=hear, on_end=told.on_end)

    def send():
        started.set()
        try:
            flood(stream, PATIENCE_S)
        except UnreachableException:
            heard.extend(told.all)

    sender = threading.Thread(target=send)
    sender.start()
    assert started.wait(PATIENCE_S)
    assert there.recv(1024)
    there.sendall(portframes.pack_frame(pack_ack(Ack(3, 2, "it is full"))))
    # With all that was sent unread: a reset.
    there.close()
    sender.join(PATIENCE_S)
    assert heard[0] == Ack(3, 2, "it is full")
    stream.cancel()
