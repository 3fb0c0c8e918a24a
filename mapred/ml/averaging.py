"""Parameter averaging: each shard goes some steps by itself, then all meet in the middle.

A shard is a file's split. In a round it starts at the common weights, makes H steps of SGD,
each on a batch of its rows, and sends its weights times its rows; the next common weights are
the mean over all rows. More steps a round mean less traffic and more drift; with H = 1 and
the whole shard as batch a round is one step of gradient descent on all rows.

With slow momentum m (Wang et al.) the common weights move by the mean's way from them plus m
times their last move.

What shards send may be compressed (compressed.py), with error feedback for one way (owed.py).

Batches come from random numbers that depend on seed, round and shard alone: who does the
work, and how often, doesn't change the model.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Final

import numpy as np

from mapred import Mapper, Param
from mapred.formats.csr import Csr
from mapred.iterative import Round
from mapred.ml.compressed import LARGEST, bytes_of, compressed, restored
from mapred.ml.network import Network
from mapred.ml.owed import fed_back, gone_on, past_of
from mapred.ml.precision import as_of
from mapred.ml.rows import Block, Matrix, check_rows
from mapred.ml.summation import (
    Rounds,
    Summing,
    Sums,
    check_targets,
    class_numbers,
    plus,
    separated,
)

EXACT: Final = "float64"


def met(left: Sums | None, right: Sums) -> Sums:
    """Sums of weights, or of moves as they have arrived, each times its rows."""
    if "move" in right:
        move = right["rows"] * restored(right["move"])
        right = {name: right[name] for name in ("rows", "loss", "sent")} | {"moves": move}
    return plus(left, right)


class LocalSteps(Summing):
    """The steps of one shard."""

    plus = staticmethod(met)

    def setup(self) -> None:
        self._rows: list[Any] = []
        self._right: list[Any] = []

    def map(self, first: int, block: Block) -> None:
        params = self.ctx.params
        rows, targets = separated(block, params.target, params.columns)
        assert targets is not None
        if self.ctx.round == 1:
            check_rows(rows, first, columns=params.columns or None)
            check_targets(targets, first)
        self._rows.append(rows)
        self._right.append(class_numbers(targets, self.ctx.state["classes"]))

    def cleanup(self) -> Iterator[tuple[str, tuple[int, Sums]]]:
        if self.ctx.params.send == EXACT:
            yield from self.together(self._part() if self._rows else None)
        elif self._rows:
            # The sum of compressed moves is no smaller than they are.
            yield "sum", (self.ctx.split_number, self._part())

    def _part(self) -> Sums:
        rows = _joined(self._rows)
        right = np.concatenate(self._right)
        params, state = self.ctx.params, self.ctx.state
        network = Network(state["widths"], params.activation)
        begin, count = as_of(state["weights"], rows), len(right)

        def stepped(weights: Matrix, number: int) -> Matrix:
            weights = weights.copy()
            rate = params.rate / (1.0 + params.decay * (number - 1))
            for batch in self._batches(count, number):
                slope = network.slope(weights, rows[batch], right[batch])
                weights -= rate * (slope + params.l2 * weights)
            return weights

        def gone(weights: Matrix, number: int) -> Matrix:
            return stepped(weights, number) - weights

        # Of the weights that all began with.
        part = {"rows": count, "loss": network.loss(begin, rows, right)}
        if params.send == EXACT:
            weights = stepped(begin, self.ctx.round).astype(np.float64)
            return {**part, "weights": count * weights, "sent": weights.nbytes}
        if params.send == LARGEST:
            move = fed_back(
                (self.ctx.lineage, self.ctx.split_number),
                self.ctx.round,
                [*past_of(state), begin],
                lambda weights, number: (
                    stepped(as_of(weights, rows), number) - as_of(weights, rows)
                ),
            )
        else:
            move = compressed(gone(begin, self.ctx.round), params.send, self.lots(1))
        return {**part, "move": move, "sent": bytes_of(move)}

    def _batches(self, count: int, number: int) -> Iterator[Any]:
        params = self.ctx.params
        size = min(params.batch or count, count)
        steps = params.steps or -(-count // size)
        if size == count:
            for _ in range(steps):
                yield slice(0, count)
            return
        random = self.lots(number=number)
        order, at = random.permutation(count), 0
        for _ in range(steps):
            if at + size > count:
                order, at = random.permutation(count), 0
            yield np.sort(order[at : at + size])
            at += size


def _joined(blocks: list[Any]) -> Any:
    if len(blocks) == 1:
        return blocks[0]
    if isinstance(blocks[0], Csr):
        return Csr.joined(blocks)
    return np.concatenate(blocks)


class Averaging(Rounds):
    """Local steps, a mean, and again."""

    steps: int = Param(0, help="local steps a round; 0: as many as there are batches")
    batch: int = Param(0, help="rows a step; 0: all of the shard")
    rate: float = Param(0.1, help="how far a step goes down the slope")
    decay: float = Param(0.0, help="in round r the rate is rate / (1 + decay (r - 1))")
    momentum: float = Param(0.0, help="share of the last move that is made again")
    l2: float = Param(0.0, help="weight of half the sum of the weights' squares")
    activation: str = Param("relu", help="between layers: relu or tanh")
    seed: int = Param(0, help="of the batches")
    send: str = Param(
        EXACT, help="how a shard's move is sent: float64, float32, int8, sparse or topk"
    )

    mapper: ClassVar[type[Mapper]] = LocalSteps
    checkpoint_every: ClassVar[int] = 10

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        if "moves" in total:
            mean = state["weights"] + total["moves"] / total["rows"]
        else:
            mean = total["weights"] / total["rows"]
        move = mean - state["weights"] + self.ctx.params.momentum * state["move"]
        weights = state["weights"] + move
        loss = total["loss"] / total["rows"]
        moved = float(np.abs(move).max())
        shown = {"loss": loss, "moved": moved, "sent": float(total["sent"])}
        fell = state["loss"] - loss
        return {
            **(gone_on(state) if self.ctx.params.send == LARGEST else state),
            "weights": weights,
            "move": move,
            "loss": loss,
            "fell": fell,
            "metrics": shown,
        }

    def arrived(self, turn: Round) -> str:
        fell, tol = turn.state["fell"], self.ctx.params.tol
        loss, moved = turn.state["loss"], turn.state["metrics"]["moved"]
        # The loss is of the weights before the round.
        if not np.isfinite([loss, moved]).all():
            raise ValueError(
                f"round {turn.number} began with the loss {loss:g} and moved the weights by "
                f"{moved:g}: take a smaller rate"
            )
        if turn.number > 1 and abs(fell) <= tol:
            return f"the loss changed by {abs(fell):.3g}, at most {tol:g}"
        return ""
