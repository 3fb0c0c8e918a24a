"""The bar of put and get on a terminal."""

import pytest
from mapred_cli.transferbar import transfer_bar


@pytest.fixture
def terminal(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    return lambda: capsys.readouterr().err


def test_a_copy_that_moves_bytes_has_a_bar(terminal):
    with transfer_bar("put", lambda: 10) as advance:
        advance(4)
        advance(6)
    assert "put" in (shown := terminal())
    assert "10/10 bytes" in shown


def test_what_is_refused_leaves_no_empty_bar(terminal):
    with pytest.raises(OSError), transfer_bar("put", None):
        raise OSError("it exists")
    assert terminal() == ""
