"""Connections whose other end is slow, silent, or behind a network that lets nothing through."""

import ctypes
import socket
import struct
import time

import pytest

from blockstore.runtime import line as lines
from blockstore.runtime.line import Line

PATIENCE_S = 60.0
_SO_ATTACH_FILTER = 26


@pytest.fixture
def ends():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = socket.create_connection(listener.getsockname())
        there, _ = listener.accept()
    with here, there:
        yield here, there


def cut(there):
    """From now on its kernel throws away whatever comes for it, unanswered: a cable was pulled."""
    throw_away = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    program = struct.pack("HL", 1, ctypes.addressof(throw_away))
    there.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def test_who_asks_where_nothing_gets_through_is_told_long_before_patience_ends(ends):
    here, there = ends
    line = Line(here, PATIENCE_S)
    cut(there)
    began = time.monotonic()
    line.send(b"a question")
    with pytest.raises(TimeoutError, match="nothing gets through to the other side"):
        line.receive(1)
    assert time.monotonic() - began < PATIENCE_S / 2


def test_who_waits_for_the_rest_is_told_too(ends, monkeypatch):
    monkeypatch.setattr(lines, "_GIVEN_UP_AFTER_S", 3.0)
    here, there = ends
    line = Line(here, PATIENCE_S)
    there.sendall(b"half of")
    assert line.receive(7) == b"half of"
    cut(there)
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="timed out"):
        line.receive(1)
    assert time.monotonic() - began < PATIENCE_S / 2
    # Kept for later it would be as of no use.
    assert not line.is_quiet


def test_a_process_that_is_busy_is_waited_for(ends, monkeypatch):
    monkeypatch.setattr(lines, "_LOOK_S", 0.01)
    here, _ = ends
    line = Line(here, 0.1)
    line.send(b"a question")
    with pytest.raises(TimeoutError, match=r"has sent nothing for 0\.1 s"):
        line.receive(1)
    assert not line.is_cut
