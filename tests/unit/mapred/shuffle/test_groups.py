from itertools import groupby

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from mapred.shuffle.columns import rows_of
from mapred.shuffle.groups import Groups


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 7))
def test_the_largest_group_is_known_also_when_it_goes_over_batches(keys, batch):
    keys = sorted(keys)
    parts = [keys[at : at + batch] for at in range(0, len(keys), batch)]
    groups = Groups(iter([rows_of(part, [0] * len(part)) for part in parts]))
    sizes = [(len(list(values)), key) for key, values in groups]
    expected = [(len(list(run)), key) for key, run in groupby(keys)]
    assert sizes == expected
    assert groups.largest.records == max((size for size, _ in expected), default=0)
    assert not keys or (groups.largest.records, groups.largest.key) in expected


def test_groups_that_all_go_over_into_the_next_batch_may_be_any_number():
    # Each batch begins with the key that the one before has ended with.
    batches = (rows_of([at, at + 1], [at, at + 1]) for at in range(3_000))
    groups = [(key, list(values)) for key, values in Groups(batches)]
    assert groups == [(0, [0]), *((at, [at, at]) for at in range(1, 3_000)), (3_000, [3_000])]


def test_of_a_batch_that_was_taken_only_the_last_piece_is_there_when_the_next_is_made():
    rows_each, batch_bytes, held = 40_000, [], []

    def batches():
        before = pa.total_allocated_bytes()
        for at in range(3):
            numbers = range(at * rows_each, (at + 1) * rows_each)
            rows = rows_of(numbers, numbers)
            batch_bytes.append(pa.total_allocated_bytes() - before - sum(held[-1:]))
            yield rows
            del rows
            held.append(pa.total_allocated_bytes() - before)

    assert [(key, *values) for key, values in Groups(batches())] == [
        (number, number) for number in range(3 * rows_each)
    ]
    assert len(held) == 3
    # 40,000 rows are two pieces of 16,384 and one of less than a fifth.
    assert max(held) <= min(batch_bytes) // 3
