"""A client that waits says what for: once, after a second."""

import pytest

from blockstore.client.patience import AGAIN_S, Patience
from blockstore.errors import SafeModeException
from blockstore.runtime.retry import RetryPolicy, retry
from tests.unit.blockstore.runtime.test_retry import CountingClock

SAFE_MODE = SafeModeException("making '/x' is refused in safe mode: 3 of 9 blocks are reported")


@pytest.fixture
def clock():
    return CountingClock()


@pytest.fixture
def said():
    return []


@pytest.fixture
def patience(clock, said):
    return Patience(clock, lambda words: said.append((clock.now, words)))


def ask(patience, clock, tries, *, again=True):
    """A request that is refused so many times."""
    answers = iter([SAFE_MODE] * tries + ["done"])

    def attempt(_left_s):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    judge = patience.with_words(lambda _: again, 30.0)
    policy = RetryPolicy(deadline_s=30.0, base_s=0.4, cap_s=0.4)
    return retry(attempt, policy=policy, again=judge, clock=clock)


def test_a_wait_of_more_than_a_second_is_told_once_with_its_reason(patience, clock, said):
    assert ask(patience, clock, 20) == "done"
    ((at, words),) = said
    assert 1.0 <= at < 1.5
    assert words == f"waiting, for up to 29 s more: {SAFE_MODE}"


def test_a_short_wait_is_not_worth_a_word(patience, clock, said):
    ask(patience, clock, 2)
    assert said == []


def test_what_cannot_be_waited_for_is_no_wait(patience, clock, said):
    clock.now = 5.0
    with pytest.raises(SafeModeException):
        ask(patience, clock, 2, again=False)
    assert said == []


def test_requests_that_wait_for_the_same_thing_say_it_once_in_a_while(patience, clock, said):
    ask(patience, clock, 10)
    ask(patience, clock, 10)
    assert len(said) == 1
    clock.now += AGAIN_S
    ask(patience, clock, 10)
    assert len(said) == 2
