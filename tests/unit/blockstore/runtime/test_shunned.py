"""Whom nobody could reach isn't tried for a while, and then forgotten."""

from blockstore.runtime.clock import FakeClock
from blockstore.runtime.shunned import Shunned


def test_one_is_shunned_for_a_while() -> None:
    clock = FakeClock()
    shunned = Shunned(30.0, clock)
    shunned.add("a")
    clock.advance(29.0)
    assert "a" in shunned
    assert "b" not in shunned
    clock.advance(1.0)
    assert "a" not in shunned


def test_those_of_before_are_forgotten() -> None:
    clock = FakeClock()
    shunned = Shunned(30.0, clock)
    for port in range(100):
        shunned.add(("host", port))
        clock.advance(10.0)
    assert len(shunned._until) == 3
