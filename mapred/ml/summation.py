"""Learning in summation form: a map makes one packed statistic of its split, a round adds them up.

    class Moments(Summing):
        def part(self, rows, targets):
            return {"count": len(rows), "sum": rows.sum(axis=0)}

    class Mean(Rounds):
        mapper = Moments
        def advanced(self, state, total):
            return {"mean": total["sum"] / total["count"]}

A part is a dict of numbers and arrays. Parts of a split are added in the order of its blocks,
splits as a fixed tree (tree.py): the sum is the same, bit for bit, whoever did the work.
A round shuffles a few such dicts a task, however many rows and splits there are.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from mapred import Format, Mapper, Param, Reducer
from mapred.formats.csr import Csr
from mapred.iterative import IterativeJob, Round, Stop
from mapred.iterative.loop import Output
from mapred.iterative.reducing import Light
from mapred.ml.precision import widened
from mapred.ml.rows import Block, Matrix, check_rows
from mapred.ml.tree import Tree

Sums: TypeAlias = dict[str, Any]


def plus(left: Sums | None, right: Sums) -> Sums:
    """The sum by name; `left` is used up."""
    if left is None:
        return dict(right)
    for name, value in right.items():
        left[name] = left[name] + value
    return left


class Summing(Mapper):
    """Adds up `part` over the blocks of a split."""

    def setup(self) -> None:
        self.total: Sums | None = None

    def map(self, first: int, block: Block) -> None:
        params = self.ctx.params
        rows, targets = separated(block, params.target, params.columns)
        # The input is the same in every round: once is enough.
        if self.ctx.round == 1:
            check_rows(rows, first, columns=params.columns or None)
            if targets is not None:
                check_targets(targets, first)
        self.add(self.part(rows, targets))

    def add(self, part: Sums) -> None:
        """The statistic of a block to that of the split."""
        self.total = self.plus(self.total, widened(part))

    def part(self, rows: Any, targets: Any) -> Sums:
        """The statistic of some rows: an array or Csr; `targets` is None where there are none."""
        raise NotImplementedError(f"{type(self).__name__} has no part(self, rows, targets)")

    # Of two parts, the left of which is used up; the round's reducer has the same (Rounds).
    plus = staticmethod(plus)

    def cleanup(self) -> Iterator[tuple[str, tuple[int, Sums]]]:
        return self.together(self.total)

    def together(self, total: Sums | None) -> Iterator[tuple[str, tuple[int, Sums]]]:
        """What is to be sent, once the task's last split has been read: by the first split's
        number."""
        number = self.ctx.split_number
        begin = number - self.ctx.file_number
        tree = self.ctx.of_task.setdefault("sums", Tree(self.plus, begin))
        if total is not None:
            tree.add(number, total)
        if self.ctx.is_last_file:
            tree.close(number + 1)
            for pair in tree.sums:
                yield "sum", pair

    def lots(self, purpose: int = 0, *, number: int | None = None) -> np.random.Generator:
        """Random numbers by the job's `seed`, of this split in this round (or that `number`):
        whoever does the work, and how often, doesn't change them."""
        split = self.ctx.split
        assert split is not None
        return np.random.Generator(
            np.random.Philox(
                key=[self.ctx.params.seed, number or self.ctx.round],
                counter=[0, purpose, self.ctx.split_number, split.start],
            )
        )


class Adding(Light):
    """The sum of the splits' parts."""

    plus = staticmethod(plus)

    def reduce(self, key: Any, values: Iterator[tuple[int, Sums]]) -> Iterator[tuple[Any, Sums]]:
        tree = Tree(self.plus)
        for first, found in values:
            tree.add(first, found)
        tree.close()
        for _, total in tree.sums:
            yield key, total


class Rounds(IterativeJob):
    """A loop in summation form: `advanced` makes the next state of the sum over all rows.

    A state is a dict; its "metrics" are shown of the round, and `stop` looks at it.
    """

    target: int | None = Param(None, help="number of the column with the targets; none: no targets")
    columns: int = Param(0, help="how many other columns there must be; 0: any")
    max_iter: int = Param(1, help="rounds at most")
    tol: float = Param(0.0, help="when a round has arrived; what it means is the algorithm's")

    mapper: ClassVar[type[Mapper]] = Summing
    # Unless a subclass names one, it adds as its mapper does.
    reducer: ClassVar[type[Reducer] | None] = Adding
    input_format: ClassVar[str | Format] = "matrix"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = vars(cls)
        mapper = own.get("mapper")
        if isinstance(mapper, type) and issubclass(mapper, Summing) and "reducer" not in own:
            name = f"{mapper.__name__}Added"
            cls.reducer = type(name, (Adding,), {"plus": staticmethod(mapper.plus)})

    def initial_state(self) -> dict[str, Any]:
        return {}

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        raise NotImplementedError(f"{type(self).__name__} has no advanced(self, state, total)")

    def step(self, state: Any, output: Output) -> dict[str, Any]:
        for _, total in output:
            return self.advanced(state, total)
        raise ValueError("the input has no rows")

    def arrived(self, turn: Round) -> str:
        """Why the loop has come to its end; "": it hasn't."""
        return ""

    def until(self, turn: Round) -> Stop | None:
        if words := self.arrived(turn):
            return Stop(words)
        if turn.number >= self.ctx.params.max_iter:
            return Stop(f"max_iter={self.ctx.params.max_iter} rounds are done", converged=False)
        return None

    def metrics(self, turn: Round) -> Mapping[str, float]:
        shown: Mapping[str, float] = turn.state.get("metrics", {})
        return shown


class OnePass(Rounds):
    """Needs one round, and has arrived then."""

    def arrived(self, turn: Round) -> str:
        return "one round is enough"

    def metrics(self, turn: Round) -> Mapping[str, float]:
        """How many rows it has seen, where it counts them."""
        rows = turn.state.get("rows")
        return {} if rows is None else {"rows": float(np.sum(rows))}


def check_sums(total: Sums) -> None:
    """Raises ValueError: rows are so large that their sums, or those of their squares, are none."""
    for name, value in total.items():
        if not np.isfinite(value).all():
            raise ValueError(
                f"the {name} of all rows are too large for floats: bring columns to a common "
                "scale first"
            )


def separated(block: Block, target: int | None, columns: int) -> tuple[Block, Matrix | None]:
    """Rows and targets of a block as it was read."""
    if isinstance(block, Csr):
        wide = block.widened(max(columns, block.columns))
        return wide, None if target is None else wide.targets
    if target is None:
        return block, None
    width = block.shape[1]
    if not -width <= target < width:
        raise ValueError(f"rows have {width} columns, and the targets are to be in column {target}")
    target %= width
    if target == width - 1:
        return block[:, :-1], block[:, -1]
    return np.delete(block, target, axis=1), block[:, target]


def check_targets(targets: Matrix, first: int) -> None:
    """Raises ValueError: NaN or infinity."""
    if not np.isfinite(targets).all():
        row = int(np.argmin(np.isfinite(targets)))
        raise ValueError(f"the target of row {row} after {first} is {targets[row]}")


def class_numbers(targets: Matrix, classes: Matrix) -> npt.NDArray[np.intp]:
    """For each target the place of its class.

    Raises:
        ValueError: one that is none of them.
    """
    found = np.minimum(np.searchsorted(classes, targets), len(classes) - 1)
    if (wrong := classes[found] != targets).any():
        raise ValueError(f"the target {targets[wrong][0]:g} is none of the classes")
    return found


def one_hot(targets: Matrix, classes: Matrix) -> Matrix:
    """A row of zeros with a 1 at its class, for each target."""
    table = np.zeros((len(targets), len(classes)))
    table[np.arange(len(targets)), class_numbers(targets, classes)] = 1.0
    return table
