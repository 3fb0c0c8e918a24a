import random

import pytest

from blockstore.runtime.retry import RetryPolicy, retry


class CountingClock:
    """Sleeping moves it; nothing else does."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def always(_error: Exception) -> bool:
    return True


def test_tries_until_it_works() -> None:
    answers = iter([OSError("1"), OSError("2"), "done"])

    def attempt(_left_s: float) -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    policy = RetryPolicy(deadline_s=10)
    assert retry(attempt, policy=policy, again=always, clock=CountingClock()) == "done"


def test_gives_up_at_the_deadline_with_the_last_error() -> None:
    clock = CountingClock()
    tries: list[float] = []

    def attempt(left_s: float) -> None:
        tries.append(left_s)
        raise OSError(f"try {len(tries)}")

    with pytest.raises(OSError, match=r"try \d+"):
        retry(attempt, policy=RetryPolicy(deadline_s=5), again=always, clock=clock)
    assert 3 < len(tries) < 20
    assert clock.now < 5


def test_an_error_that_repeating_does_not_mend_is_raised_at_once() -> None:
    clock = CountingClock()

    def attempt(_left_s: float) -> None:
        raise ValueError("no such path")

    with pytest.raises(ValueError, match="no such path"):
        retry(attempt, policy=RetryPolicy(60), again=lambda e: isinstance(e, OSError), clock=clock)
    assert clock.now == 0


def test_pauses_double_up_to_the_cap_with_jitter_below() -> None:
    policy = RetryPolicy(deadline_s=100, base_s=0.1, cap_s=1.0, attempts_max=8)
    delays = list(policy.delays(random.Random(7)))
    bounds = [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]
    assert len(delays) == len(bounds)
    assert all(b / 2 <= delay <= b for delay, b in zip(delays, bounds, strict=True))
