"""Mappers of batches and blocks, reducers of batches: against the same work by records."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from harness import Run

from mapred import BatchMapper, BatchReducer, BlockMapper, Count, Job, Mapper, Mean, Reducer, Sum
from mapred.errors import JobDefinitionError
from mapred.examples import wordcount, wordcount_blocks
from mapred.job import check
from mapred.shuffle import columns
from mapred.task.failure import RecordError

LINES = ["to be or\u2003not", "", "to b\u00e9", "\ufeff not\x85to\x0bbe"] * 50


def counted(lines):
    return dict(Counter(word for line in lines for word in line.split()))


def as_dict(lines):
    return {key: int(value) for key, value in (line.rsplit("\t", 1) for line in lines)}


@pytest.mark.parametrize("maps", [1, 3])
@pytest.mark.parametrize("reducers", [1, 3])
def test_words_by_blocks_are_words_by_records(tmp_path, maps, reducers):
    by_blocks = Run(wordcount_blocks.WordCount, tmp_path / "b", LINES, maps=maps, reducers=reducers)
    by_records = Run(wordcount.WordCount, tmp_path / "r", LINES, maps=maps, reducers=reducers)
    assert by_blocks.all().outputs == by_records.all().outputs
    assert as_dict(by_blocks.lines()) == counted(LINES)
    assert by_blocks.counter("map_input_records") == len(LINES)


class Impatient(BlockMapper):
    block_bytes = 4

    def map_blocks(self, blocks):
        yield [next(blocks)], [1]


def test_blocks_that_were_not_taken_are_an_error(tmp_path):
    class ByFirst(Job):
        mapper, reducer = Impatient, Sum

    with pytest.raises(RecordError, match="before it had taken all blocks"):
        Run(ByFirst, tmp_path, LINES, maps=1, reducers=1).all()


class Lengths(BatchMapper):
    def map_batch(self, batch):
        self.ctx.count("batches", "columns", len(batch.schema.names))
        lengths = pc.utf8_length(batch.column("line"))
        yield pa.RecordBatch.from_arrays([lengths, batch.column("offset")], ["key", "value"])

    def cleanup(self):
        yield 1000, 0


class Spread(BatchReducer):
    def reduce_batch(self, keys, values, groups):
        assert len(keys) == len(groups) - 1
        assert groups[-1] == len(values)
        sums = np.add.reduceat(np.asarray(values), groups[:-1])
        yield keys, pa.array(sums)


class ByBatches(Job):
    mapper, reducer = Lengths, Spread


class LengthOf(Mapper):
    def map(self, offset, line):
        yield len(line), offset

    def cleanup(self):
        yield 1000, 0


class Total(Reducer):
    def reduce(self, key, values):
        yield key, sum(values)


class ByRecords(Job):
    mapper, reducer = LengthOf, Total


@pytest.mark.parametrize("memory_bytes", [0, 1 << 20])
def test_batches_do_what_records_do(tmp_path, memory_bytes):
    # Groups that go over many frames, and some that end with one.
    lines = ["x" * (at % 3) for at in range(60_000)] + ["y" * at for at in range(200)]
    options = {"reducers": 2, "memory_bytes": memory_bytes}
    batches = Run(ByBatches, tmp_path / "b", lines, **options).all()
    records = Run(ByRecords, tmp_path / "r", lines, **options).all()
    assert batches.outputs == records.outputs
    for name in ("map_input_records", "map_output_records", "reduce_input_groups"):
        assert batches.counter(name) == records.counter(name)
    assert batches.counter("reduce_input_records") == records.counter("reduce_input_records")


class Anything(BlockMapper):
    block_bytes = 64

    def map_block(self, block):
        assert block.endswith(b"\n")
        self.ctx.count("blocks", "blocks")
        yield eval(self.ctx.params.what)


class AnyJob(Job):
    mapper = Anything


@pytest.mark.parametrize(
    ("what", "pairs"),
    [
        ("(np.array([1, 2]), pa.array(['a', 'b']))", ["1\ta", "2\tb"]),
        ("([None, (1, 'x')], [1.5, b'y'])", ["None\t1.5", "(1, 'x')\tb'y'"]),
        ("(pa.array(['a', None]), pa.array([True, False]))", ["a\tTrue", "None\tFalse"]),
        ("(pa.array(['a']).dictionary_encode(), np.array([1.5], np.float32))", ["a\t1.5"]),
        ("(np.array([2**63], np.uint64), [1])", [f"{2**63}\t1"]),
        ("pa.table({'key': [1], 'x': [2], 'y': ['z']})", ["1\t{'x': 2, 'y': 'z'}"]),
        ("pa.table({'value': [1], 'key': ['k']})", ["k\t1"]),
        ("([], [])", []),
    ],
)
def test_columns_of_many_kinds_are_taken(tmp_path, what, pairs):
    code = what.replace("np.", "__import__('numpy').").replace("pa.", "__import__('pyarrow').")
    run = Run(AnyJob, tmp_path, ["line"], maps=1, params={"what": code}).all()
    assert run.lines() == pairs


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("([1], [1, 2])", "1 keys, but 2 values"),
        ("'ab'", "neither a RecordBatch nor a pair"),
        ("__import__('pyarrow').table({'k': [1], 'value': [1]})", "needs `key` and `value`"),
        ("([{}], [1])", "a key can't be of type dict"),
    ],
)
def test_what_is_no_batch_is_refused_in_words(tmp_path, what, words):
    with pytest.raises(RecordError, match=words):
        Run(AnyJob, tmp_path, ["line"], maps=1, params={"what": what}).all()


def test_blocks_are_cut_at_line_ends_to_the_size_asked_for(tmp_path):
    run = Run(AnyJob, tmp_path, ["x" * 30] * 10, maps=1, params={"what": "([], [])"}).all()
    assert 5 <= run.counter("blocks", "blocks") <= 10


class Rows(BlockMapper):
    def map_block(self, block):
        yield block[:, 0].astype(np.int64), block[:, 1]


@pytest.mark.parametrize(("builtin", "wanted"), [(Sum, 6.0), (Mean, 2.0), (Count, 3)])
def test_an_array_comes_as_an_array_and_builtins_take_what_blocks_yield(tmp_path, builtin, wanted):
    run = Run(type("A", (Job,), {"mapper": Rows, "reducer": builtin}), tmp_path, [], reducers=1)
    np.save(tmp_path / "rows.npy", np.array([[7.0, 1.0], [7.0, 2.0], [7.0, 3.0]]))
    uri, size = f"file://{tmp_path}/rows.npy", (tmp_path / "rows.npy").stat().st_size
    split = replace(run.spec.splits[0], uri=uri, length=size, format="npy")
    run.spec = replace(run.spec, splits=(split,))
    assert run.all().lines() == [f"7\t{wanted}"]


def test_a_reducer_of_batches_is_no_combiner():
    job = type("Wrong", (Job,), {"mapper": Lengths, "combiner": Spread, "reducer": Spread})
    with pytest.raises(JobDefinitionError, match="map loop"):
        check(job)


class Scattered(BatchMapper):
    """Keys that hardly ever come twice, and some that do."""

    def map_batch(self, batch):
        numbers = np.arange(300_000, dtype=np.int64)
        keys = np.where(numbers % 10, numbers * 7919 % 1_000_003, numbers % 30)
        yield keys, numbers


class SumsOfScattered(Job):
    mapper, reducer = Scattered, Sum


def test_keys_that_hardly_ever_come_twice_fold_in_the_sorter(tmp_path):
    run = Run(SumsOfScattered, tmp_path / "s", ["a"] * 4, maps=4, reducers=2).all()
    found = dict(map(int, line.split("\t")) for line in run.lines())
    numbers = np.arange(300_000, dtype=np.int64)
    keys = np.where(numbers % 10, numbers * 7919 % 1_000_003, numbers % 30)
    distinct, places = np.unique(keys, return_inverse=True)
    sums = np.zeros(len(distinct), np.int64)
    np.add.at(sums, places, 4 * numbers)
    assert found == dict(zip(distinct.tolist(), sums.tolist(), strict=True))
    assert run.counter("combine_input_records") == 4 * 300_000
    assert run.counter("combine_output_records") == run.counter("reduce_input_records")
    assert run.counter("combine_output_records") == 4 * len(distinct)


def test_a_group_too_large_for_a_batch_is_refused_with_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(columns, "COLUMN_BYTES_MAX", 200_000)
    job = type("Wide", (Job,), {"mapper": OneKey, "reducer": Spread})
    run = Run(job, tmp_path / "w", ["x"] * 60_000, maps=2, reducers=1, memory_bytes=1 << 20)
    with pytest.raises(RecordError, match=r"key 'same' .*at most 200000. Let a Reducer take them"):
        run.all()


class OneKey(Mapper):
    def map(self, offset, line):
        yield "same", offset
