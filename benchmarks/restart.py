"""A NameNode with many files: seconds from its start to the first read served, and its memory.

Directories of 1,000 files of one block with three replicas. The image is written by the
NameNode's own writer, without a server. No DataNode has the blocks, so the server stays
in safe mode; reads of names are served in it. The first read is a `stat`.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from benchmarks.cluster import cluster
from benchmarks.table import Row
from blockstore import BlockStore

if TYPE_CHECKING:
    from blockstore.namenode.state import State

FILES_PER_DIRECTORY: Final = 1000
LIMIT_S: Final = 15.0
WANTED_S: Final = 5.0

# In a process of its own: what it takes doesn't stay in the one that measures.
MAKE: Final = """
import sys
from benchmarks.restart import make
make(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
"""
WEIGH: Final = """
import sys
from benchmarks.restart import weigh
print(weigh(int(sys.argv[1]), blocks=sys.argv[2] == "blocks"))
"""


def run(*, runs: int, files: int = 1_000_000) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "name").mkdir()
        make_in_process(folder / "name", files)
        taken, resident = [], []
        for _ in range(runs):
            seconds, size = _restart(folder, files)
            taken.append(seconds)
            resident.append(size)
        ours = statistics.median(taken)
        image = sum(path.stat().st_size for path in (folder / "name").glob("image-*"))
    per_file = float(_python(WEIGH, str(files), "empty"))
    per_block = float(_python(WEIGH, str(files), "blocks")) - per_file
    note = f"image {image / files:.0f} B a file, resident {statistics.median(resident):.0f} MB"
    what = f"restart with {files:,} files of one block, until the first read"
    return [
        Row(
            what, "the limit", ours, LIMIT_S, LIMIT_S / ours, runs, note, "s", 1, LIMIT_S / WANTED_S
        ),
        Row("memory of an empty file", "–", per_file, runs=1, unit="B"),
        Row("memory of a block with three replicas", "–", per_block, runs=1, unit="B"),
    ]


def make_in_process(
    directory: Path, files: int, *, per_directory: int = FILES_PER_DIRECTORY
) -> None:
    _python(MAKE, str(directory), str(files), str(per_directory))


def _python(program: str, *words: str) -> str:
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _restart(folder: Path, files: int) -> tuple[float, float]:
    """Seconds until a stat is answered, and the server's resident megabytes."""
    started = time.perf_counter()
    with cluster(folder, datanodes=0) as store, BlockStore(store.address) as client:
        client.stat(f"/d{files // 2 // FILES_PER_DIRECTORY}/file-{files // 2}")
        return time.perf_counter() - started, store.namenode.memory_info().rss / 2**20


# --- inside the processes of their own -----------------------------------------------------


def make(directory: str, files: int, per_directory: int) -> None:
    """An image of a namespace with so many files of one block."""
    from blockstore.namenode import image
    from blockstore.namenode.disk import RealDisk

    image.write(RealDisk(directory), namespace(files, per_directory, blocks=True), os.getpid())


def namespace(files: int, per_directory: int = FILES_PER_DIRECTORY, *, blocks: bool) -> "State":
    from blockstore.model import Block, Permission
    from blockstore.namenode.entries import (
        BlockAdded,
        BlockCommitted,
        DirectoryMade,
        FileClosed,
        FileCreated,
        Formatted,
    )
    from blockstore.namenode.state import State

    owned = Permission("benchmark", "benchmark", 0o644)
    state = State()
    state.apply(Formatted("cluster-benchmark", 0.0))
    directory = 0
    for number in range(files):
        if number % per_directory == 0:
            directory = state.next_inode_id
            name = f"d{number // per_directory}"
            state.apply(DirectoryMade(directory, 1, name, 1.0, owned))
        inode = state.next_inode_id
        name, at_s = f"file-{number}", 1.0 + number
        state.apply(FileCreated(inode, directory, name, 3, 2**27, "client", at_s, owned))
        if blocks:
            block = Block(state.next_block_id, state.next_generation)
            state.apply(BlockAdded(inode, None, block, 0, ()))
            state.apply(BlockCommitted(inode, Block(block.id, block.generation, 1000 + number)))
        state.apply(FileClosed(inode, at_s))
    return state


def weigh(files: int, *, blocks: bool) -> float:
    """Bytes of a file; with a block whose three replicas were reported, or empty."""
    from blockstore.model import Block, Replica, ReplicaState
    from blockstore.namenode.blockmap import BlockMap

    process = psutil.Process()
    before = process.memory_info().rss
    state = namespace(files, blocks=blocks)
    replicas = BlockMap(state.blocks)
    for node in ("dn-1", "dn-2", "dn-3"):
        for block in state.blocks.values():
            value = Block(block.id, block.generation, block.length)
            reported = Replica(value, ReplicaState.FINALIZED)
            replicas.report(node, reported, allocated_below=state.next_block_id)
    return (process.memory_info().rss - before) / files
