"""The bar of put and get on a terminal."""

import contextlib
import io

import pytest
from mapred_cli.transferbar import transfer_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    # pytest puts its own stderr in place after fixtures.
    return contextlib.redirect_stderr(Terminal())


def test_a_copy_that_moves_bytes_has_a_bar(terminal):
    with terminal as shown, transfer_bar("put", lambda: 10) as advance:
        advance(4)
        advance(6)
    assert "10/10 bytes" in shown.getvalue()


def test_what_is_refused_leaves_no_empty_bar(terminal):
    with terminal as shown, pytest.raises(OSError, match="exists"), transfer_bar("put", None):
        raise OSError("it exists")
    assert shown.getvalue() == ""
