"""A connection whose waits end."""

import socket
import threading

import pytest

from blockstore.runtime.line import Line

PATIENT_S = 60.0


@pytest.fixture
def pair():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = socket.create_connection(listener.getsockname())
        there, _ = listener.accept()
    with here, there:
        yield here, there


def test_what_comes_in_pieces_is_received_whole(pair):
    here, there = pair
    line = Line(here, PATIENT_S)
    data = bytes(range(256)) * 4096

    def send():
        for start in range(0, len(data), 100_001):
            there.sendall(data[start : start + 100_001])

    sender = threading.Thread(target=send)
    sender.start()
    assert line.receive(5) == data[:5]
    rest = bytearray(len(data) - 5)
    line.receive_into(memoryview(rest))
    sender.join(PATIENT_S)
    assert rest == data[5:]


def test_silence_ends_a_wait_and_says_how_long_it_was(pair):
    here, there = pair
    line = Line(here, 0.05)
    there.send(b"half")
    with pytest.raises(TimeoutError, match=r"sent nothing for 0\.05 s"):
        line.receive(8)
    # Who takes nothing is silent, too.
    with pytest.raises(TimeoutError, match=r"taken nothing for 0\.05 s"):
        line.send(bytes(100_000_000))


def test_an_end_is_no_silence(pair):
    here, there = pair
    line = Line(here, PATIENT_S)
    assert line.is_quiet
    there.send(b"half")
    there.close()
    with pytest.raises(ConnectionError):
        line.receive(8)
    assert not line.is_quiet


def test_who_waits_is_woken_when_the_line_is_ended_here(pair):
    here, _ = pair
    line = Line(here, PATIENT_S)
    woken = []

    def wait():
        with pytest.raises(ConnectionError):
            line.receive(1)
        woken.append(True)

    waiting = threading.Thread(target=wait)
    waiting.start()
    line.end()
    waiting.join(PATIENT_S)
    assert woken == [True]


def test_parts_arrive_as_one(pair):
    here, there = pair
    line = Line(here, PATIENT_S)
    line.send(b"head", b"", b"body", more=True)
    line.send(b"tail")
    there.settimeout(PATIENT_S)
    assert there.recv(12, socket.MSG_WAITALL) == b"headbodytail"
