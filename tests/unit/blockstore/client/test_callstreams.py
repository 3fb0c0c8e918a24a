"""When a client's requests go down a stream, and when they are calls of their own."""

import threading

import pytest

from blockstore.client.callstreams import CALLS_BEFORE, IDLE_S, STREAMS_MAX, CallStreams
from blockstore.client.callways import Broken
from blockstore.runtime.clock import FakeClock
from blockstore.runtime.rpc import CALL_TIMEOUT_S

WAIT_S = 60


class FarSide:
    """Answers a request with itself, `break` with an error, and `hang` only when the stream is
    ended."""

    def __init__(self):
        self.opened = 0
        self.ended = 0
        self.hangs = threading.Semaphore(0)
        # Clear: whoever opens a stream waits.
        self.listens = threading.Event()
        self.listens.set()

    def open(self):
        self.opened += 1
        assert self.listens.wait(WAIT_S)
        return Stream(self)


class Stream:
    def __init__(self, far):
        self._far = far
        self._over = threading.Event()
        self.due_at = 0.0

    def ask(self, request):
        if request == "break":
            raise Broken
        if request == "interrupt":
            raise KeyboardInterrupt
        if request == "hang":
            self._far.hangs.release()
            assert self._over.wait(WAIT_S)
            raise Broken
        return request

    def end(self):
        self._far.ended += 1
        self._over.set()


@pytest.fixture
def far():
    return FarSide()


@pytest.fixture
def clock():
    return FakeClock(now=100.0)


@pytest.fixture
def streams(far, clock):
    made = CallStreams(far.open, clock)
    yield made
    made.close()


@pytest.fixture
def warm(streams):
    for number in range(CALLS_BEFORE + 1):
        assert streams.ask(number) is None
    return streams


def test_who_asks_little_opens_no_stream(streams, far):
    assert [streams.ask(number) for number in range(CALLS_BEFORE)] == [None] * CALLS_BEFORE
    assert far.opened == 0


def test_who_asks_more_has_one_stream_for_all_that_follows(warm, far):
    assert [warm.ask(number) for number in range(1, 101)] == list(range(1, 101))
    assert far.opened == 1


def test_a_request_whose_stream_broke_is_made_as_a_call_and_the_next_has_a_new_stream(warm, far):
    assert warm.ask("one") == "one"
    assert warm.ask("break") is None
    assert warm.ask("two") == "two"
    assert (far.opened, far.ended) == (2, 1)


def test_the_reply_to_a_request_that_was_interrupted_reaches_nobody_else(warm, far):
    with pytest.raises(KeyboardInterrupt):
        warm.ask("interrupt")
    assert warm.ask("two") == "two"
    assert (far.opened, far.ended) == (2, 1)


def asking(streams, what, number=1):
    """So many threads that wait for a reply; their replies."""
    replies = []
    threads = [
        threading.Thread(target=lambda: replies.append(streams.ask(what))) for _ in range(number)
    ]
    for thread in threads:
        thread.start()
    return threads, replies


def test_an_overdue_reply_is_given_up_and_its_request_is_made_as_a_call(warm, far, clock):
    threads, replies = asking(warm, "hang")
    assert far.hangs.acquire(timeout=WAIT_S)
    clock.advance(CALL_TIMEOUT_S - 0.1)
    assert warm.overdue() == []
    # The watching thread looks from time to time.
    clock.advance(0.2)
    threads[0].join(WAIT_S)
    assert replies == [None]
    assert warm.ask("two") == "two"


def test_a_stream_that_nobody_needs_is_ended_and_its_watch_with_it(warm, far, clock):
    assert warm.ask("one") == "one"
    watch = warm._watch
    clock.advance(IDLE_S + 1)
    watch.join(WAIT_S)
    assert not watch.is_alive()
    assert far.ended == 1
    assert warm.ask("two") == "two"
    assert far.opened == 2


def test_threads_that_ask_at_once_have_a_stream_each_up_to_a_bound(warm, far):
    threads, replies = asking(warm, "hang", STREAMS_MAX)
    for _ in range(STREAMS_MAX):
        assert far.hangs.acquire(timeout=WAIT_S)
    assert warm.ask("more") is None
    assert far.opened == STREAMS_MAX
    warm.close()
    for thread in threads:
        thread.join(WAIT_S)
    assert replies == [None] * STREAMS_MAX
    assert warm.ask("after the end") is None


def test_streams_that_are_being_opened_count_and_are_ended_if_nobody_wants_them_any_more(warm, far):
    far.listens.clear()
    threads, replies = asking(warm, "one", STREAMS_MAX)
    while far.opened < STREAMS_MAX:
        assert threads[0].is_alive()
    assert warm.ask("more") is None
    warm.close()
    far.listens.set()
    for thread in threads:
        thread.join(WAIT_S)
    assert replies == [None] * STREAMS_MAX
    assert far.ended == STREAMS_MAX


def test_who_cant_open_a_stream_leaves_room_for_others(far, clock):
    def fail():
        raise MemoryError

    broken = CallStreams(fail, clock)
    for number in range(CALLS_BEFORE + 1):
        broken.ask(number)
    for _ in range(STREAMS_MAX + 1):
        with pytest.raises(MemoryError):
            broken.ask("one")
