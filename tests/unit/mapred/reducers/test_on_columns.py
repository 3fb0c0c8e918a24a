"""Built-ins on columns against the same ones in Python, for any mix of values."""

import math
from dataclasses import replace
from typing import ClassVar

import pytest
from harness import Run
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mapred import (
    ApproxCountDistinct,
    Collect,
    CountDistinct,
    Distinct,
    First,
    Histogram,
    Job,
    Last,
    Mapper,
    Mean,
    TopK,
    Variance,
)
from mapred.formats.packed import read_pairs
from mapred.reducers.port import Builtin
from mapred.shuffle.columns import joined, rows_of
from mapred.shuffle.folding import folded_sorted
from mapred.shuffle.folds import Fold
from mapred.shuffle.groups import Groups
from mapred.shuffle.keys import encode
from mapred.shuffle.partials import lifted, results
from mapred.task import foldreduce
from mapred.task.foldreduce import FoldedGroups

INT64 = (1 << 63) - 1
ints = st.integers(-9, 9) | st.integers(-(1 << 40), 1 << 40) | st.integers(-INT64 - 1, INT64)
# No sum or square of them leaves the range of floats: then its order would matter.
floats = st.floats(-1e150, 1e150) | st.sampled_from(
    [0.0, -0.0, 1e149, math.inf, -math.inf, math.nan]
)
numbers = st.one_of(ints, floats, st.booleans(), st.integers())
# Pieces of a job: in each, keys and values are mostly of one type.
key_kinds = st.sampled_from(
    [
        st.sampled_from("abé"),
        st.integers(0, 2),
        st.sampled_from([0.0, -0.0, 1.0, math.nan]),
        st.sampled_from([None, True, 1, 1.0, "a", (1, "a"), b"a"]),
    ]
)
value_kinds = st.sampled_from([ints, st.integers(-9, 9), floats, st.floats(-1e6, 1e6), numbers])
pieces = st.tuples(key_kinds, value_kinds).flatmap(
    lambda kinds: st.lists(st.tuples(*kinds), max_size=15)
)


def named(case):
    return getattr(case, "__name__", "")


def jobs_of(piece):
    """Pieces, maps, reducers, bytes of memory."""
    settings_of = st.integers(1, 3), st.integers(1, 2), st.sampled_from([0, 1 << 20])
    return st.tuples(st.lists(piece, max_size=4), *settings_of)


class Pieces(Mapper):
    """A line names a piece: mostly its pairs come together, in a chunk of their own."""

    GIVEN: ClassVar = []

    def map(self, offset, line):
        yield from self.GIVEN[int(line)]


def outcome(builtin, job, folder):
    """(key, result) as Python writes them, in order of keys; or the type of the error."""
    given_pieces, maps, reducers, memory = job
    Pieces.GIVEN = given_pieces
    kind = type("Built", (Job,), {"mapper": Pieces, "reducer": builtin})
    lines = [str(at) for at in range(len(given_pieces))]
    run = Run(kind, folder, lines, maps=maps, reducers=reducers, memory_bytes=memory)
    run.spec = replace(run.spec, output_format="packed")
    try:
        run.all()
    except Exception as error:
        return type(error)
    found = []
    for path in run.files:
        with open(path, "rb") as file:
            found += read_pairs(file)
    assert run.counter("reduce_output_records") == len(found)
    assert run.counter("reduce_input_groups") == len(found)
    return sorted(found, key=lambda pair: encode(pair[0]))


def in_python(builtin):
    return type(builtin.__name__, (builtin,), {"fold": None, "__module__": builtin.__module__})


def largest(job, key):
    values = [value for piece in job[0] for other, value in piece if encode(other) == encode(key)]
    return max(abs(float(value)) for value in values if abs(value) < math.inf)


def near(builtin, one, other, magnitude):
    """As floats may differ whose sums were rounded in another order."""
    if builtin is Mean:
        signs = math.copysign(1, one), math.copysign(1, other)
        return abs(one - other) <= 1e-12 * magnitude and (one != 0 or signs[0] == signs[1])
    return abs(one - other) <= 1e-9 * other + (1e-9 * magnitude) * (1e-9 * magnitude)


def same(builtin, job, key, one, other):
    if not (isinstance(one, float) and isinstance(other, float)):
        return repr(one) == repr(other)
    if math.isfinite(one) and math.isfinite(other):
        return near(builtin, one, other, largest(job, key))
    # What an infinity's distances to others give, inf or NaN, depends on who is merged first.
    return repr(one) == repr(other) or (builtin is Variance and not math.isfinite(one + other))


def assert_same(builtin, job, found, wanted):
    if isinstance(wanted, type):
        assert found is wanted
        return
    assert [repr(key) for key, _ in found] == [repr(key) for key, _ in wanted]
    for (key, one), (_, other) in zip(found, wanted, strict=True):
        assert same(builtin, job, key, one, other), (key, one, other)


@pytest.mark.parametrize("builtin", [Mean, Variance], ids=named)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(job=jobs_of(pieces))
@example(job=([], 2, 2, 0))
@example(job=([[("a", -0.0)]], 1, 1, 0))
@example(job=([[("a", 1), ("b", 2)], [(1, 1.5)], [("a", 1 << 70), ("b", True)]], 1, 1, 0))
def test_columns_give_what_python_gives(tmp_path_factory, builtin, job):
    wanted = outcome(in_python(builtin), job, tmp_path_factory.mktemp("python"))
    found = outcome(builtin, job, tmp_path_factory.mktemp("columns"))
    assert_same(builtin, job, found, wanted)


anything = st.one_of(numbers, st.none(), st.text(max_size=3), st.binary(max_size=3), st.lists(ints))
any_kinds = st.sampled_from([ints, floats, st.text(max_size=3), st.binary(max_size=3), anything])
any_pieces = st.tuples(key_kinds, any_kinds).flatmap(
    lambda kinds: st.lists(st.tuples(*kinds), max_size=15)
)


CHOOSING = [
    First,
    Last,
    Distinct,
    CountDistinct,
    ApproxCountDistinct,
    Collect,
    TopK(1),
    TopK(3),
    Histogram([-5, 0, 7]),
    Histogram([-0.5, 0.0, 1e10, math.inf]),
]


@pytest.mark.parametrize("builtin", CHOOSING, ids=named)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(job=jobs_of(any_pieces))
@example(job=([[(1, "x"), (1.0, "y")], [(1, 2)], [("a", "\ud800"), (True, [])]], 1, 1, 0))
def test_columns_choose_what_python_chooses(tmp_path_factory, builtin, job):
    wanted = outcome(in_python(builtin), job, tmp_path_factory.mktemp("python"))
    found = outcome(builtin, job, tmp_path_factory.mktemp("columns"))
    assert repr(found) == repr(wanted)


@pytest.mark.parametrize(
    "builtin", [Mean, Variance, First, Last, TopK(2), Histogram([1, 2])], ids=named
)
@pytest.mark.parametrize("values", [range(-50, 50), [at * 0.5 for at in range(100)]])
def test_numbers_never_go_through_python(tmp_path, monkeypatch, builtin, values):
    def never(*_):
        raise AssertionError("Python was asked")

    for name in ("lift", "merged", "result"):
        monkeypatch.setattr(builtin, name, never)
    pairs = [(f"k{value % 7:.0f}", value) for value in values]
    assert len(outcome(builtin, ([pairs, pairs], 2, 2, 0), tmp_path / "run")) == 7


@pytest.mark.parametrize(
    "builtin", [First, Last, Distinct, CountDistinct, ApproxCountDistinct, Collect], ids=named
)
@pytest.mark.parametrize("kind", [int, str])
def test_what_is_told_apart_never_goes_through_python(tmp_path, monkeypatch, builtin, kind):
    def never(*_):
        raise AssertionError("Python was asked")

    for name in ("lift", "merged", "result"):
        monkeypatch.setattr(builtin, name, never)
    pairs = [(f"k{at % 7}", kind(at % 21)) for at in range(100)]
    assert len(outcome(builtin, ([pairs, pairs], 2, 2, 0), tmp_path / "run")) == 7


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.sampled_from([1, 2, 255, 256, 257, 3000]), min_size=1, max_size=4),
    maps=st.integers(1, 3),
    seed=st.integers(0, 9),
)
def test_sketches_of_few_and_of_many_values_merge_as_in_python(sizes, maps, seed):
    """Those that are hashes and those that are registers, also with each other."""
    python = ApproxCountDistinct()
    parts, keys, wanted = [], [], {}
    for part in range(maps):
        # Some of the values come in every map.
        of_key = [range(seed + part * size // 2, seed + part * size // 2 + size) for size in sizes]
        pairs = [(key, value) for key, values in enumerate(of_key) for value in values]
        rows = lifted(rows_of(*map(list, zip(*pairs, strict=True))), Fold.APPROX_COUNT_DISTINCT)
        assert rows.value_list() == [python.lift(value) for _, value in pairs]
        parts.append(folded_sorted(rows, Fold.APPROX_COUNT_DISTINCT))
        for key, value in pairs:
            wanted.setdefault(key, []).append(python.lift(value))
    keys = [key for rows in parts for key in rows.key_list()]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    together = joined(parts).take(order)
    found = folded_sorted(together, Fold.APPROX_COUNT_DISTINCT)
    merged = {key: python.merged(iter(partials)) for key, partials in wanted.items()}
    assert dict(found.pairs()) == merged
    assert results(found, Fold.APPROX_COUNT_DISTINCT).value_list() == [
        python.result(partial) for _, partial in sorted(merged.items())
    ]


def test_a_mean_of_ints_is_the_exact_quotient():
    large = (1 << 60) + 1
    rows = lifted(rows_of(["a", "a", "b"], [large, large + 1, -3]), Fold.MEAN)
    assert results(folded_sorted(rows, Fold.MEAN), Fold.MEAN).value_list() == [
        (2 * large + 1) / 2,
        -3.0,
    ]


def test_the_merge_of_moments_doesnt_cancel_where_the_mean_is_large():
    rows = rows_of(["a"] * 3000, [1e9 + at % 3 for at in range(3000)])
    (found,) = results(
        folded_sorted(lifted(rows, Fold.VARIANCE), Fold.VARIANCE), Fold.VARIANCE
    ).value_list()
    assert math.isclose(found, 2000 / 2999, rel_tol=1e-12)


def test_the_variance_of_one_value_is_none_as_in_python():
    rows = lifted(rows_of(["a", "b", "b"], [1, 2, 4]), Fold.VARIANCE)
    assert results(folded_sorted(rows, Fold.VARIANCE), Fold.VARIANCE).value_list() == [None, 2.0]


def test_values_that_cant_travel_are_still_folded_where_python_folds_them(tmp_path):
    class Length(float):
        """Of a local class, which pickle doesn't find."""

    pairs = [("a", Length(2)), ("a", Length(4))]
    assert issubclass(Variance, Builtin)
    assert outcome(Variance, ([pairs], 1, 1, 0), tmp_path / "run") == [("a", 2.0)]


@pytest.mark.parametrize(("most", "groups"), [(1 << 20, 2), (0, 0)])
def test_a_key_with_too_many_different_values_is_left_to_python(monkeypatch, most, groups):
    monkeypatch.setattr(foldreduce, "_HELD_BYTES_MAX", most)
    batches = [lifted(rows_of(["a", "b"], [1, 2]), Fold.DISTINCT)]
    batches += [lifted(rows_of(["b"], [at]), Fold.DISTINCT) for at in (3, 2)]
    folding = FoldedGroups(iter(batches), Fold.DISTINCT, floats=True)
    done = [pair for rows in folding for pair in rows.pairs()]
    rest = [(key, list(values)) for key, values in Groups(folding.rest)]
    assert done == [("a", [1]), ("b", [2, 3])][: groups or 1]
    assert rest == ([] if groups else [("b", [[2], [3], [2]])])
    assert folding.records + sum(len(values) for _, values in rest) == 4


def test_values_at_the_ends_of_64_bits_are_counted_and_chosen_exactly(tmp_path):
    values = [INT64, -INT64 - 1, INT64 - 1, (1 << 53) + 1]
    pairs = [("a", value) for value in values]
    for at, builtin in enumerate([TopK(9), Histogram([float(1 << 53)]), Histogram([INT64])]):
        found = outcome(builtin, ([pairs], 1, 1, 0), tmp_path / f"columns{at}")
        assert isinstance(found, list)
        assert found == outcome(in_python(builtin), ([pairs], 1, 1, 0), tmp_path / f"python{at}")
