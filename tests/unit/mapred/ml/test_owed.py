"""Error feedback: nothing is lost, and who takes a shard over owes the same."""

import numpy as np
import pytest

from mapred.embedded import EmbeddedEngine
from mapred.iterative.loopengine import LoopEngine
from mapred.ml.compressed import LARGEST, bytes_of, compressed, restored
from mapred.ml.owed import KEPT_BYTES_MAX, WHOLE_EVERY, Kept, fed_back, gone_on, past_of
from mapred.submit import plan

SHARD = ("loop", 3)


def move(weights, number):
    """Nothing but a function of its arguments."""
    return np.random.default_rng(number).normal(size=len(weights)) - 0.1 * weights


def rounds(kept_by, count: int):
    """What a shard has sent in each round, whose process is `kept_by(number)`; and its moves."""
    state, sent, moves = {"weights": np.zeros(100)}, [], []
    for number in range(1, count + 1):
        past, here = past_of(state), state["weights"]
        sent.append(fed_back(SHARD, number, [*past, here], move, kept_by(number)))
        moves.append(move(here, number))
        state = gone_on(state) | {"weights": here + restored(sent[-1])}
    return sent, moves


def test_all_that_was_kept_back_has_arrived_when_a_round_sends_all():
    kept = Kept()
    sent, moves = rounds(lambda _: kept, 2 * WHOLE_EVERY)

    assert [bytes_of(packed) for packed in sent] == 2 * ([80] * (WHOLE_EVERY - 1) + [400])
    for last in (WHOLE_EVERY, 2 * WHOLE_EVERY):
        arrived = sum(map(restored, sent[:last]))
        assert arrived == pytest.approx(sum(moves[:last]), abs=1e-5)
    assert kept.bytes == 0


@pytest.mark.parametrize("died_before", [{2}, {5, 6}, {WHOLE_EVERY}, set(range(1, 30))])
def test_whoever_takes_a_shard_over_sends_the_same_bits(died_before):
    one = Kept()
    whole, _ = rounds(lambda _: one, 25)
    processes = [Kept()]

    def process(number: int) -> Kept:
        if number in died_before:
            processes.append(Kept())
        return processes[-1]

    hurt, _ = rounds(process, 25)
    assert [_bits(packed) for packed in hurt] == [_bits(packed) for packed in whole]


def test_a_process_that_was_away_for_some_rounds_sends_the_same_bits():
    one, here, there = Kept(), Kept(), Kept()
    whole, _ = rounds(lambda _: one, 25)
    turns, _ = rounds(lambda number: here if number % 3 else there, 25)

    assert [_bits(packed) for packed in turns] == [_bits(packed) for packed in whole]


def test_a_round_that_is_done_twice_by_a_process_gives_the_same_twice():
    kept = Kept()
    past = [np.zeros(100), np.ones(100)]
    fed_back(SHARD, 1, past[:1], move, kept)

    first, second = (fed_back(SHARD, 2, past, move, kept) for _ in range(2))

    assert _bits(first) == _bits(second)


def test_of_equal_numbers_the_first_are_sent():
    packed = compressed(np.array([1.0, -3.0, 3.0, 2.0, 3.0] * 4), LARGEST)
    assert (packed["places"].tolist(), packed["values"].tolist()) == ([1, 2], [-3.0, 3.0])


def test_what_is_kept_is_bounded():
    kept, size = Kept(), KEPT_BYTES_MAX // 16
    for split in range(4):
        kept.keep(1, ("loop", split), np.broadcast_to(0.0, size))
    assert kept.after(1, ("loop", 0)) is None
    assert kept.after(1, ("loop", 3)) is not None
    assert kept.bytes <= KEPT_BYTES_MAX


def _bits(packed) -> list[bytes]:
    return [part.tobytes() for part in packed.values() if isinstance(part, np.ndarray)]


JOB = '''
import os, signal
import numpy as np
from mapred import Param
from mapred.ml.averaging import Averaging, LocalSteps

class Dies(LocalSteps):
    """In the seventh round the process of the second shard dies once its work is done."""
    def cleanup(self):
        yield from super().cleanup()
        at = self.ctx.round, self.ctx.split_number, self.ctx.attempt.number
        if self.ctx.params.dies and at == (7, 1, 0):
            os.kill(os.getpid(), signal.SIGKILL)

class Trained(Averaging):
    """Averages, and owes."""
    mapper = Dies
    combine_files = False
    dies: bool = Param(False)
    def initial_state(self):
        return {"widths": [3, 2], "classes": np.array([0.0, 1.0]), "weights": np.zeros(8),
                "move": np.zeros(8), "loss": float("inf"), "fell": float("inf")}
'''


def test_a_model_that_owes_is_the_same_for_any_workers_and_with_one_killed(tmp_path):
    (tmp_path / "owing.py").write_text(JOB)
    random = np.random.default_rng(2)
    files = [tmp_path / f"{number}.npy" for number in range(3)]
    for file in files:
        rows = random.normal(size=(40, 3))
        np.save(file, np.column_stack([rows, rows @ [1.0, -2.0, 0.5] > 0]))

    models = set()
    for workers, dies in ((1, False), (2, True), (3, False)):
        output = tmp_path / f"out-{workers}"
        spec = plan(
            f"{tmp_path / 'owing.py'}:Trained",
            [file.as_uri() for file in files],
            output=output.as_uri(),
            params={"send": "topk", "target": "-1", "batch": "8", "max_iter": "14", "tol": "0"}
            | {"dies": str(dies).lower()},
            default_filesystem="file://",
            code_base=(tmp_path / "code").as_uri(),
        )
        with EmbeddedEngine(workers) as engine:
            loops = LoopEngine(engine)
            status, version = loops.status(loops.submit(spec))
            while not status.state.ended:
                status, version = loops.status(status.job_id, known_version=version, wait_s=60)
            result = loops.result(status.job_id)
        assert result is not None, status.failures
        assert (status.attempts_failed > 0) == dies
        models.add(result.state["weights"].tobytes())
    assert len(models) == 1
