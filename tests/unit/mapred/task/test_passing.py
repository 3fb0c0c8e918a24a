"""Jobs that only hand on: by columns they give what the user's code would."""

import json
from dataclasses import replace

import pyarrow as pa
import pytest
from harness import Run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapred import BatchMapper, Format, Job, Mapper, Reducer
from mapred.formats import check_input, check_output
from mapred.model import SKIPPING, TOTAL_ORDER
from mapred.ordering import TotalOrder, boundaries_setting
from mapred.shuffle.columns import rows_of
from mapred.shuffle.hottest import Commonest
from mapred.task.passing import PassedGroups
from mapred.task.recognised import gives_all_values, gives_the_same


class Same(Mapper):
    def map(self, key, value):
        """Documented."""
        yield key, value


class SameInPython(Mapper):
    def map(self, key, value):
        pair = key, value
        yield pair


class SameBatches(BatchMapper):
    def map_batch(self, batch):
        yield batch


class All(Reducer):
    def reduce(self, key, values):
        for value in values:
            yield key, value


class AllInPython(Reducer):
    def reduce(self, key, values):
        for value in values:
            pair = key, value
            yield pair


class Doubled(Reducer):
    def reduce(self, key, values):
        for _ in values:
            yield key, key


class Swapped(Mapper):
    def map(self, key, value):
        yield value, key


def test_what_only_hands_on_is_recognised_and_nothing_else():
    assert gives_the_same(Same)
    assert gives_all_values(All)
    assert not any(map(gives_the_same, (SameInPython, Swapped, Mapper)))
    assert not any(map(gives_all_values, (AllInPython, Doubled, Reducer)))


def sorted_records(folder, mapper, reducer, records, maps, reducers, memory_bytes=0):
    job = type("Sort", (Job,), {"mapper": mapper, "reducer": reducer, "partitioner": TotalOrder})
    options = {"maps": maps, "reducers": reducers, "memory_bytes": memory_bytes}
    run = Run(job, folder, records, **options)
    form = check_input(Format("fixed", record_bytes=8, key_bytes=3))
    run.spec = replace(
        run.spec,
        splits=tuple(replace(split, format=form) for split in run.spec.splits),
        output_format=check_output(Format("fixed", record_bytes=8)),
    )
    boundaries = boundaries_setting(job, run.spec, folder)
    run.spec = replace(run.spec, settings={TOTAL_ORDER: boundaries})
    run.all()
    return run.outputs, run.counters


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    records=st.lists(st.text("abc", min_size=7, max_size=7), max_size=60),
    maps=st.integers(1, 3),
    reducers=st.integers(1, 3),
)
def test_records_by_columns_are_those_by_pairs(tmp_path_factory, records, maps, reducers):
    found = [
        sorted_records(tmp_path_factory.mktemp("p"), *code, records, maps, reducers)
        for code in ((Same, All), (SameInPython, AllInPython), (SameBatches, All))
    ]
    assert found[0] == found[1] == found[2]
    text = "".join(found[0][0][name] for name in sorted(found[0][0]))
    by_key = sorted(records, key=lambda record: record[:3])
    assert text == "".join(f"{record}\n" for record in by_key)


def test_records_by_columns_survive_spills(tmp_path):
    records = [f"{at * 7919 % 1000:03d}{at:04d}"[:7] for at in range(300_000)]
    (outputs, counters) = sorted_records(tmp_path / "p", Same, All, records, 1, 2, 1 << 20)
    assert counters["task", "spilled_records"] > len(records)
    by_key = sorted(records, key=lambda record: record[:3])
    text = "".join(outputs[name] for name in sorted(outputs))
    assert text == "".join(f"{record}\n" for record in by_key)


NAMES = {"nan": float("nan"), "inf": float("inf")}


class Pairs(Mapper):
    def map(self, offset, line):
        yield eval(line, NAMES)


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.floats(), st.text("ab", max_size=2)
)
lists = st.one_of(
    st.lists(st.tuples(scalars | st.tuples(scalars), st.integers(0, 9)), max_size=30),
    st.lists(st.tuples(st.floats(), st.integers(0, 9)), max_size=30),
    st.lists(st.tuples(st.integers(-3, 3), st.text(max_size=2)), max_size=30),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(pairs=lists, maps=st.integers(1, 3))
def test_keys_of_any_type_pass_as_they_would_in_python(tmp_path_factory, pairs, maps):
    found = []
    for reducer in (All, AllInPython):
        job = type("Passing", (Job,), {"mapper": Pairs, "reducer": reducer})
        lines = [repr(pair) for pair in pairs]
        run = Run(job, tmp_path_factory.mktemp("k"), lines, maps=maps, reducers=1).all()
        found.append((run.outputs, run.counters))
    assert found[0] == found[1]


def test_a_group_that_goes_on_in_the_next_batch_is_counted_once(tmp_path):
    job = type("Passing", (Job,), {"mapper": Pairs, "reducer": All})
    lines = [repr(("hot" if at % 3 else f"k{at % 5}", "x" * 50)) for at in range(30_000)]
    run = Run(job, tmp_path / "g", lines, maps=3, reducers=1, memory_bytes=1 << 20).all()
    assert run.counter("reduce_input_groups") == 6
    assert run.counter("reduce_input_records") == 30_000


@pytest.mark.parametrize("wish", [{"bad": False, "errors": True}, {"bad": True, "errors": False}])
def test_a_job_that_skips_goes_by_records(tmp_path, wish):
    job = type("Sort", (Job,), {"mapper": Same, "reducer": All})
    run = Run(job, tmp_path / "s", ["abcdefg", "abc"], maps=1, reducers=1)
    form = check_input(Format("fixed", record_bytes=8, key_bytes=3))
    wishes = json.dumps({**wish, "max": 10, "share": 1.0})
    run.spec = replace(
        run.spec,
        splits=tuple(replace(split, format=form) for split in run.spec.splits),
        settings={SKIPPING: wishes},
    )
    if wish["bad"]:
        run.all()
        assert run.counter("bad_records", "skipped") == 1
    else:
        with pytest.raises(Exception, match="cut off"):
            run.all()


def test_a_batch_that_was_handed_on_is_gone_when_the_next_is_made():
    held = []

    def batches():
        before = pa.total_allocated_bytes()
        for at in range(4):
            rows = rows_of([f"{at}{row:06}" for row in range(1000)], [None] * 1000)
            yield rows
            del rows
            held.append(pa.total_allocated_bytes() - before)

    passing = PassedGroups(Commonest().watched(batches()))
    for rows in passing:
        assert len(rows) == 1000
        del rows
    assert (passing.records, passing.groups) == (4000, 4000)
    assert held == [0, 0, 0, 0]


def test_a_key_that_goes_on_in_the_next_batch_is_one_group():
    batches = [rows_of(keys, [1] * len(keys)) for keys in (["a", "b"], ["b"], ["b", "c"], ["d"])]
    passing = PassedGroups(iter(batches))
    assert [len(rows) for rows in passing] == [2, 1, 2, 1]
    assert (passing.records, passing.groups) == (6, 4)
