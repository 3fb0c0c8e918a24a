"""A chain on real daemons: trackers die in a stage and between two, and no byte changes."""

import pytest

from tests.cluster.daemons import eventually
from tests.cluster.jobs import Jobs

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

# Waits while somebody stands at a gate: which stage is running is the test's to say.
SOURCE = """
import os, time
from mapred import Job, Mapper, Reducer, Param

def wait(gates, name):
    open(os.path.join(gates, name + ".here"), "w").close()
    until = time.monotonic() + 60
    while os.path.exists(os.path.join(gates, name)) and time.monotonic() < until:
        time.sleep(0.02)

class Words(Mapper):
    def map(self, offset, line):
        for word in line.split():
            yield word, 1

class Total(Reducer):
    def setup(self):
        wait(self.ctx.params.gates, "second")
    def reduce(self, word, counts):
        yield word, sum(counts)

class WordCount(Job):
    gates: str = Param()
    mapper, reducer = Words, Total
    reducers = 4

class ByCount(Mapper):
    def map(self, word, count):
        yield count, word

class Listed(Reducer):
    def setup(self):
        wait(self.ctx.params.gates, "last")
    def reduce(self, count, words):
        yield count, sorted(words)

class Frequency(Job):
    gates: str = Param()
    mapper, reducer = ByCount, Listed
    reducers = 2

Frequencies = WordCount.then(Frequency)
"""
TEXTS = [" ".join(f"w{n * k % 97}" for n in range(400)) + "\n" for k in range(1, 7)]


@pytest.fixture
def jobs(mapreduce_cluster, tmp_path):
    mapreduce_cluster.start()
    jobs = Jobs(mapreduce_cluster, tmp_path)
    jobs.put("/in", *TEXTS)
    return jobs


def test_trackers_that_die_between_and_in_stages_change_no_byte_of_a_chain(jobs, tmp_path):
    gates = tmp_path / "gates"
    gates.mkdir()
    whole = jobs.ended(jobs.submit("chain.py", SOURCE, output="/whole", gates=str(gates)))
    assert whole.state.value == "succeeded", whole.failures
    assert (whole.maps, whole.reduces) == (len(TEXTS) + 4, 2)
    assert [e.name for e in jobs.store.list("/whole")] == [
        "_SUCCESS",
        "part-r-00000",
        "part-r-00001",
    ]
    # At the gate `second` all first maps are done; at `last` the tasks between, too.
    for tracker, gate in ((1, "second"), (2, "last")):
        for mark in gates.iterdir():
            mark.unlink()
        (gates / gate).touch()
        hurt = jobs.submit("chain.py", None, output=f"/{gate}", gates=str(gates))
        eventually((gates / f"{gate}.here").exists, "a task at the gate")
        jobs.cluster.tasktrackers[tracker].kill()
        (gates / gate).unlink()
        end = jobs.ended(hurt)
        assert end.state.value == "succeeded", end.failures
        assert jobs.output(f"/{gate}") == jobs.output("/whole")
        names = {job.job_id: job.name for job in jobs.engine.jobs()}
        assert names[hurt] == "Frequencies (WordCount, Frequency)"
