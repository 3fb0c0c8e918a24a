"""What a failure tells: the user's frames, the record, and what to change."""

import json
from pathlib import Path

import pytest
from harness import Run

from mapred import Histogram, Job, Mapper, Mean, Min, Partitioner, Reducer, Sum, TopK, Variance
from mapred.errors import InputError
from mapred.formats.badrecords import REFUSED
from mapred.model import FailureKind
from mapred.task.failure import CodeError, Place, RecordError, failure_of, sample_of


class Fails(Mapper):
    def map(self, offset, line):
        for word in line.split():
            yield word, 1
            if word == "bad":
                raise ValueError("no such word")


class Total(Reducer):
    def reduce(self, word, counts):
        yield word, sum(counts)


class FailingMap(Job):
    mapper, combiner, reducer = Fails, Total, Total


def test_an_exception_in_map_is_told_with_file_offset_and_record(tmp_path):
    run = Run(FailingMap, tmp_path, ["good", "also good", "a bad line", "good"], maps=1)
    with pytest.raises(ValueError, match="no such word"):
        run.all()
    assert run.place == Place(f"file://{tmp_path}/input-0", 15, "'a bad line'")


class Refuses(Reducer):
    def reduce(self, key, values):
        if key == "b":
            raise KeyError(key)
        yield key, list(values)


class FailingReduce(Job):
    mapper, reducer = type("Words", (Fails,), {}), Refuses


def test_an_exception_in_reduce_is_told_with_the_key(tmp_path):
    run = Run(FailingReduce, tmp_path, ["a", "b", "c"], reducers=1)
    with pytest.raises(KeyError):
        run.all()
    assert run.place == Place(sample="key 'b'")
    assert run.outputs == {}


def job_that_yields(*records):
    def map_records(self, offset, line):
        return list(records)

    mapper = type("Yields", (Mapper,), {"map": map_records})
    return [
        type("WithCombiner", (Job,), {"mapper": mapper, "combiner": Total, "reducer": Total}),
        type("Without", (Job,), {"mapper": mapper, "reducer": Total}),
    ]


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([("a", 1), "word"], "user code yielded 'word', which is no .key, value. pair"),
        ([("a", 1), 5], "user code yielded 5, which is no"),
        ([("a", 1, 2)], r"user code yielded \('a', 1, 2\), which is no"),
        ([("a", 1), ({"x": 1}, 1)], "a key can't be of type dict: {'x': 1}"),
        ([("a", 1), (["x"], 1)], r"a key can't be of type list: \['x'\]"),
        ([("a", 1), (1, ["b"]), (3j, 1)], "a key can't be of type complex"),
        ([("a", 1), ("b", lambda: 1)], r"the value of \('b', .*\) can't travel between processes"),
    ],
)
def test_a_record_that_cannot_be_taken_is_shown_with_what_to_do(tmp_path, records, message):
    for number, job in enumerate(job_that_yields(*records)):
        with pytest.raises(RecordError, match=message):
            Run(job, tmp_path / str(number), ["x"], maps=1).all()


def test_what_is_no_pairs_at_all_is_named_for_map_and_reduce(tmp_path):
    one = type("One", (Mapper,), {"map": lambda self, offset, line: 1})
    two = type("Two", (Reducer,), {"reduce": lambda self, key, values: 2.5})
    yields = type("Yields", (Mapper,), {"map": lambda self, offset, line: [(line, 1)]})
    jobs = [
        type("InMap", (Job,), {"mapper": one, "reducer": Total}),
        type("InReduce", (Job,), {"mapper": yields, "reducer": two}),
    ]
    for job, kind in zip(jobs, ("int", "float"), strict=True):
        with pytest.raises(RecordError, match=f"returned an object of type {kind}, and not pairs"):
            Run(job, tmp_path / kind, ["x"], maps=1).all()


@pytest.mark.parametrize(
    ("builtin", "message"),
    [
        (Sum, "Sum can't take the values of the key 'k': unsupported operand"),
        (Mean, "Mean can't take the values of the key 'k': unsupported operand"),
        (Min, "Min can't take the values of the key 'k': '<' not supported"),
        (TopK(2), "TopK2 can't take the values of the key 'k': '<' not supported"),
        (Histogram([0, 5]), r"Histogram can't take the value of \('k', 'word'\): '<' not supp"),
        (Variance, r"Variance can't take the value of \('k', 'word'\): could not convert"),
    ],
)
@pytest.mark.parametrize("maps", [1, 2])
def test_values_that_a_builtin_cant_do_with_are_named_with_it(tmp_path, builtin, message, maps):
    def map_record(self, offset, line):
        yield "k", line if line == "word" else len(line)

    mapper = type("Mixed", (Mapper,), {"map": map_record})
    job = type("Mixed", (Job,), {"mapper": mapper, "reducer": builtin})
    with pytest.raises(RecordError, match=message):
        Run(job, tmp_path, ["x", "yy", "word", "word"], maps=maps, reducers=1).all()


def test_a_users_own_loop_over_what_is_no_list_is_his_error_with_his_frames(tmp_path):
    def map_record(self, offset, line):
        yield line, list(offset)

    job = type("Own", (Job,), {"mapper": type("Own", (Mapper,), {"map": map_record})})
    run = Run(job, tmp_path, ["x"], maps=1)
    failure = failure_of(raised(run.all), run.place, Path(__file__).parent)
    assert failure.reason == "TypeError: 'int' object is not iterable"
    assert "yield line, list(offset)" in failure.traceback


def test_of_a_pair_that_cant_be_taken_the_record_is_not_known_exactly(tmp_path):
    def map_record(self, offset, line):
        yield line, 1 if line == "good" else (lambda: 1)

    kind = type("Mixed", (Mapper,), {"map": map_record})
    job = type("Mixed", (Job,), {"mapper": kind, "reducer": Total})
    run = Run(job, tmp_path, ["good", "bad", "good"], maps=1)
    failure = failure_of(raised(run.all), run.place, Path())
    assert failure.reason.startswith("the value of ('bad', ")
    assert failure.sample == "at or shortly before 'good'"


@pytest.mark.parametrize("target", [-1, 2, 1.5, None, "0"])
def test_a_partitioner_that_points_nowhere_is_named_with_the_key(tmp_path, target):
    def partition(self, key, partitions):
        return target if key == "b" else 0

    kind = type("Wrong", (Partitioner,), {"partition": partition})
    job = type("Job2", (Job,), {"mapper": Fails, "reducer": Total, "partitioner": kind})
    with pytest.raises(RecordError, match=r"the partitioner gave .* for the key 'b'.*range\(2\)"):
        Run(job, tmp_path, ["a b"], maps=1).all()


def test_nothing_is_left_of_a_part_file_that_failed(tmp_path):
    job = type("MapOnly", (Job,), {"mapper": Fails})
    with pytest.raises(ValueError, match="no such word"):
        Run(job, tmp_path, ["a bad"], maps=1).all()
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def raised(action):
    try:
        action()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def test_a_failure_has_the_users_frames_and_not_the_engines(tmp_path):
    run = Run(FailingMap, tmp_path, ["bad"], maps=1)
    failure = failure_of(raised(run.all), run.place, Path(__file__).parent)
    assert failure.kind is FailureKind.FAILED
    assert failure.reason == "ValueError: no such word"
    assert 'File "test_failures.py", line' in failure.traceback
    assert "in map" in failure.traceback
    assert "map_task.py" not in failure.traceback
    assert (failure.input_uri, failure.offset, failure.sample) == (
        f"file://{tmp_path}/input-0",
        0,
        "'bad'",
    )


def test_code_that_cannot_be_imported_is_fatal_with_its_cause():
    def fails():
        try:
            raise ModuleNotFoundError("No module named 'pandas'")
        except ModuleNotFoundError as error:
            raise CodeError("job.py can't be imported in the task process") from error

    failure = failure_of(raised(fails), Place(), Path())
    assert failure.kind is FailureKind.FATAL
    assert "No module named 'pandas'" in failure.reason


def test_a_sample_is_short_whatever_the_record():
    class Nasty:
        def __repr__(self):
            raise RuntimeError("no")

    assert sample_of("x" * 10**6).startswith("'xxx")
    assert len(sample_of("x" * 10**6)) == len(sample_of(list(range(10_000)))) == 200
    assert sample_of(Nasty()) == "<Nasty whose repr fails: RuntimeError('no')>"


def test_a_malformed_record_is_told_in_words_without_a_traceback_of_the_reader(tmp_path):
    try:
        try:
            json.loads("{oops")
        except ValueError as error:
            REFUSED.take("file:///rows.jsonl", 8, "{oops", f"is not JSON: {error}")
    except InputError as error:
        failure = failure_of(error, Place("file:///rows.jsonl"), tmp_path)
    assert failure.traceback == ""
    assert failure.reason.startswith("InputError: file:///rows.jsonl at byte 8 is not JSON: ")
    assert "'{oops'. With on_bad_record = \"skip\" in the job" in failure.reason
