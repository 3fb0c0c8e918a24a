"""The examples over the text in the repository, on the embedded engine, against other programs."""

import ast
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

import mapred.examples
from mapred.embedded import EmbeddedEngine
from mapred.model import JobState
from mapred.submit import plan

EXAMPLES = Path(mapred.examples.__file__).parent
HAMLET = EXAMPLES / "hamlet.txt"


@pytest.fixture(scope="module")
def engine():
    with EmbeddedEngine(workers=2) as one:
        yield one


@pytest.fixture
def run_example(engine, tmp_path):
    """Runs an example; its output directory, and how it ended."""

    def run(name, inputs, reducers, **params):
        output = tmp_path / f"out-{len(list(tmp_path.iterdir()))}"
        spec = plan(
            str(EXAMPLES / name),
            [str(path) for path in inputs],
            output=str(output),
            params={"job.split_bytes": "50000"} | params,
            reducers=reducers,
            code_base=f"file://{tmp_path}/code",
            workers=2,
        )
        job_id = engine.submit(spec)
        status, version = engine.status(job_id)
        while not status.state.ended:
            status, version = engine.status(job_id, known_version=version, wait_s=30)
        assert status.state is JobState.SUCCEEDED, status.failures
        assert (output / "_SUCCESS").exists()
        assert not (output / "_temporary").exists()
        return output, status

    return run


@pytest.fixture
def output_of(run_example):
    """Runs an example; its output lines, each part's in order."""

    def run(name, inputs, reducers=2, **params):
        output, status = run_example(name, inputs, reducers, **params)
        parts = [(output / f"part-r-{index:05}").read_text() for index in range(reducers)]
        for part in parts:
            keys = [line.split("\t")[0] for line in part.splitlines()]
            assert keys == sorted(keys)
        return [line for part in parts for line in part.splitlines()], status

    return run


def test_word_count_equals_a_counter(output_of):
    lines, status = output_of("wordcount.py", [HAMLET])
    expected = Counter(HAMLET.read_text().split())
    assert sorted(lines) == sorted(f"{word}\t{number}" for word, number in expected.items())
    assert status.maps == 4
    assert status.counters["task", "map_input_records"] == HAMLET.read_text().count("\n")


def test_frequent_words_are_a_counters(run_example):
    output, _ = run_example("frequent_words.py", [HAMLET], 1, most="15")
    lines = (output / "part-r-00000").read_text().splitlines()
    counted = Counter(HAMLET.read_text().split())
    expected = sorted(counted.items(), key=lambda item: (item[1], item[0]), reverse=True)[:15]
    assert lines == [f"{word}\t{number}" for word, number in expected]


@pytest.mark.parametrize(("pattern", "group"), [(r"[Gg]host", 0), (r"(\w+)\s+of\s+(\w+)", 2)])
def test_grep_equals_re(output_of, pattern, group):
    lines, status = output_of("grep.py", [HAMLET], reducers=1, pattern=pattern, group=str(group))
    found = Counter(
        match.group(group)
        for line in HAMLET.read_text().splitlines()
        for match in re.finditer(pattern, line)
    )
    assert lines == [f"{text}\t{found[text]}" for text in sorted(found)]
    assert status.counters["grep", "matches"] == sum(found.values())


def test_inverted_index_equals_a_dict_of_counters(output_of, tmp_path):
    acts = re.split(r"(?m)^(?=ACT )", HAMLET.read_text())
    files = []
    for number, act in enumerate(acts):
        files.append(tmp_path / f"act{number}.txt")
        files[-1].write_text(act)
    expected = defaultdict(Counter)
    for file in files:
        for word in re.findall(r"[a-z]+(?:'[a-z]+)*", file.read_text().lower()):
            expected[word][file.name] += 1
    lines, _ = output_of("inverted_index.py", files, reducers=3)
    read = {word: ast.literal_eval(rest) for word, rest in (line.split("\t") for line in lines)}
    assert read == {word: sorted(numbers.items()) for word, numbers in expected.items()}


def test_the_number_of_splits_and_workers_does_not_show_in_the_output(output_of, tmp_path):
    outputs = []
    for split_bytes in ("20000", "70000", "10000000"):
        lines, _ = output_of("wordcount.py", [HAMLET], **{"job.split_bytes": split_bytes})
        outputs.append(lines)
    assert outputs[0] == outputs[1] == outputs[2]


def test_sort_equals_sorted(output_of):
    lines, _ = output_of("sort.py", [HAMLET], reducers=3)
    assert lines == sorted(HAMLET.read_text().splitlines())


def test_joins_are_those_of_dicts(run_example, tmp_path):
    people = {number: (f"n{number}", "ABC"[number % 3]) for number in range(30)}
    orders = [(number * 7 % 40, number) for number in range(60)]
    (tmp_path / "p.csv").write_text(
        "id,name,country\n" + "".join(f"{key},{n},{c}\n" for key, (n, c) in people.items())
    )
    (tmp_path / "o.jsonl").write_text(
        "".join(f'{{"customer": {key}, "cents": {cents}}}\n' for key, cents in orders)
    )
    inputs = [f"customers={tmp_path}/p.csv", f"orders={tmp_path}/o.jsonl"]
    output, _ = run_example("join.py", inputs, 2)
    rows = [
        line for part in output.glob("part-*.csv") for line in part.read_text().splitlines()[1:]
    ]
    buyers = {key for key, _ in orders}
    expected = [f"{key},{people[key][0]},{cents}" for key, cents in orders if key in people]
    expected += [f"{key},{name}," for key, (name, _) in people.items() if key not in buyers]
    assert sorted(rows) == sorted(expected)
    output, _ = run_example(
        "lookup.py", [f"{tmp_path}/o.jsonl"], None, people=f"file://{tmp_path}/p.csv"
    )
    lines = [line for part in output.glob("part-*") for line in part.read_text().splitlines()]
    assert sorted(lines) == sorted(
        f"{people[key][1]}\t{cents}" for key, cents in orders if key in people
    )
