"""Jobs on the embedded engine that read what another job wrote, by other formats."""

import json
import re
from collections import Counter

import pyarrow.parquet as pq
import pytest

from mapred.embedded import EmbeddedEngine
from mapred.model import JobState
from mapred.submit import plan

JOBS = """
from mapred import Format, Job, Mapper, Sum

class Words(Mapper):
    def map(self, offset, line):
        for word in line.split():
            yield word, 1

class ToParquet(Job):
    mapper, combiner, reducer = Words, Sum, Sum
    output_format = Format("parquet", columns=["word", "number"], compression="zstd")

class ByNumber(Mapper):
    def map(self, row, record):
        yield record["number"], 1

class FromParquet(Job):
    mapper, reducer = ByNumber, Sum
    input_format = Format("parquet", filter=[["number", ">", 1]])
    output_format = "jsonl"
    lazy_output = True
"""


@pytest.fixture(scope="module")
def engine():
    with EmbeddedEngine(workers=2) as one:
        yield one


@pytest.fixture
def run(engine, tmp_path):
    def run(code, job, inputs, reducers=None, target=None, **params):
        file = tmp_path / "some_jobs.py"
        file.write_text(code)
        output = tmp_path / f"out-{job}"
        spec = plan(
            f"{file}:{job}",
            list(map(str, inputs)),
            output=target or str(output),
            params=params,
            reducers=reducers,
            code_base=f"file://{tmp_path}/code",
            workers=2,
        )
        job_id = engine.submit(spec)
        status, version = engine.status(job_id)
        while not status.state.ended:
            status, version = engine.status(job_id, known_version=version, wait_s=30)
        return output, status

    return run


def test_inputs_and_outputs_may_be_any_url_of_fsspec(run, tmp_path):
    for number in range(3):
        (tmp_path / f"in{number}").write_text("a b\n" * 10)
    words = [f"local://{tmp_path}/in?"]
    _, status = run(JOBS, "ToParquet", words, 2, f"local://{tmp_path}/o")
    assert status.state is JobState.SUCCEEDED, status.failures
    assert pq.read_table(tmp_path / "o").num_rows == 2


def test_a_job_reads_the_parquet_that_another_wrote(run, tmp_path):
    text = "a b a c a b d\n" * 3 + "once\n"
    (tmp_path / "text").write_text(text)
    counts = Counter(text.split())
    first, status = run(JOBS, "ToParquet", [tmp_path / "text"], 20)
    assert status.state is JobState.SUCCEEDED, status.failures
    # Parts without a word have no columns, and no file.
    assert 0 < len(list(first.glob("part-*.parquet"))) <= len(counts)
    table = pq.read_table(first)
    assert dict(zip(*table.to_pydict().values(), strict=True)) == counts
    second, status = run(JOBS, "FromParquet", [first], 20)
    assert status.state is JobState.SUCCEEDED, status.failures
    assert sorted(status.output_files) == sorted(f"file://{part}" for part in second.glob("part-*"))
    lines = "".join(part.read_text() for part in second.glob("part-*"))
    numbers = Counter(number for number in counts.values() if number > 1)
    assert sorted(lines.splitlines()) == sorted(
        f'{{"key": {number}, "value": {many}}}' for number, many in numbers.items()
    )


SIDES = """
from mapred import Format, Job, Mapper, Reducer, Sum

class Parse(Mapper):
    def map(self, offset, row):
        if row["n"] is None:
            self.ctx.output("empty").write(row["word"], offset)
        elif row["n"] < 0:
            raise ValueError("below zero")
        else:
            yield row["word"], row["n"]

class Totals(Reducer):
    def reduce(self, word, numbers):
        total = sum(numbers)
        if total > 10:
            self.ctx.output("large").write(word, total)
        yield word, total

class Sides(Job):
    mapper, reducer = Parse, Totals
    input_format = Format("csv", types={"n": "int"})
    outputs = {"empty": "text", "large": Format("csv", columns=["word", "total"])}
"""


def test_named_outputs_and_skipped_records_are_published_with_the_tasks(run, tmp_path):
    (tmp_path / "in.csv").write_text("word,n\na,1\nb,\nc,x\nc,12\nd,-1\na,2\nb,3,4\n")
    params = {"job.on_bad_record": "skip", "job.on_error": "skip", "job.skipped_share": "0.5"}
    output, status = run(SIDES, "Sides", [tmp_path / "in.csv"], 1, **params)
    assert status.state is JobState.SUCCEEDED, status.failures
    assert sorted(path.name for path in output.iterdir()) == [
        "_SUCCESS",
        "_skipped",
        "empty-m-00000",
        "large-r-00000.csv",
        "part-r-00000",
    ]
    assert (output / "part-r-00000").read_text() == "a\t3\nc\t12\n"
    assert (output / "empty-m-00000").read_text() == "b\t11\n"
    assert (output / "large-r-00000.csv").read_text() == "word,total\nc,12\n"
    skipped = (output / "_skipped/part-m-00000.jsonl").read_text()
    kept = [json.loads(line) for line in skipped.splitlines()]
    assert [(one["offset"], one["record"]) for one in kept] == [
        (14, "c,x"),
        (32, "b,3,4"),
        (23, "{'word': 'd', 'n': -1}"),
    ]
    assert {one["file"] for one in kept} == {f"file://{tmp_path}/in.csv"}
    assert kept[2]["reason"] == "made ValueError: below zero"
    counted = {name: n for (group, name), n in status.counters.items() if group == "skipped"}
    assert counted == {"bad_records": 2, "failed_records": 1}


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({}, "at byte 7 can't be read, column n"),
        ({"job.on_bad_record": "skip"}, "this task has skipped 2 of 3 records, more than"),
        (
            {"job.on_bad_record": "skip", "job.skipped_max": "1", "job.skipped_share": "1"},
            "a task may skip 1 record .skipped_max., and this would be one more: .*byte 11",
        ),
    ],
)
def test_too_many_bad_records_fail_the_job(run, tmp_path, params, reason):
    (tmp_path / "in.csv").write_text("word,n\na,x\nb,y\nc,1\n")
    _, status = run(SIDES, "Sides", [tmp_path / "in.csv"], 1, **params)
    assert status.state is JobState.FAILED
    assert re.search(reason, status.failures[0].reason), status.failures[0].reason


UNDECLARED = SIDES.replace('"empty": "text", ', "")


def test_an_output_that_is_not_declared_fails_with_those_that_are(run, tmp_path):
    (tmp_path / "in.csv").write_text("word,n\nb,\n")
    _, status = run(UNDECLARED, "Sides", [tmp_path / "in.csv"], 1)
    assert "has no output 'empty', only ['large']" in status.failures[0].reason
