"""What a reduce's process takes up that has its map outputs over gRPC, as the kernel counts it.

The process first fetches and merges a few outputs with hardly any budget: libraries, and what is on
its way of five fetches at once. Beyond that peak it takes up its budget at most, however
much it fetches.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blockstore.runtime import rpc
from mapred.model import TaskId
from mapred.shuffle.columns import rows_of
from mapred.shuffle.frames import FrameWriter
from mapred.shuffle.segments import DATA_NAME, SegmentRange, write_index
from mapred.tasktracker.servicer import serve
from mapred.tasktracker.workdirs import WorkDirs, work_dir

MIB = 1 << 20
JOB = "job_20260101000000_0001"
BUDGET = 16 * MIB
# All in all. Measured: 8 to 13 MB; 20 to 24 where each thread that fetched left a heap of its own,
# and half of the budget was for what is fetched.
GROWTH_BYTES_MAX = BUDGET
MAPS = 128
# An output is half of what may stay in memory: some do.
ROWS = 8_000
VALUE_BYTES = 120

CHILD = """
import json, random, sys
from pathlib import Path
from mapred.task.libraries import one_heap
from mapred.model import MapOutput
from mapred.shuffle.budget import Budget
from mapred.shuffle.fetch import Shuffle
from mapred.shuffle.frames import FileSegment
from mapred.shuffle.groups import Groups
from mapred.shuffle.merge import merged
from mapred.task.remote import RemoteTrackers

port, job, maps, budget_bytes, folder = sys.argv[1:]
one_heap(Budget.of(int(budget_bytes)))

def peak():
    with open("/proc/self/status") as status:
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

def reduced(maps, budget, folder):
    folder.mkdir()
    shuffle = Shuffle(
        maps=maps,
        partition=0,
        tracker_id="here",
        folder=folder,
        budget_bytes=budget.fetch_bytes,
        remote=lambda: RemoteTrackers(job, 0),
        short_circuit=True,
        on_lost=lambda output, reason: sys.exit(reason),
        on_progress=lambda here, maps: None,
        rng=random.Random(1),
    )
    # Their disks aren't here.
    shuffle.announce(
        tuple(
            MapOutput(n, 0, "there", "127.0.0.1", int(port), "/nowhere", 0) for n in range(maps)
        )
    )
    segments = shuffle.fetched()
    on_disk = sum(segment.length for segment in segments if isinstance(segment, FileSegment))
    held = sum(segment.length for segment in segments) - on_disk
    last, records = "", 0
    for key, values in Groups(merged(segments, budget, folder)):
        assert last < key
        last, records = key, records + sum(1 for _ in values)
    return {"records": records, "held": held, "on_disk": on_disk}

folder = Path(folder)
reduced(8, Budget.of(1), folder / "few")
base = peak()
found = reduced(int(maps), Budget.of(int(budget_bytes)), folder / "all")
print(json.dumps({**found, "growth": peak() - base}))
"""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Of a tracker with outputs that no codec makes smaller, all of them alike."""
    rng = random.Random(4)
    keys = sorted(f"{rng.getrandbits(40):010x}" for _ in range(ROWS))
    with open(tmp_path / "output", "wb") as file:
        writer = FrameWriter(file, 256 * 1024)
        writer.write(rows_of(keys, [rng.randbytes(VALUE_BYTES) for _ in keys]))
        writer.end_segment()
    for at in range(MAPS):
        folder = Path(work_dir(str(tmp_path), TaskId(JOB, "m", at).attempt(0)))
        folder.mkdir(parents=True)
        os.link(tmp_path / "output", folder / DATA_NAME)
        write_index(folder / DATA_NAME, [SegmentRange(0, writer.position, ROWS)])
    server = rpc.threaded_server(threads=8)
    serve(server, WorkDirs(str(tmp_path)))
    port = rpc.bind(server, "127.0.0.1", 0)
    server.start()
    yield port
    server.stop(0).wait()


@pytest.mark.skipif(
    "VmHWM" not in Path("/proc/self/status").read_text(), reason="the kernel tells no peak"
)
def test_what_comes_over_the_wire_stays_within_the_budget(port: int, tmp_path: Path) -> None:
    arguments = map(str, (port, JOB, MAPS, BUDGET, tmp_path / "reduce"))
    (tmp_path / "reduce").mkdir()
    child = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments], capture_output=True, text=True, timeout=120
    )
    assert child.returncode == 0, child.stderr
    found = json.loads(child.stdout)
    assert found["records"] == MAPS * ROWS
    assert found["held"] + found["on_disk"] > 7 * BUDGET
    assert 0 < found["held"] <= BUDGET // 8
    assert found["growth"] <= GROWTH_BYTES_MAX
