"""How long a client's first call waits, when nobody knows yet whether anybody is there."""

import pytest

from blockstore.client.asking import Asking
from blockstore.runtime.retry import RetryPolicy
from blockstore.runtime.rpc import CALL_TIMEOUT_S
from blockstore.wire import namenode_pb2 as pb

FIRST_S = 4.0
LONG_S = 120.0


class FakeChannel:
    """Answers everything, and remembers for how long each call would have waited."""

    def __init__(self):
        self.waits = []

    def unary_unary(self, method, **_):
        name = method.rpartition("/")[2]

        def call(request, timeout, metadata):
            self.waits.append((name, timeout))
            return f"answer to {name}"

        return call

    stream_stream = unary_unary


@pytest.fixture
def channel():
    return FakeChannel()


@pytest.fixture
def asking(channel):
    found = Asking(channel, "nn:1", None, RetryPolicy(deadline_s=FIRST_S), "ana")
    yield found
    found.close()


ROOT = pb.PathRequest(path="/")


def test_a_first_call_waits_for_seconds(asking, channel):
    assert asking.call("List", ROOT) == "answer to List"
    ((name, wait_s),) = channel.waits
    assert name == "List"
    assert wait_s <= FIRST_S


def test_one_whose_answer_takes_long_waits_for_seconds_only_until_somebody_is_there(
    asking, channel
):
    for _ in range(2):
        assert asking.call("Summarise", ROOT, timeout_s=LONG_S) == "answer to Summarise"
    (first, *others) = channel.waits
    assert first[0] == "Stat"
    assert first[1] <= FIRST_S
    assert [name for name, _ in others] == ["Summarise", "Summarise"]
    assert all(wait_s > CALL_TIMEOUT_S for _, wait_s in others)
