"""How long a client waits for a `stat` while another lists a directory of a million entries.

The image is written by the NameNode's own writer, without a server. The one who lists is a
process of its own that goes through all pages over the wire. The one who waits asks for one
other name again and again: as long as the list takes, and before it begins, for comparison.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.cluster import cluster
from benchmarks.restart import make_in_process
from benchmarks.table import Row
from blockstore import BlockStore

DIRECTORY: Final = "/d0"
LIST: Final = """
import sys
from blockstore import BlockStore
with BlockStore(sys.argv[1]) as store:
    store.stat("/")
    print("listing", flush=True)
    print(sum(1 for _ in store.list(sys.argv[2])))
"""
ALONE_S: Final = 2.0


def run(*, entries: int = 1_000_000) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "name").mkdir()
        make_in_process(folder / "name", entries, per_directory=entries)
        with cluster(folder, datanodes=0) as servers, BlockStore(servers.address) as store:
            store.stat(DIRECTORY)
            until = time.perf_counter() + ALONE_S
            alone = waits(store, lambda: time.perf_counter() < until)
            command = [sys.executable, "-c", LIST, servers.address, DIRECTORY]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as lister:
                assert lister.stdout is not None
                lister.stdout.readline()
                started = time.perf_counter()
                beside = waits(store, lambda: lister.poll() is None)
                taken = time.perf_counter() - started
                found, _ = lister.communicate()
    if int(found or 0) != entries:
        raise RuntimeError(f"the list had {found!r} entries, not {entries}")
    what = f"a stat beside a list of {entries:,} entries"
    note = f"{len(beside)} stats in the {taken:.1f} s of the list"
    return [
        _row(f"{what}, median", statistics.median(beside), statistics.median(alone), note),
        _row(f"{what}, longest", max(beside), max(alone), note),
    ]


def _row(what: str, beside_s: float, alone_s: float, note: str) -> Row:
    ratio = alone_s / beside_s
    return Row(what, "without the list", 1000 * beside_s, 1000 * alone_s, ratio, 1, note, "ms")


def waits(store: BlockStore, go_on: Callable[[], bool]) -> list[float]:
    """Seconds of each `stat`, one after the other; of one at least."""
    found: list[float] = []
    while go_on() or not found:
        asked = time.perf_counter()
        store.stat("/")
        found.append(time.perf_counter() - asked)
    return found
