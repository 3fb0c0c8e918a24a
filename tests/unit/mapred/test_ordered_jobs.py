"""Total order and secondary sort on the embedded engine, with sorted() as the oracle."""

import random
from itertools import groupby

import pytest

from mapred.embedded import EmbeddedEngine
from mapred.errors import JobDefinitionError
from mapred.model import HOT_GROUP, TOTAL_ORDER, JobState
from mapred.submit import plan

JOBS = """
from mapred import Format, Job, Mapper, Reducer
from mapred.ordering import TotalOrder, desc

class Down(Mapper):
    def map(self, offset, line):
        user, time = line.split()
        yield desc(int(time)), user

class Each(Reducer):
    def reduce(self, key, values):
        for value in values:
            yield key, value

class Descending(Job):
    mapper, reducer, partitioner = Down, Each, TotalOrder

class ByUser(Mapper):
    def map(self, offset, line):
        user, time = line.split()
        yield (user, desc(int(time))), int(time)

class Times(Reducer):
    def reduce(self, user, times):
        yield user, list(times)

class Latest(Job):
    mapper, reducer, group_by = ByUser, Times, 1

class LatestInOrder(Latest):
    partitioner = TotalOrder

class Failing(Mapper):
    def map(self, offset, line):
        yield line.no_such, 1

class Broken(Descending):
    mapper = Failing
"""


@pytest.fixture(scope="module")
def engine():
    with EmbeddedEngine(workers=2) as one:
        yield one


@pytest.fixture
def events(tmp_path):
    rng = random.Random(1)
    events = [(f"u{int(rng.paretovariate(0.7)) % 50}", rng.randrange(1000)) for _ in range(3000)]
    (tmp_path / "events").write_text("".join(f"{user} {time}\n" for user, time in events))
    (tmp_path / "ordered_jobs.py").write_text(JOBS)
    return events


@pytest.fixture
def run(engine, tmp_path):
    def run(job, reducers):
        spec = planned(tmp_path, job, reducers)
        job_id = engine.submit(spec)
        status, version = engine.status(job_id)
        while not status.state.ended:
            status, version = engine.status(job_id, known_version=version, wait_s=30)
        assert status.state is JobState.SUCCEEDED, status.failures
        output = tmp_path / f"out-{job}-{reducers}"
        return [part.read_text().splitlines() for part in sorted(output.glob("part-*"))]

    return run


def planned(tmp_path, job, reducers):
    return plan(
        f"{tmp_path}/ordered_jobs.py:{job}",
        [f"{tmp_path}/events"],
        output=f"{tmp_path}/out-{job}-{reducers}",
        params={"job.split_bytes": "5000"},
        reducers=reducers,
        code_base=f"file://{tmp_path}/code",
        workers=2,
    )


def test_the_parts_one_after_the_other_are_in_descending_order(run, events):
    parts = run("Descending", 4)
    expected = sorted(events, key=lambda event: -event[1])
    assert [line for part in parts for line in part] == [
        f"{time}\t{user}" for user, time in expected
    ]
    assert all(500 < len(part) < 1000 for part in parts)


@pytest.mark.parametrize("job", ["Latest", "LatestInOrder"])
def test_the_values_of_a_user_come_in_the_order_of_the_rest_of_the_key(run, events, job):
    parts = run(job, 3)
    ordered = sorted(events, key=lambda event: (event[0], -event[1]))
    expected = [
        f"{user}\t{[time for _, time in own]}" for user, own in groupby(ordered, lambda one: one[0])
    ]
    lines = [line for part in parts for line in part]
    assert (lines if job == "LatestInOrder" else sorted(lines)) == expected
    assert all(part == sorted(part) for part in parts)


def test_the_boundaries_are_the_same_for_the_same_input(tmp_path, events):
    first, second = (planned(tmp_path, "Descending", 4).settings[TOTAL_ORDER] for _ in range(2))
    assert first == second
    assert TOTAL_ORDER in planned(tmp_path, "Descending", 1).settings


def test_a_mapper_that_fails_on_the_sample_is_told_with_its_line(tmp_path, events):
    with pytest.raises(JobDefinitionError, match=r"mapper of Broken failed.*\n(.*\n)*.*no_such"):
        planned(tmp_path, "Broken", 2)


def test_a_key_with_most_of_the_records_is_named(engine, tmp_path):
    (tmp_path / "events").write_text("x 1\n" * 120_000 + "y 2\nz 3\n")
    (tmp_path / "ordered_jobs.py").write_text(JOBS)
    job_id = engine.submit(planned(tmp_path, "Latest", 2))
    status, version = engine.status(job_id)
    while not status.state.ended:
        status, version = engine.status(job_id, known_version=version, wait_s=30)
    hot = {name: value for (group, name), value in status.counters.items() if group == HOT_GROUP}
    assert list(hot.values()) == [120_000]
    assert "'x'" in next(iter(hot))
