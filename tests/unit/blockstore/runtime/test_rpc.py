"""Errors, deadlines and the secret over real sockets on loopback."""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import grpc
import pytest

from blockstore import errors
from blockstore.runtime import rpc, secret
from blockstore.runtime.retry import NO_RETRY, RetryPolicy

ECHO = "/test.Echo/Echo"


def echo(request: bytes, _context: grpc.ServicerContext) -> Iterator[bytes]:
    if request == b"missing":
        raise errors.FileNotFoundException("no '/a': create it first")
    if request == b"bug":
        raise ZeroDivisionError("oops")
    yield request


@contextmanager
def serving(server_secret: str | None = None) -> Iterator[str]:
    server = rpc.threaded_server(threads=2, secret=server_secret)
    server.add_generic_rpc_handlers((rpc.raw_handler("test.Echo", unary_stream={"Echo": echo}),))
    port = rpc.bind(server, "127.0.0.1", 0)
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


def ask(address: str, words: bytes, client_secret: str | None = None) -> bytes:
    with rpc.channel(address, secret=client_secret) as channel:
        method = channel.unary_stream(ECHO)
        return bytes(
            rpc.call(
                lambda request, timeout: b"".join(method(request, timeout=timeout)),
                words,
                to="echo",
                policy=NO_RETRY,
            )
        )


def test_an_error_of_ours_comes_back_as_itself() -> None:
    with serving() as address:
        assert ask(address, b"hello") == b"hello"
        with pytest.raises(errors.FileNotFoundException, match="create it first"):
            ask(address, b"missing")


def test_a_bug_comes_back_with_its_name_and_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with serving() as address, pytest.raises(errors.StoreError, match="ZeroDivisionError"):
        ask(address, b"bug")
    assert "oops" in caplog.text


def test_nobody_there_is_unreachable_within_the_deadline() -> None:
    with serving() as address:
        pass
    with (
        rpc.channel(address) as channel,
        pytest.raises(errors.UnreachableException, match="namenode"),
    ):
        rpc.call(
            channel.unary_unary(ECHO), b"", to="namenode", timeout_s=1, policy=RetryPolicy(0.3)
        )


def test_the_secret_opens_and_its_lack_or_another_does_not() -> None:
    with serving("sesame") as address:
        assert ask(address, b"hello", "sesame") == b"hello"
        for wrong in (None, "open"):
            with pytest.raises(errors.AccessControlException, match="MAPRED_SECRET"):
                ask(address, b"hello", wrong)


def test_a_signature_is_for_one_method_and_one_time() -> None:
    word = secret.sign("sesame", "/a", now_s=1000)
    secret.check("sesame", "/a", word, now_s=1200)
    for method, now_s in (("/b", 1000), ("/a", 2000)):
        with pytest.raises(errors.AccessControlException):
            secret.check("sesame", method, word, now_s)


def test_one_port_serves_one_server() -> None:
    with serving() as address:
        second = rpc.threaded_server(threads=1)
        with pytest.raises(errors.ConfigException, match="--port"):
            rpc.bind(second, "127.0.0.1", int(address.rpartition(":")[2]))


def test_a_client_that_leaves_its_stream_is_no_failure_of_the_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def echoes(requests: Iterator[bytes], _: grpc.ServicerContext) -> Iterator[bytes]:
        yield from requests

    # One thread: the second stream is answered when the first one's handler is over.
    server = rpc.threaded_server(threads=1)
    server.add_generic_rpc_handlers((rpc.raw_handler("test.Echo", stream_stream={"Echo": echoes}),))
    address = f"127.0.0.1:{rpc.bind(server, '127.0.0.1', 0)}"
    server.start()
    with rpc.channel(address) as channel:
        for _ in range(2):
            requests: SimpleQueue[bytes] = SimpleQueue()
            requests.put(b"hello")
            replies = channel.stream_stream(ECHO)(iter(requests.get, b""), timeout=60)
            assert next(replies) == b"hello"
            replies.cancel()
            requests.put(b"")
    server.stop(0).wait()
    assert [record.message for record in caplog.records] == []
