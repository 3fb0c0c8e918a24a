"""The budget of a job that names none: the same everywhere but on small machines."""

import pytest

from mapred.shuffle.budget import MEMORY_BYTES_DEFAULT, memory_bytes_of

MIB = 1 << 20
GIB = 1 << 30


@pytest.mark.parametrize(
    ("slots", "budget"),
    [
        ([], MEMORY_BYTES_DEFAULT),
        ([0, 0], MEMORY_BYTES_DEFAULT),
        ([GIB, 64 * GIB], MEMORY_BYTES_DEFAULT),
        ([512 * MIB], MEMORY_BYTES_DEFAULT),
        ([0, 200 * MIB, 4 * GIB], 50 * MIB),
        ([10 * MIB], 16 * MIB),
    ],
)
def test_the_smallest_slot_that_is_known_decides_where_it_is_small(slots, budget):
    assert memory_bytes_of(slots) == budget
