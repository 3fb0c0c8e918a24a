"""Every built-in against Python's own, over all keys, through maps, spills, merges and reduces."""

import heapq
import math
import statistics
from bisect import bisect_right
from dataclasses import replace
from fractions import Fraction

import pytest
from harness import Run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapred import (
    ApproxCountDistinct,
    Collect,
    Count,
    CountDistinct,
    Distinct,
    First,
    Histogram,
    Job,
    Last,
    Mapper,
    Max,
    Mean,
    Min,
    Sum,
    TopK,
    Variance,
)
from mapred.errors import JobDefinitionError
from mapred.formats.packed import read_pairs
from mapred.job import check
from mapred.records import Reducer
from mapred.shuffle.keys import encode

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3),
)
keys = st.one_of(
    st.sampled_from("abc"),
    st.integers(0, 3),
    st.one_of(scalars, st.tuples(scalars, scalars)),
)
ints = st.one_of(st.integers(-100, 100), st.integers(-(1 << 63), (1 << 63) - 1), st.integers())
runs = st.tuples(st.integers(1, 3), st.sampled_from([1, 3]), st.sampled_from([0, 1 << 20]))
NAMES = {"nan": float("nan"), "inf": float("inf")}


class Pairs(Mapper):
    """Lines that are pairs as Python writes them."""

    def map(self, offset, line):
        yield eval(line, NAMES)


def results(builtin, pairs, folder, maps=2, reducers=1, memory_bytes=0):
    """What a job with this reducer makes of the pairs: results by encoded key, in their order."""
    job = type("Built", (Job,), {"mapper": Pairs, "reducer": builtin})
    options = {"maps": maps, "reducers": reducers, "memory_bytes": memory_bytes}
    run = Run(job, folder / "run", list(map(repr, pairs)), **options)
    run.spec = replace(run.spec, output_format="packed")
    run.all()
    found = []
    for path in run.files:
        with open(path, "rb") as file:
            part = [(encode(key), value) for key, value in read_pairs(file)]
        assert [key for key, _ in part] == sorted({key for key, _ in part})
        found += part
    return dict(sorted(found, key=lambda pair: pair[0]))


def close(one, other):
    return one == other or math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-6)


def variance(values):
    return statistics.variance(map(Fraction, values)) if len(values) > 1 else None


def distinct(values):
    found = {}
    for value in values:
        found.setdefault(encode(value), value)
    return [found[order] for order in sorted(found)]


def named(case):
    return getattr(case, "__name__", "")


BOUNDS = [-10, 0, 0.5, 100]


def histogram(values):
    bins = [0] * 5
    for value in values:
        bins[bisect_right(BOUNDS, value)] += 1
    return bins


CASES = [
    (Sum, ints, sum),
    (Count, scalars, len),
    (Min, ints, min),
    (Max, ints, max),
    (Min, st.text(max_size=3), min),
    (Mean, ints, lambda values: sum(values) / len(values)),
    (First, scalars, lambda values: values[0]),
    (Last, scalars, lambda values: values[-1]),
    (Distinct, scalars, distinct),
    (CountDistinct, scalars, lambda values: len(distinct(values))),
    (ApproxCountDistinct, scalars, lambda values: len(distinct(values))),
    (TopK(2), st.tuples(st.integers(0, 2), st.text("ab")), lambda v: heapq.nlargest(2, v)),
    (Collect, scalars, list),
    (Histogram(BOUNDS), st.integers(-200, 200), histogram),
]


def expected(pairs, python):
    groups = {}
    for key, value in pairs:
        groups.setdefault(encode(key), []).append(value)
    return {order: python(values) for order, values in groups.items()}


@pytest.mark.parametrize(("builtin", "values", "python"), CASES, ids=named)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), run=runs)
def test_a_builtin_is_pythons(tmp_path_factory, builtin, values, python, data, run):
    pairs = data.draw(st.lists(st.tuples(keys, values), max_size=30))
    found = results(builtin, pairs, tmp_path_factory.mktemp("b"), *run)
    wanted = expected(pairs, python)
    assert list(map(repr, found.items())) == list(map(repr, sorted(wanted.items())))


@pytest.mark.parametrize("builtin", [Mean, Variance, Sum])
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    pairs=st.lists(
        st.tuples(st.sampled_from("ab"), st.floats(-1e6, 1e6) | st.integers(-9, 9)), max_size=30
    ),
    run=runs,
)
def test_moments_of_floats_are_the_exact_ones_nearly(tmp_path_factory, builtin, pairs, run):
    python = {Mean: statistics.fmean, Variance: variance, Sum: math.fsum}[builtin]
    found = results(builtin, pairs, tmp_path_factory.mktemp("b"), *run)
    wanted = expected(pairs, python)
    assert found.keys() == wanted.keys()
    assert all(close(found[key], wanted[key]) for key in found), (found, wanted)


@pytest.mark.parametrize("builtin", [Sum, Min, Max, Mean, Variance])
def test_floats_give_the_same_bits_however_often_a_job_runs(tmp_path, builtin):
    pairs = [(f"k{at % 7}", (at * 0.1) ** 3) for at in range(3000)]
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    once = results(builtin, pairs, tmp_path / "1", 3, 1)
    assert results(builtin, pairs, tmp_path / "2", 3, 3) == once


def test_variance_doesnt_cancel_where_the_mean_is_large(tmp_path):
    pairs = [("a", 1e9 + at % 3) for at in range(3000)]
    found = results(Variance, pairs, tmp_path, 3)
    assert math.isclose(
        found[encode("a")], statistics.variance([0.0, 1.0, 2.0] * 1000), rel_tol=1e-6
    )


def test_min_and_max_take_nan_for_the_greatest(tmp_path):
    nan = float("nan")
    for at, values in enumerate([[nan, 1.0, 2.0], [1.0, nan, 2.0], [2.0, 1.0, nan]]):
        pairs = [("k", value) for value in values]
        for builtin, wanted in ((Min, "1.0"), (Max, "nan")):
            (folder := tmp_path / f"{at}{wanted}").mkdir()
            assert repr(results(builtin, pairs, folder, 1)[encode("k")]) == wanted


@pytest.mark.parametrize("size", [200, 3000, 40_000])
def test_the_approximate_count_is_exact_while_few_and_near_when_many(size):
    reducer = ApproxCountDistinct()
    values = [f"value {at}" for at in range(size)]
    halves = values[: size * 2 // 3], values[size // 3 :]
    partials = [reducer.merged(map(reducer.lift, half)) for half in halves]
    found = reducer.result(reducer.merged(iter(partials)))
    assert abs(found - size) <= (0 if size <= 256 else 0.05 * size)


class Total(Reducer):
    def reduce(self, key, values):
        yield key, sum(values)


def test_a_partial_result_that_is_no_value_is_refused_as_another_reducers_combiner():
    for combiner, reducer in ((Count, Sum), (Total, Mean), (Count, Total)):
        job = type("Wrong", (Job,), {"mapper": Pairs, "combiner": combiner, "reducer": reducer})
        with pytest.raises(JobDefinitionError, match="Name it alone"):
            check(job)
    check(type("Right", (Job,), {"mapper": Pairs, "combiner": Sum, "reducer": Total}))
    check(type("Right", (Job,), {"mapper": Pairs, "combiner": Mean, "reducer": Mean}))


@pytest.mark.parametrize(
    "make", [lambda: TopK(0), lambda: Histogram([]), lambda: Histogram([2, 1])]
)
def test_made_to_measure_reducers_refuse_what_they_cant_be_made_of(make):
    with pytest.raises(JobDefinitionError):
        make()


def test_a_histogram_of_a_range_has_its_bounds_evenly():
    assert Histogram(low=0, high=10, bins=5).bounds == (0, 2, 4, 6, 8, 10)
