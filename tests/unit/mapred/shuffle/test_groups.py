from itertools import groupby

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
