"""Jobs on the embedded engine that read what another job wrote, by other formats."""

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
    def run(code, job, inputs, reducers=None, **params):
        file = tmp_path / "some_jobs.py"
        file.write_text(code)
        output = tmp_path / f"out-{job}"
        spec = plan(
            f"{file}:{job}",
            list(map(str, inputs)),
            output=str(output),
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
