import json
from dataclasses import replace

import pytest

from mapred import Input, Job, Mapper, Reducer
from mapred.embedded import EmbeddedEngine
from mapred.errors import InputError, JobDefinitionError
from mapred.job import check
from mapred.jobinputs import bound
from mapred.model import JobState, Split
from mapred.submit import plan
from tests.unit.mapred.task.harness import Run

JOB = """
from mapred import Format, Input, Job, Mapper, Reducer

class Users(Mapper):
    def map(self, offset, row):
        yield row["id"], ("user", row["name"])

class Orders(Mapper):
    def map(self, offset, order):
        yield order["user"], ("order", order["cents"])

class Both(Reducer):
    def reduce(self, key, values):
        yield key, list(values)

class Joined(Job):
    inputs = (
        Input("users", format=Format("csv", types={"id": "int"}), mapper=Users),
        Input("orders", format="jsonl", mapper=Orders),
    )
    reducer = Both
"""


class One(Mapper):
    pass


class Two(Job):
    inputs = (Input("left", mapper=One), Input("right", mapper=One))


def test_words_are_bound_by_name_or_by_position():
    assert bound(Two, ["right=b", "left=a", "right=c=d"]) == {"left": ["a"], "right": ["b", "c=d"]}
    assert bound(Two, ["dt=1", "right"]) == {"left": ["dt=1"], "right": ["right"]}


@pytest.mark.parametrize(
    "words", [["a"], ["a", "b", "c"], ["left=a", "left=b"], ["left=a", "x", "y"]]
)
def test_inputs_that_are_not_told_are_refused(words):
    with pytest.raises(InputError, match="left=PATH right=PATH"):
        bound(Two, words)


def test_names_and_mappers_are_checked():
    def job(*inputs):
        return type("Some", (Job,), {"inputs": inputs})

    check(job(Input("a", mapper=One)))
    with pytest.raises(JobDefinitionError, match="'a' is no name, or one of two"):
        check(job(Input("a", mapper=One), Input("a", mapper=One)))
    with pytest.raises(JobDefinitionError, match="input 'a' has no mapper"):
        check(job(Input("a")))


def test_each_input_has_its_format_and_mapper_and_values_come_in_their_order(tmp_path):
    (tmp_path / "joined_job.py").write_text(JOB)
    (tmp_path / "people.csv").write_text("id,name\n1,Ana\n2,Bo\n")
    for number in range(40):
        order = {"user": number % 3, "cents": number}
        (tmp_path / f"o{number:02}.jsonl").write_text(json.dumps(order))
    spec = plan(
        str(tmp_path / "joined_job.py"),
        [f"orders={tmp_path}/o*.jsonl", f"users={tmp_path}/people.csv"],
        output=str(tmp_path / "out"),
        params={},
        reducers=1,
        code_base=f"file://{tmp_path}/code",
    )
    assert {split.input for split in spec.splits} == {"users", "orders"}
    assert len(spec.splits) < 41
    with EmbeddedEngine(workers=2) as engine:
        job_id = engine.submit(spec)
        status, version = engine.status(job_id)
        while not status.state.ended:
            status, version = engine.status(job_id, known_version=version, wait_s=30)
    assert status.state is JobState.SUCCEEDED, status.failures
    expected = []
    for user, name in enumerate(["", "Ana", "Bo"]):
        orders = [("order", number) for number in range(40) if number % 3 == user]
        expected.append(f"{user}\t{[('user', name)] * bool(name) + orders}")
    assert (tmp_path / "out/part-r-00000").read_text().splitlines() == expected
    assert status.counters["task", "map_input_records"] == 42


class Once(Mapper):
    def setup(self):
        self.seen = []

    def map(self, offset, line):
        self.seen.append(line)

    def cleanup(self):
        yield self.ctx.split.uri.rpartition("/")[2], "".join(self.seen)


class Same(Reducer):
    def reduce(self, key, values):
        for value in values:
            yield key, value


class Files(Job):
    mapper, reducer = Once, Same


def test_a_mapper_of_combined_files_can_not_tell(tmp_path):
    run = Run(Files, tmp_path / "run", [f"line {at}" for at in range(9)], maps=3, reducers=1)
    alone = run.all().lines()
    again = Run(Files, tmp_path / "again", [f"line {at}" for at in range(9)], maps=3, reducers=1)
    parts = again.spec.splits
    whole = Split(parts[0].uri, 0, sum(part.length for part in parts), parts=parts)
    again.spec = replace(again.spec, splits=(whole,))
    assert again.all().lines() == alone
    assert again.counter("map_input_records") == 9


def test_combining_can_be_switched_off(tmp_path):
    (tmp_path / "files_job.py").write_text(
        "from mapred import Job, Mapper\nclass Files(Job):\n    mapper = Mapper\n"
    )
    for number in range(40):
        (tmp_path / f"f{number}").write_text("x\n")

    def maps(**params):
        spec = plan(
            str(tmp_path / "files_job.py"),
            [f"{tmp_path}/f[0-9]*"],
            output=None,
            params=params,
            code_base=f"file://{tmp_path}/code",
        )
        return len(spec.splits)

    assert maps() < 40
    assert maps(**{"job.combine_files": "false"}) == 40
