"""Folding columns against plain Python, for the keys and values that columns take."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mapred.shuffle.columns import rows_of
from mapred.shuffle.folding import folded, folded_sorted
from mapred.shuffle.folds import Fold

PYTHON = {Fold.SUM: sum, Fold.MIN: min, Fold.MAX: max}

keys = st.one_of(
    st.lists(st.text("aé\0", max_size=3), max_size=40),
    st.lists(st.binary(max_size=2), max_size=40),
    st.lists(st.integers(-3, 3), max_size=40),
    # Of several types: their order is their encoding.
    st.lists(st.sampled_from([None, True, 2, "x", b"x", (1, "a"), (2,)]), max_size=40),
)


def as_dict(rows):
    if rows is None:
        return {}
    found = dict(zip(rows.key_list(), rows.value_list(), strict=True))
    assert len(found) == len(rows)
    return found


def grouped(rows):
    groups = {}
    for key, value in rows:
        groups.setdefault(key, []).append(value)
    return groups


@settings(max_examples=150, deadline=None)
@given(keys, st.data(), st.sampled_from(list(PYTHON)))
def test_a_fold_is_what_python_makes_of_every_group(keys, data, fold):
    size = len(keys)
    values = data.draw(st.lists(st.integers(-100, 100), min_size=size, max_size=size))
    rows = rows_of(keys, values)
    done = folded(rows, fold)
    pairs = zip(keys, values, strict=True)
    expected = {key: PYTHON[fold](those) for key, those in grouped(pairs).items()}
    assert as_dict(done) == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.text("ab", max_size=3), st.integers())), st.sampled_from(list(PYTHON)))
def test_sorted_rows_fold_in_their_order_or_not_at_all(pairs, fold):
    pairs.sort(key=lambda pair: pair[0])
    rows = rows_of([key for key, _ in pairs], [value for _, value in pairs])
    done = folded_sorted(rows, fold)
    expected = {key: PYTHON[fold](those) for key, those in grouped(pairs).items()}
    if done is not None:
        assert as_dict(done) == expected
        assert done.key_list() == list(expected)


def test_equal_float_keys_fold_together_and_the_first_one_stays():
    nan = float("nan")
    done = folded(rows_of([0.0, nan, -0.0, nan], [1, 2, 3, 4]), Fold.SUM)
    assert list(map(repr, done.key_list())) == ["0.0", "nan"]
    assert done.value_list() == [4, 6]


def test_a_sum_that_might_leave_64_bits_is_left_to_python():
    rows = rows_of(["a", "a"], [1 << 62, 1 << 62])
    assert folded(rows, Fold.SUM) is None
    assert folded_sorted(rows, Fold.SUM) is None
    assert folded(rows, Fold.MAX).value_list() == [1 << 62]
    assert folded(rows_of(["a"], [-(1 << 63)]), Fold.SUM) is None


def test_what_is_no_number_is_left_to_python():
    assert folded(rows_of(["a"], ["b"]), Fold.SUM) is None
    assert folded(rows_of(["a"], [True]), Fold.SUM) is None
    assert folded(rows_of([], []), Fold.SUM) is None


def test_floats_fold_only_where_asked_and_only_where_order_is_plain():
    assert folded(rows_of(["a"], [0.5]), Fold.SUM) is None
    assert folded(rows_of(["a", "a"], [0.5, 1.0]), Fold.SUM, floats=True).value_list() == [1.5]
    assert folded(rows_of(["a"], [float("nan")]), Fold.MIN, floats=True) is None
    assert folded(rows_of(["a"], [-0.0]), Fold.MIN, floats=True) is None
