import dataclasses

import pytest

from mapred.iterative.conditions import Stop, max_rounds, settled, verdict


@dataclasses.dataclass
class Turn:
    number: int
    distance: float = 1.0


def test_a_round_limit_stops_without_having_converged():
    assert max_rounds(3)(Turn(2)) is None
    assert max_rounds(3)(Turn(3)) == Stop("the limit of 3 rounds is reached", converged=False)


def test_a_settled_state_has_converged():
    assert settled(0.5)(Turn(1, 0.6)) is None
    assert settled(0.5)(Turn(1, 0.5)) == Stop("the last round moved the state by 0.5, at most 0.5")


def test_a_distance_that_is_nan_ends_the_loop_without_success():
    assert settled(0.5)(Turn(1, float("nan"))) == Stop(
        "the distance of the last round is NaN", converged=False
    )


def test_of_several_conditions_the_first_that_holds_counts():
    until = settled(0.1) | max_rounds(2)
    assert repr(until) == "settled(0.1) | max_rounds(2)"
    assert until(Turn(1)) is None
    assert not until(Turn(2)).converged
    assert until(Turn(2, 0.0)).converged


def test_until_may_answer_in_plain_words():
    assert verdict(None) is verdict(False) is None
    assert verdict(True) == Stop("until() said so")
    assert verdict(Stop("enough")) == Stop("enough")
    with pytest.raises(TypeError, match="returned 0"):
        verdict(0.0)


def test_impossible_limits_are_refused():
    for make in (lambda: max_rounds(0), lambda: settled(-1), lambda: settled(float("nan"))):
        with pytest.raises(ValueError, match=r"max_rounds|settled"):
            make()
