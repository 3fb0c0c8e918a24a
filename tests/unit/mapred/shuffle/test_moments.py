"""Partial variances in a reduce: bit for bit those of Python, wherever batches end."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from mapred.reducers.moments import Variance
from mapred.shuffle.columns import MOMENTS, rows_of
from mapred.shuffle.folds import Fold
from mapred.shuffle.partials import lifted
from mapred.task.foldreduce import FoldedGroups

FLOATS = st.floats(-1e6, 1e6)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), FLOATS), min_size=1, max_size=80), st.data())
def test_variances_do_not_show_where_batches_end(pairs, data):
    pairs.sort(key=lambda pair: pair[0])
    keys, values = map(list, zip(*pairs, strict=True))
    rows = lifted(rows_of(keys, values), Fold.VARIANCE)
    assert rows.values is MOMENTS
    cuts = data.draw(st.sets(st.integers(0, len(pairs)))) | {0, len(pairs)}
    batches = [rows.slice(start, end - start) for start, end in pairwise(sorted(cuts))]
    found = {}
    for batch in FoldedGroups(iter(batches), Fold.VARIANCE, floats=True):
        found |= dict(zip(batch.key_list(), batch.value_list(), strict=True))
    python = Variance()
    wanted = {
        key: python.result(
            python.merged(iter([python.lift(value) for one, value in pairs if one == key]))
        )
        for key in set(keys)
    }
    assert {key: repr(value) for key, value in found.items()} == {
        key: repr(value) for key, value in wanted.items()
    }
