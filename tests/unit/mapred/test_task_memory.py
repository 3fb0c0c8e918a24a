"""What real task processes take up when their buffers exceed the budget, as the kernel counts it.

A process first maps a block of text: libraries that are loaded late, the block with its lines as
objects, buffers of the codec. Beyond that peak, which doesn't grow with the budget, a task takes up
1.3 times its budget at most: in maps that spill and merge, and in reduces.
"""

import random
from pathlib import Path

import pytest

from mapred.embedded import EmbeddedEngine
from mapred.model import JobState
from mapred.submit import plan

MIB = 1 << 20
# Of the allocator, between pieces in use; more beside a budget of hardly anything. Measured, in
# all: 13 to 18 MiB of 16, 6.6 to 6.9 of 2. With buffers twice as large: 24 to 27, 8.2 to 8.3.
# A megabyte of that is what imports happen to leave free in the heap before the fork: with it, a
# task begins with room that it needn't take up (5.7 to 6.1), and without it, it has to.
HOLES_BYTES = 2 * MIB
HOLES_OF_LITTLE_BYTES = 4 * MIB + 3 * MIB // 4
# A line has two numbers of 64 digits.
LINE_BYTES = 2 * 65

JOBS = """
import pyarrow

from mapred import Format, Input, Job, Mapper, Reducer
from mapred.joins import InnerJoin, Left, Right

def peak_kib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

class Told(Mapper):
    def setup(self):
        if self.ctx.attempt.index == 1:
            self.ctx.count("memory", "base", peak_kib())
        self.ctx.count("pool", pyarrow.default_memory_pool().backend_name, 1)

class ToldAtLast(Reducer):
    def setup(self):
        # Of this process, which has run the maps.
        self.ctx.count("memory", "maps", peak_kib())

    def cleanup(self):
        self.ctx.count("memory", "all", peak_kib())

class Lines(Told):
    def map(self, offset, line):
        yield line, None

class Same(ToldAtLast):
    def reduce(self, line, values):
        for _ in values:
            yield line, None

class Sort(Job):
    mapper, reducer = Lines, Same
    output_format = Format("text", values=False)

class ByBeginning(Told):
    def map(self, offset, line):
        yield line[:3], line

class Longest(ToldAtLast):
    def reduce(self, key, lines):
        yield key, max(len(line) for line in lines)

class Group(Job):
    mapper, reducer = ByBeginning, Longest

class Lengths(Told):
    def map(self, offset, line):
        yield line, len(line)

class Most(Reducer):
    def reduce(self, line, lengths):
        yield line, max(length for length in lengths)

class MostAtLast(Most, ToldAtLast):
    pass

class Combine(Job):
    mapper, combiner, reducer = Lengths, Most, MostAtLast

class Words(Told):
    def map(self, offset, line):
        for word in line.split():
            yield word, 1

class Total(Reducer):
    def reduce(self, word, counts):
        yield word, sum(counts)

class TotalAtLast(ToldAtLast):
    def reduce(self, word, counts):
        yield word, sum(counts)

class Count(Job):
    mapper, combiner, reducer = Words, Total, TotalAtLast

class Few(Told, Left):
    def key(self, line):
        return line[:3]

class Many(Told, Right):
    def key(self, line):
        # Every second one has the same key.
        return line[:3] if line[3] < "8" else "000"

class Joined(ToldAtLast, InnerJoin):
    def join(self, key, left, right):
        yield key, len(left) + len(right)

class Join(Job):
    inputs = Input("few", mapper=Few), Input("many", mapper=Many)
    reducer = Joined
"""

needs_peaks = pytest.mark.skipif(
    "VmHWM" not in Path("/proc/self/status").read_text(), reason="the kernel tells no peak"
)


def growth(folder, job, budget_mib, input_mib):
    """Bytes (of maps, of maps and the reduce) beyond the base; and the job's counters."""
    rng = random.Random(16)
    (folder / "jobs.py").write_text(JOBS)
    texts = folder / "1-block.txt", folder / "2-many.txt"
    for text, size in zip(texts, (1, input_mib), strict=True):
        lines = size * MIB // LINE_BYTES
        numbers = (rng.getrandbits(512) for _ in range(lines))
        text.write_text("".join(f"{n >> 256:064x} {n % (1 << 256):064x}\n" for n in numbers))
    spec = plan(
        f"{folder}/jobs.py:{job}",
        list(map(str, texts)),
        output=str(folder / "out"),
        params={
            "job.memory_bytes": str(budget_mib * MIB),
            "job.split_bytes": str(input_mib * MIB),
        },
        reducers=1,
        code_base=f"file://{folder}/code",
        workers=1,
    )
    assert len(spec.splits) == 2
    with EmbeddedEngine(workers=1) as engine:
        job_id = engine.submit(spec)
        status, version = engine.status(job_id)
        while not status.state.ended:
            status, version = engine.status(job_id, known_version=version, wait_s=30)
    assert status.state is JobState.SUCCEEDED, status.failures
    assert status.attempts_failed == status.attempts_killed == 0
    base, maps, everything = (
        status.counters["memory", name] * 1024 for name in ("base", "maps", "all")
    )
    return maps - base, everything - base, status.counters


@needs_peaks
@pytest.mark.parametrize(
    ("job", "input_mib"),
    [("Sort", 20), ("Group", 20), ("Combine", 12), ("Count", 12), ("Join", 20)],
)
def test_tasks_of_more_than_their_budget_stay_near_it(tmp_path, job, input_mib):
    of_maps, of_all, counters = growth(tmp_path, job, 16, input_mib)
    print(
        job,
        of_maps / MIB,
        of_all / MIB,
        counters["task", "spilled_records"],
        counters["task", "reduce_input_records"],
    )
    # Spilled, and merged.
    assert counters["task", "spilled_records"] > counters["task", "reduce_input_records"]
    assert of_maps <= of_all <= 1.3 * 16 * MIB + HOLES_BYTES
    # One heap for all: what Arrow frees is what numpy takes next.
    assert counters["pool", "system"] == 2


@needs_peaks
def test_a_shuffle_of_more_than_ten_budgets_completes_near_one(tmp_path):
    of_maps, of_all, counters = growth(tmp_path, "Sort", 2, 22)
    assert counters["task", "reduce_input_records"] == counters["task", "map_input_records"]
    assert of_maps <= of_all <= 1.3 * 2 * MIB + HOLES_OF_LITTLE_BYTES
