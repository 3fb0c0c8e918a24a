"""Chains on the embedded engine: what they give is what their jobs give one after the other."""

import ast
from collections import Counter, defaultdict

import pytest

from mapred import Job, Mapper, Pipeline, Reducer
from mapred.embedded import EmbeddedEngine
from mapred.errors import JobDefinitionError, ParamError
from mapred.iterative import IterativeJob
from mapred.model import JobState
from mapred.ordering import TotalOrder
from mapred.pipeline import check_chain
from mapred.submit import plan
from tests.unit.mapred import chains

TEXT = [f"the {'x' * (n % 7)}a cat{n % 11} Sat on THE mat{n % 5}\n" for n in range(400)]


@pytest.fixture(scope="module")
def engine():
    with EmbeddedEngine(workers=2) as one:
        yield one


@pytest.fixture
def run(engine, tmp_path):
    """Runs a chain of chains.py over TEXT; its output by part, and how it ended."""
    (tmp_path / "text").write_text("".join(TEXT))

    def run(name, **params):
        output = tmp_path / f"out-{len(list(tmp_path.iterdir()))}"
        spec = plan(
            f"{chains.__file__}:{name}",
            [str(tmp_path / "text")],
            output=str(output),
            params={"job.split_bytes": "3000"} | params,
            code_base=f"file://{tmp_path}/code",
            workers=2,
        )
        job_id = engine.submit(spec)
        status, version = engine.status(job_id)
        while not status.state.ended:
            status, version = engine.status(job_id, known_version=version, wait_s=30)
        return output, status

    return run


def pairs(folder):
    """By file."""
    return {
        file.name: [line.split("\t") for line in file.read_text().splitlines()]
        for file in sorted(folder.glob("part-*"))
    }


def counted() -> Counter[str]:
    return Counter(word.lower() for line in TEXT for word in line.split())


def by_length() -> dict[tuple[int, str], tuple[int, int]]:
    found: dict[tuple[int, str], list[int]] = defaultdict(list)
    for word, count in counted().items():
        found[len(word), word[0]].append(count)
    return {key: (len(counts), sum(counts)) for key, counts in found.items()}


def read(folder):
    return {
        ast.literal_eval(key): ast.literal_eval(value)
        for part in pairs(folder).values()
        for key, value in part
    }


def test_a_stage_takes_the_pairs_of_the_one_before_and_nothing_lies_between(run):
    output, status = run("Two")
    assert status.state is JobState.SUCCEEDED, status.failures
    assert status.name == "Two (WordCount, Lengths)"
    assert read(output) == by_length()
    # The first stage was to be kept, as it would have written it alone.
    alone, _ = run("WordCount")
    assert pairs(output / "_stages" / "1-WordCount") == pairs(alone)
    assert status.counters["chain", "stage 1 (WordCount) pairs"] == len(counted())
    assert status.counters["words", "longest"] > 0
    assert sorted(path.name for path in output.iterdir()) == [
        "_SUCCESS",
        "_stages",
        "part-r-00000",
        "part-r-00001",
    ]


def test_chains_are_as_long_as_one_likes(run):
    output, status = run("Four", **{"2.minimum": "2"})
    assert status.state is JobState.SUCCEEDED, status.failures
    expected: Counter[int] = Counter()
    for (length, _), (words, _) in by_length().items():
        expected[length] += words if length >= 2 else 0
    assert read(output) == {key: value for key, value in expected.items() if value}
    assert len(list((output / "_stages" / "short").iterdir())) == 2
    # Three reduces of the first stage, two of the second: each goes on as a map.
    assert status.maps == -(-len("".join(TEXT)) // 3000) + 3 + 2


@pytest.mark.parametrize(("name", "part"), [("Named", "part-m-00001"), ("Two", "part-r-00001")])
def test_parts_are_numbered_from_the_first(run, name, part):
    output, _ = run(name)
    assert list(pairs(output)) == [part[:-1] + "0", part]


def test_stages_without_a_reducer_may_stand_anywhere(run):
    output, status = run("Named")
    assert status.state is JobState.SUCCEEDED, status.failures
    found = [tuple(map(int, pair)) for part in pairs(output).values() for pair in part]
    assert sorted(found) == sorted((key[0], value[0]) for key, value in by_length().items())
    output, status = run("BeginsWithMaps")
    found = {key: int(value) for part in pairs(output).values() for key, value in part}
    assert found == counted()


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("Named", {"breaks": "map"}, "stage 1 (WordCount): ValueError: no words today"),
        ("Named", {"breaks": "reduce"}, "stage 2 (Lengths): ArithmeticError: no luck"),
        ("Two", {"breaks": "reduce"}, "stage 2 (Lengths): ArithmeticError: no luck"),
        ("Named", {"breaks": "maps"}, "stage 3 (Shorter): ValueError: no such length"),
    ],
)
def test_errors_name_the_stage(run, name, params, words):
    output, status = run(name, **params)
    assert status.state is JobState.FAILED
    assert status.failures[0].reason == words
    assert "chains.py" in status.failures[0].traceback
    assert not output.exists()


def test_a_parameter_may_be_of_one_stage_alone(run):
    with pytest.raises(ParamError, match="WordCount has no parameter 'minimum'"):
        run("Two", **{"1.minimum": "3"})


def test_an_unknown_parameter_lists_those_of_all_stages(run):
    with pytest.raises(ParamError, match=r"no stage has a parameter 'x'.*2 \(Lengths\): minimum"):
        run("Two", x="1")


class Loop(IterativeJob):
    mapper = Mapper


class Ordered(Job):
    mapper, reducer, partitioner = Mapper, Reducer, TotalOrder


class Skipping(chains.Lengths):
    on_error = "skip"


@pytest.mark.parametrize(
    ("stages", "kept", "words"),
    [
        ((chains.WordCount,), {}, "has 1 stages: a chain needs two"),
        ((chains.WordCount, chains.Words), {}, "stage 2 is .* which is no Job class"),
        ((chains.WordCount, Loop), {}, "stage 2, Loop, is a loop"),
        ((Ordered, chains.Lengths), {}, "stage 1, Ordered, puts its output into a total order"),
        ((chains.WordCount, Skipping), {}, "sets records aside: only the first"),
        ((chains.WordCount, chains.Lengths), {2: "x"}, "keeps stage 2: those before the last"),
        ((chains.WordCount, chains.Lengths), {1: "a/b"}, "keeps stage 1 as 'a/b'"),
    ],
)
def test_what_can_be_no_chain_is_refused(stages, kept, words):
    chain = type("Chain", (Pipeline,), {"stages": stages, "kept": kept})
    with pytest.raises(JobDefinitionError, match=words):
        check_chain(chain)


def test_only_jobs_are_chained():
    with pytest.raises(JobDefinitionError, match="a Job or a Pipeline is needed"):
        chains.WordCount.then(chains.Words)
