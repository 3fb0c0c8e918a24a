"""When a loop ends: conditions on the round just done, joined with `|`.

    until = max_rounds(50) | settled(1e-6)

A condition answers with a `Stop`, which says why and whether the loop has arrived, or None to
go on. A loop whose limits are parameters writes a method instead:

    def until(self, turn):
        return settled(self.ctx.params.tolerance)(turn) or turn.number >= 50
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Turn(Protocol):
    """What a condition sees of the round just done."""

    @property
    def number(self) -> int:
        """Rounds done, from 1."""
        ...

    @property
    def distance(self) -> float:
        """Between the states before and after, by the job's `distance`."""
        ...


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a loop ends; `converged` is false when it only ran out of rounds."""

    reason: str
    converged: bool = True


class Condition:
    """A function of a turn, with `|`: the first that says stop counts."""

    def __init__(self, name: str, check: Callable[[Turn], Stop | None]) -> None:
        self._name = name
        self._check = check

    def __call__(self, turn: Turn) -> Stop | None:
        return self._check(turn)

    def __or__(self, other: "Condition") -> "Condition":
        return Condition(f"{self!r} | {other!r}", lambda turn: self(turn) or other(turn))

    def __repr__(self) -> str:
        return self._name


def max_rounds(limit: int) -> Condition:
    """Stops after `limit` rounds, without having converged."""
    if limit < 1:
        raise ValueError(f"max_rounds({limit}): a loop runs at least one round")

    def check(turn: Turn) -> Stop | None:
        if turn.number < limit:
            return None
        return Stop(f"the limit of {limit} rounds is reached", converged=False)

    return Condition(f"max_rounds({limit})", check)


def settled(tolerance: float) -> Condition:
    """Stops when a round moved the state by no more than `tolerance`."""
    if not tolerance >= 0:
        raise ValueError(f"settled({tolerance}): a distance is 0 or more")

    def check(turn: Turn) -> Stop | None:
        distance = turn.distance
        if distance != distance:
            return Stop("the distance of the last round is NaN", converged=False)
        if distance > tolerance:
            return None
        return Stop(f"the last round moved the state by {distance:.3g}, at most {tolerance:g}")

    return Condition(f"settled({tolerance:g})", check)


def verdict(answer: object) -> Stop | None:
    """What `until` meant: a Stop, True (converged), or False or None (go on).

    Raises:
        TypeError: it returned something else.
    """
    match answer:
        case Stop():
            return answer
        case None | False:
            return None
        case True:
            return Stop("until() said so")
    raise TypeError(
        f"until() returned {answer!r}: return True to stop, False or None to go on, or a Stop"
    )
