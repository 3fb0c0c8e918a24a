"""Which reducers the engine takes for a fold, and that it takes nothing else for one."""

from dataclasses import replace

import pytest
from harness import Run

from mapred import BlockMapper, Count, Job, Mapper, Max, Reducer, Sum
from mapred.model import Split
from mapred.shuffle.folds import Fold
from mapred.task.recognised import constant_of_words, fold_of, folds_columns


class Total(Reducer):
    def reduce(self, word, counts):
        """Documented."""
        yield word, sum(counts)


class Least(Reducer):
    def reduce(self, key, values):
        yield key, min(values)


class Swapped(Reducer):
    def reduce(self, key, values):
        yield values, sum(key)


class Started(Reducer):
    def reduce(self, key, values):
        yield key, sum(values, 1)


class Twice(Reducer):
    def reduce(self, key, values):
        yield key, sum(values)
        yield key, 0


class Halved(Reducer):
    def reduce(self, key, values):
        yield key, sum(values) / 2


def test_one_call_of_pythons_own_is_recognised():
    assert fold_of(Total) is Fold.SUM
    assert fold_of(Least) is Fold.MIN
    assert (fold_of(Sum), fold_of(Count), fold_of(Max)) == (Fold.SUM, Fold.SUM, Fold.MAX)


@pytest.mark.parametrize("other", [Swapped, Started, Twice, Halved, Reducer])
def test_anything_else_is_users_code(other):
    assert fold_of(other) is None


def test_a_name_that_hides_pythons_is_not_taken_for_it(monkeypatch):
    monkeypatch.setitem(Total.reduce.__globals__, "sum", max)
    assert fold_of(Total) is None


class Pairs(Mapper):
    def map(self, offset, line):
        key, value = line.split()
        yield key, eval(value)


class Totals(Job):
    mapper, combiner, reducer = Pairs, Total, Total


class Uncombined(Job):
    mapper, reducer = Pairs, Total


@pytest.mark.parametrize("job", [Totals, Uncombined])
@pytest.mark.parametrize(
    ("values", "total"),
    [
        (["1", "2", "3"], "6"),
        ([str(1 << 62)] * 4, str(1 << 64)),
        (["1", "0.5", "2"], "3.5"),
        (["True", "True", "1"], "3"),
        (["0.1"] * 3, str(sum([0.1] * 3))),
        ([str(1 << 70), "1"], str((1 << 70) + 1)),
    ],
)
def test_a_recognised_sum_is_pythons_for_any_numbers(tmp_path, job, values, total):
    lines = [f"k {value}" for value in values] + ["z 1"]
    run = Run(job, tmp_path, lines, reducers=1, maps=1).all()
    assert run.lines() == [f"k\t{total}", "z\t1"]
    assert run.counter("reduce_input_groups") == 2


def test_the_engine_goes_over_to_python_in_the_middle_of_a_merge(tmp_path):
    lines = [f"{number:06} {number}" for number in range(30_000)] + [f"zz {1 << 62}"] * 4
    run = Run(Uncombined, tmp_path, lines, reducers=1, maps=2, memory_bytes=1 << 20).all()
    expected = [f"{number:06}\t{number}" for number in range(30_000)] + [f"zz\t{1 << 64}"]
    assert run.lines() == expected
    assert run.counter("reduce_input_groups") == 30_001
    assert run.counter("reduce_input_records") == len(lines)


class Counts(Job):
    mapper, reducer = Pairs, Count


def test_count_counts_whatever_the_values_are(tmp_path):
    lines = ["a 1", "a None", "b 'x'", "a 2.5"]
    run = Run(Counts, tmp_path, lines, reducers=1).all()
    assert run.lines() == ["a\t3", "b\t1"]


class Words(Mapper):
    def map(self, offset, line):
        for word in line.split():
            yield word, 1


class Same(Mapper):
    def map(self, offset, line):
        for word in line.split(None):
            yield word, 1


class Other(Mapper):
    def map(self, offset, line):
        for word in line.split():
            yield word, True


class Lower(Mapper):
    def map(self, offset, line):
        for word in line.split():
            yield word.lower(), 1


def test_words_with_a_number_are_recognised_and_nothing_else():
    assert constant_of_words(Words) == 1
    assert [constant_of_words(other) for other in (Same, Other, Lower, Pairs, Mapper)] == [None] * 5


@pytest.mark.parametrize("reducer", [None, Total, Sum, Count])
def test_a_recognised_mapper_does_what_its_code_says(tmp_path, reducer):
    lines = ["\ufeffto be\r", "", "or\u2003not \x1cto\x85be", "caf\udce9 \udcff", "a" * 300] * 30
    found = []
    for kind in (Words, Same):
        job = type("Job1", (Job,), {"mapper": kind, "reducer": reducer, "combiner": None})
        (folder := tmp_path / kind.__name__).mkdir()
        run = Run(job, folder / "run", [], maps=1)
        (folder / "input").write_bytes("\n".join(lines).encode(errors="surrogateescape"))
        size = (folder / "input").stat().st_size
        uri = f"file://{folder}/input"
        halves = [Split(uri, 0, size // 2), Split(uri, size // 2, size - size // 2)]
        run.spec = replace(run.spec, splits=tuple(halves))
        run.all()
        counters = {name: count for name, count in run.counters.items() if "bytes" not in name[1]}
        found.append((run.outputs, counters))
    assert found[0] == found[1]
    assert found[0][1]["text", "undecodable_lines"] == 30


class Blocks(BlockMapper):
    pass


def test_it_is_known_beforehand_what_columns_fold():
    assert folds_columns(Blocks, Sum, "parquet")
    assert folds_columns(Words, Total, "text")
    assert not folds_columns(Words, Total, "jsonl")
    assert not folds_columns(Pairs, Total, "text")
    assert not folds_columns(Blocks, None, "text")
    assert not folds_columns(Blocks, Halved, "text")
