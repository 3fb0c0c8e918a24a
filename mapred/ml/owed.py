"""What shards owe: error feedback that doesn't depend on who reckons.

A shard sends the largest tenth of its move, owes the rest, and adds that to its next move.

- What it owes follows from its rows and the weights with which the rounds have begun since the last
  one that sent all. A process that has it from the round before goes on with it; whoever takes the
  split over reckons it again from those weights, which are a part of the loop's state. So the
  model is the same, bit for bit, for any number of machines and whichever of them die.
- Every `WHOLE_EVERY`th round sends all, and nothing is owed then: so many rounds at most have to be
  reckoned again. Of the older weights, which all have, none is sent a second time (broadcast.py).
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from mapred.ml.compressed import LARGEST, WHOLE, Packed, compressed, restored
from mapred.ml.rows import Matrix

WHOLE_EVERY: Final = 10
# Of one process. What has no room is reckoned again.
KEPT_BYTES_MAX: Final = 256 * 1024 * 1024
# In a loop's state, before a number: weights of rounds since the last that sent all, oldest first.
_PAST: Final = "past"

Shard = tuple[str, int]


class Kept:
    """By loop and split: a round, and what was owed after it; those in use last. One thread."""

    def __init__(self) -> None:
        self._owed: OrderedDict[Shard, tuple[int, Matrix]] = OrderedDict()
        self.bytes = 0

    def after(self, number: int, shard: Shard) -> Matrix | None:
        kept = self._owed.get(shard)
        return kept[1] if kept and kept[0] == number else None

    def keep(self, number: int, shard: Shard, owed: Matrix) -> None:
        self.forget(shard)
        self._owed[shard] = number, owed
        self.bytes += owed.nbytes
        while self.bytes > KEPT_BYTES_MAX:
            self.forget(next(iter(self._owed)))

    def forget(self, shard: Shard) -> None:
        _, owed = self._owed.pop(shard, (0, None))
        self.bytes -= 0 if owed is None else owed.nbytes


# One a task process.
KEPT: Final = Kept()


def past_of(state: dict[str, Any]) -> list[Matrix]:
    found: list[Matrix] = []
    while (name := f"{_PAST}{len(found)}") in state:
        found.append(state[name])
    return found


def gone_on(state: dict[str, Any]) -> dict[str, Any]:
    """The state with the weights of the round that is done among those of the past."""
    past = [*past_of(state), state["weights"]]
    rest = {name: value for name, value in state.items() if not name.startswith(_PAST)}
    if len(past) == WHOLE_EVERY:
        return rest
    return rest | {f"{_PAST}{place}": weights for place, weights in enumerate(past)}


def fed_back(
    shard: Shard,
    number: int,
    weights: Sequence[Matrix],
    move: Callable[[Matrix, int], Matrix],
    kept: Kept = KEPT,
) -> Packed:
    """What the shard sends in that round. `weights` are those of the past, and then this round's;
    `move(weights, number)` is how far the shard goes from there."""
    *past, here = weights
    owed = kept.after(number - 1, shard) if past else np.zeros(len(here))
    if owed is None:
        owed = np.zeros(len(here))
        for back, begin in enumerate(past):
            _, owed = _parted(move(begin, number - len(past) + back) + owed)
    whole = move(here, number) + owed
    if len(weights) == WHOLE_EVERY:
        kept.forget(shard)
        return compressed(whole, WHOLE)
    packed, owed = _parted(whole)
    kept.keep(number, shard, owed)
    return packed


def _parted(whole: Matrix) -> tuple[Packed, Matrix]:
    """What is sent, and what is owed then, its rounding too."""
    packed = compressed(whole, LARGEST)
    return packed, whole - restored(packed)
