from blockstore.datanode.throttle import BURST_S, Throttle
from blockstore.runtime.clock import FakeClock


class SleepyClock(FakeClock):
    """Sleeping is how its time passes."""

    def sleep(self, seconds):
        self.advance(seconds)


def seconds_for(throttle, clock, *counts):
    began = clock.monotonic()
    for count in counts:
        throttle.take(count)
    return clock.monotonic() - began


def test_bytes_take_their_time():
    clock = SleepyClock()
    took = seconds_for(Throttle(1000, clock), clock, *[100] * 51)
    assert 5.0 - BURST_S - 0.1 <= took <= 5.0


def test_without_a_limit_nobody_waits():
    clock = SleepyClock()
    assert seconds_for(Throttle(0, clock), clock, 10**12, 10**12) == 0


def test_what_nobody_took_is_not_saved_up():
    clock = SleepyClock()
    throttle = Throttle(1000, clock)
    clock.sleep(3600)
    assert seconds_for(throttle, clock, 1000, 1000, 1) >= 2 - BURST_S


def test_a_new_limit_holds_for_what_comes_next():
    clock = SleepyClock()
    throttle = Throttle(1000, clock)
    throttle.take(1)
    throttle.limit(10)
    assert seconds_for(throttle, clock, 10, 1) >= 1 - BURST_S
