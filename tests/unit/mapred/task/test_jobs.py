"""What user code is promised, attempt by attempt."""

import random
import re
from collections import Counter, defaultdict
from statistics import mean

import pytest
from harness import Run

from blockstore.runtime import heap
from mapred import Job, Mapper, Max, Min, Param, Partitioner, Reducer, Sum

WORDS = random.Random(7).choices(["to", "be", "or", "not", "Be", "é", "question"], k=3000)
LINES = [" ".join(WORDS[at : at + 7]) for at in range(0, len(WORDS), 7)]


class Words(Mapper):
    def map(self, offset, line):
        for word in line.split():
            yield word, 1


class Total(Reducer):
    def reduce(self, word, counts):
        yield word, sum(counts)


class WordCount(Job):
    mapper, combiner, reducer = Words, Total, Total


class Plain(Job):
    mapper, reducer = Words, Total


def counted(lines):
    return sorted(f"{word}\t{number}" for word, number in Counter(" ".join(lines).split()).items())


@pytest.mark.parametrize("job", [WordCount, Plain])
@pytest.mark.parametrize(("maps", "reducers"), [(1, 1), (3, 2), (2, 5)])
def test_word_count_equals_a_counter(tmp_path, job, maps, reducers):
    run = Run(job, tmp_path, LINES, maps=maps, reducers=reducers).all()
    assert sorted(run.lines()) == counted(LINES)
    assert sorted(run.outputs) == [f"part-r-{index:05}" for index in range(reducers)]
    for text in run.outputs.values():
        keys = [line.split("\t")[0] for line in text.splitlines()]
        assert keys == sorted(keys)


def test_the_counters_add_up(tmp_path):
    run = Run(WordCount, tmp_path, LINES).all()
    different = len(set(WORDS))
    assert run.counter("map_input_records") == len(LINES)
    assert run.counter("map_output_records") == len(WORDS)
    assert run.counter("combine_input_records") == len(WORDS)
    assert run.counter("combine_output_records") == 2 * different
    assert run.counter("reduce_input_records") == 2 * different
    assert run.counter("reduce_input_groups") == different
    assert run.counter("reduce_output_records") == different
    assert run.counter("input_bytes") == sum(len(line.encode()) + 1 for line in LINES)
    assert run.counter("output_bytes") == sum(len(t.encode()) for t in run.outputs.values())
    assert run.counter("shuffle_bytes") == run.counter("map_output_bytes")


class Longer(Mapper):
    def setup(self):
        self.minimum = self.ctx.params.minimum

    def map(self, offset, line):
        for word in line.split():
            if len(word) >= self.minimum:
                self.ctx.count("words", "long")
                yield word[0], (len(word), 1)


class Add(Reducer):
    def reduce(self, letter, pairs):
        lengths, numbers = zip(*pairs, strict=True)
        yield letter, (sum(lengths), sum(numbers))


class ByCase(Partitioner):
    def partition(self, key, partitions):
        return int(key.isupper()) % partitions


class MeanLength(Job):
    minimum: int = Param(1, help="shortest word that counts")
    mapper, combiner, reducer, partitioner = Longer, Add, Add, ByCase


def test_parameters_counters_and_partitioners_do_what_they_say(tmp_path):
    run = Run(MeanLength, tmp_path, LINES, params={"minimum": 2}).all()
    expected = defaultdict(list)
    for word in WORDS:
        if len(word) >= 2:
            expected[word[0]].append(len(word))
    sums = {letter: (sum(sizes), len(sizes)) for letter, sizes in expected.items()}
    assert run.outputs["part-r-00001"] == f"B\t{sums.pop('B')}\n"
    assert run.outputs["part-r-00000"] == "".join(f"{a}\t{sums[a]}\n" for a in sorted(sums))
    assert run.counter("long", "words") == sum(map(len, expected.values()))


class Offsets(Mapper):
    def map(self, offset, line):
        return [(offset, line.upper())] if "b" in line else None

    def cleanup(self):
        yield "end", self.ctx.attempt.index


class Shout(Job):
    mapper = Offsets


def test_a_job_without_a_reducer_writes_what_its_maps_yield(tmp_path):
    run = Run(Shout, tmp_path, ["a", "b", "bb", "c"], maps=2).all()
    assert run.outputs == {
        "part-m-00000": "2\tB\nend\t0\n",
        "part-m-00001": "0\tBB\nend\t1\n",
    }


class Setup(Mapper):
    def setup(self):
        self.seen = []

    def map(self, offset, line):
        self.seen.append(line)

    def cleanup(self):
        return [(self.ctx.split.uri.rpartition("/")[2], "+".join(self.seen))]


class Last(Reducer):
    def setup(self):
        self.groups = 0

    def reduce(self, key, values):
        self.groups += 1
        yield key, next(values)

    def cleanup(self):
        yield "groups", self.groups


class Cleaning(Job):
    mapper, reducer = Setup, Last


def test_setup_comes_first_and_cleanup_last_and_may_yield(tmp_path):
    run = Run(Cleaning, tmp_path, ["a", "b", "c"], maps=2, reducers=1).all()
    assert run.outputs == {"part-r-00000": "input-0\ta\ninput-1\tb+c\ngroups\t2\n"}


class Tokens(Mapper):
    """Keys that a dict can't tell apart, though the order of keys can."""

    def map(self, offset, line):
        for token in line.split():
            yield (
                {"1": 1, "1.0": 1.0, "True": True, "None": None, "(1,)": (1,), "(T,)": (True,)}.get(
                    token, token
                ),
                1,
            )


class Mixed(Job):
    mapper, combiner, reducer = Tokens, Total, Total


def test_true_is_not_one_but_one_is_one_point_zero_also_through_a_combiner(tmp_path):
    lines = ["1 True 1.0 None (1,) (T,) 1 x"] * 10
    run = Run(Mixed, tmp_path, lines, reducers=1).all()
    assert run.lines() == ["None\t10", "True\t10", "1\t30", "x\t10", "(True,)\t10", "(1,)\t10"]


class Numbers(Mapper):
    def map(self, offset, line):
        word, number = line.split()
        yield word, int(number)


@pytest.mark.parametrize(("ready_made", "python"), [(Sum, sum), (Min, min), (Max, max)])
def test_ready_made_reducers_do_what_pythons_do(tmp_path, ready_made, python):
    rng = random.Random(3)
    records = [(rng.choice("abc"), rng.randrange(-50, 50)) for _ in range(200)]
    job = type("Job1", (Job,), {"mapper": Numbers, "combiner": ready_made, "reducer": ready_made})
    run = Run(job, tmp_path, [f"{word} {number}" for word, number in records], reducers=1).all()
    assert run.lines() == [
        f"{letter}\t{python(number for word, number in records if word == letter)}"
        for letter in "abc"
    ]


class Order(Reducer):
    def reduce(self, key, values):
        yield key, ",".join(values)


class Indexed(Mapper):
    def map(self, offset, line):
        for word in line.split():
            yield word, f"{self.ctx.attempt.index}:{offset}"


class Concordance(Job):
    mapper, reducer = Indexed, Order


def test_tiny_budgets_give_the_same_bytes_as_large_ones(tmp_path):
    lines = [f"{line} {number % 100}" for number, line in enumerate(LINES * 25)]
    large = Run(Concordance, tmp_path / "large", lines).all()
    tiny = Run(Concordance, tmp_path / "tiny", lines, memory_bytes=1).all()
    assert tiny.outputs == large.outputs
    assert tiny.counter("spilled_records") == 2 * large.counter("spilled_records")
    for job in (WordCount, MeanLength):
        wide = [f"{line} {number}" for number, line in enumerate(LINES * 25)]
        large = Run(job, tmp_path / f"large{job.__name__}", wide).all()
        tiny = Run(job, tmp_path / f"tiny{job.__name__}", wide, memory_bytes=1).all()
        assert tiny.outputs == large.outputs


class Averages(Reducer):
    def reduce(self, key, values):
        yield key, round(mean(values), 6)


class Half(Reducer):
    """A reduce that leaves most of its values unread."""

    def reduce(self, key, values):
        yield key, next(values)


class FirstSeen(Job):
    mapper, reducer = Indexed, Half


def test_a_reduce_may_leave_values_unread(tmp_path):
    run = Run(FirstSeen, tmp_path, ["a b", "b c", "a c"], maps=1, reducers=1).all()
    assert run.lines() == ["a\t0:0", "b\t0:0", "c\t0:4"]


def test_an_empty_input_gives_empty_parts(tmp_path):
    run = Run(WordCount, tmp_path, [], maps=1).all()
    assert run.outputs == {"part-r-00000": "", "part-r-00001": ""}


class Wide(Mapper):
    """One line makes more pairs than memory: they must flow."""

    def map(self, offset, line):
        for number in range(int(line)):
            yield number % 1000, number


class Spread(Job):
    mapper, combiner, reducer = Wide, Max, Max


def test_one_record_may_yield_any_number_of_pairs(tmp_path):
    run = Run(Spread, tmp_path, ["300000"], maps=1, reducers=1, memory_bytes=1).all()
    assert run.lines() == [f"{number}\t{299_000 + number}" for number in range(1000)]


def test_names_of_hadoop(tmp_path):
    run = Run(WordCount, tmp_path, LINES, reducers=1).all()
    assert all(re.fullmatch(r"part-[rm]-\d{5}", name) for name in run.outputs)


class Wide(Mapper):
    def map(self, offset, line):
        for at in range(5_000):
            yield f"{at:01000}", line


class Handed(Reducer):
    def reduce(self, key, values):
        for value in values:
            yield key, value


class WideLines(Job):
    mapper, reducer = Wide, Handed


@pytest.mark.parametrize(("memory_bytes", "times"), [(1 << 20, 2), (0, 0)])
def test_a_reduce_with_little_memory_gives_back_what_is_free_as_its_output_goes_out(
    tmp_path, monkeypatch, memory_bytes, times
):
    given = []
    monkeypatch.setattr(heap, "give_back_freed_memory", lambda: given.append(1))
    run = Run(WideLines, tmp_path, ["a", "b"], reducers=1, memory_bytes=memory_bytes).all()
    # Every 4 MiB of 10.
    assert run.counter("output_bytes") > 10_000_000
    assert len(given) == times
