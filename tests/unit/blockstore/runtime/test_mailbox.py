import random

from hypothesis import given
from hypothesis import strategies as st

from blockstore.runtime.mailbox import Inbox, Outbox


def test_what_was_not_acknowledged_is_sent_again() -> None:
    outbox: Outbox[str] = Outbox()
    for order in ("a", "b", "c"):
        outbox.put(order)
    assert outbox.acknowledge(1) == ["a"]
    assert outbox.pending() == [(2, "b"), (3, "c")]


def test_a_gap_waits_for_the_resend() -> None:
    inbox: Inbox[str] = Inbox()
    assert inbox.take([(1, "a"), (3, "c")]) == ["a"]
    assert inbox.take([(2, "b"), (3, "c")]) == ["b", "c"]
    assert inbox.take([(1, "a"), (2, "b"), (3, "c")]) == []


@given(st.integers(0, 2**32), st.integers(1, 40))
def test_every_item_arrives_once_and_in_order_over_a_transport_that_loses_and_delays(
    seed: int, count: int
) -> None:
    rng = random.Random(seed)
    outbox: Outbox[int] = Outbox()
    inbox: Inbox[int] = Inbox()
    flying: list[list[tuple[int, int]]] = []
    taken: list[int] = []
    for item in range(count):
        outbox.put(item)
        flying.append(outbox.pending())
        if rng.random() < 0.5:
            taken += inbox.take(flying[rng.randrange(len(flying))])
        if rng.random() < 0.3:
            outbox.acknowledge(inbox.seen)
    taken += inbox.take(outbox.pending())
    assert taken == list(range(count))
