"""Splits' statistics added as a fixed tree: neighbours meet by their numbers, whoever adds them.

           0-7
         /     \\
      0-3       4-7
     /   \\     /   \\
   0-1  2-3  4-5  6-7

A task adds what lies whole among its splits: of 0 to 4 it hands on the sums of 0-3 and of 4. The
reducer adds the rest. So the sum is the same, bit for bit, however splits are shared out to tasks,
and of large statistics few travel: of a task with n splits at most twice the logarithm of n. A
split without a statistic is passed over.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

Sum = TypeVar("Sum")


class Tree(Generic[Sum]):
    """Statistics in order of their splits; of splits before `begin` others have them."""

    def __init__(self, plus: Callable[[Sum | None, Sum], Sum], begin: int = 0) -> None:
        self._plus = plus
        self._begin = begin
        # Of what isn't added up yet, left to right: the first split's number, and the sum.
        self.sums: list[tuple[int, Sum]] = []

    def add(self, first: int, found: Sum) -> None:
        """The statistic of a split, or the sum of several, all of them after those so far."""
        self.close(first)
        self.sums.append((first, self._plus(None, found)))

    def close(self, below: int | None = None) -> None:
        """No more comes of splits below that number; None: nothing comes at all."""
        while len(self.sums) > 1:
            (left, left_sum), (right, right_sum) = self.sums[-2:]
            # The least of the tree's ranges that has both: in it nothing is between them.
            width = 1 << (left ^ right).bit_length()
            begin = left // width * width
            if begin < self._begin or (below is not None and begin + width > below):
                return
            self.sums[-2:] = [(left, self._plus(left_sum, right_sum))]
