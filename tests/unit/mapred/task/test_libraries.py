import pytest

from mapred.shuffle.budget import Budget
from mapred.task import libraries

KIB = 1024
MIB = 1024 * KIB


@pytest.mark.parametrize(
    ("memory", "piece", "kept"),
    [
        (1024 * MIB, 32 * MIB, 256 * MIB),
        (128 * MIB, 32 * MIB, 32 * MIB),
        (64 * MIB, 16 * MIB, 16 * MIB),
        # Little: holes of larger pieces would take up as much as what is in use.
        (32 * MIB, 256 * KIB, 8 * MIB),
        (16 * MIB, 128 * KIB, 4 * MIB),
        (MIB, 128 * KIB, 256 * KIB),
    ],
)
def test_what_stays_in_the_heap_follows_from_the_budget(
    monkeypatch: pytest.MonkeyPatch, memory: int, piece: int, kept: int
) -> None:
    asked = []
    monkeypatch.setattr(
        libraries,
        "keep_freed_memory",
        lambda piece_bytes_max, kept_bytes, *, heaps_max: asked.append(
            (piece_bytes_max, kept_bytes, heaps_max)
        ),
    )
    libraries.one_heap(Budget.of(memory))
    assert asked == [(piece, kept, 1)]
