"""Nearest centres found by float32 first are float64's, also where float32 alone would be wrong."""

import numpy as np
import pytest

from mapred.ml.laid import Ground, Nearest, laid

RANDOM = np.random.default_rng(3)


def plainly(rows, centres):
    """Sums and counts by distances, each by itself."""
    scores = np.einsum("ij,ij->i", centres, centres) - 2.0 * rows @ centres.T
    labels = scores.argmin(axis=1)
    sums = np.stack([rows[labels == one].sum(axis=0) for one in range(len(centres))])
    return sums, np.bincount(labels, minlength=len(centres))


@pytest.mark.parametrize(
    ("rows", "centres"),
    [
        (RANDOM.normal(size=(20_000, 20)), RANDOM.normal(size=(10, 20))),
        # So far from 0 that float32 can't tell the centres apart.
        (1e6 + RANDOM.normal(size=(9_000, 3)), 1e6 + RANDOM.normal(size=(4, 3))),
        # Below and above what float32 has.
        (1e-40 * RANDOM.normal(size=(5_000, 3)), 1e-40 * RANDOM.normal(size=(4, 3))),
        (1e60 * RANDOM.normal(size=(5_000, 3)), 1e60 * RANDOM.normal(size=(4, 3))),
        # A hair from the middle between two centres, on both sides.
        (np.linspace(-1e-9, 1e-9, 7_001)[:, None], np.array([[-1.0], [1.0]])),
        (RANDOM.integers(0, 3, (5_000, 2)).astype(float), RANDOM.integers(0, 3, (9, 2)) * 1.0),
        (np.ones((3, 1)), np.zeros((1, 1))),
    ],
    ids=["normal", "far away", "tiny", "huge", "in the middle", "ties", "one centre"],
)
def test_every_row_counts_at_its_nearest_centre(rows, centres):
    sums, counts = Nearest(centres).summed(laid(rows))
    expected, numbers = plainly(rows, centres)
    np.testing.assert_array_equal(counts, numbers)
    np.testing.assert_allclose(sums, expected, rtol=1e-9, atol=1e-9 * np.abs(rows).max())


def test_no_rows_are_nearest_to_no_centre():
    sums, counts = Nearest(np.ones((2, 3))).summed(laid(np.empty((0, 3))))
    assert (sums.tolist(), counts.tolist()) == ([[0.0] * 3] * 2, [0.0, 0.0])


def test_squares_are_those_of_the_rows():
    rows = RANDOM.normal(size=(5_000, 4))
    np.testing.assert_allclose(laid(rows).squares(), (rows**2).sum(axis=0), rtol=1e-13)


def test_what_is_laid_out_can_not_be_changed():
    (piece,) = laid(np.ones((2, 2))).pieces
    with pytest.raises(ValueError, match="read-only"):
        piece.whole[0, 0] = 2.0


def test_tables_share_a_ground_as_far_as_it_reaches_and_none_reaches_into_another():
    tables = [RANDOM.normal(size=(3_000, 3)) for _ in range(3)]
    # Room for two of them.
    ground = Ground(2 * 3_000 * 4 * 8 + 100)
    shared = [laid(rows, ground) for rows in tables]
    bases = [one.pieces[0].whole.base for one in shared]
    assert bases[0] is bases[1]
    assert bases[2] is not bases[0]
    for one, rows in zip(shared, tables, strict=True):
        for piece, alone in zip(one.pieces, laid(rows).pieces, strict=True):
            np.testing.assert_array_equal(piece.whole, alone.whole)


def test_one_search_serves_tables_of_any_size_one_after_the_other():
    centres = RANDOM.normal(size=(4, 3))
    search = Nearest(centres)
    for count in (10, 9_000, 700, 0, 20_000):
        rows = RANDOM.normal(size=(count, 3))
        sums, counts = search.summed(laid(rows))
        alone = Nearest(centres).summed(laid(rows))
        assert (sums.tobytes(), counts.tobytes()) == (alone[0].tobytes(), alone[1].tobytes())
