"""Block store put and get of one file against `cp` and fsync of the same file.

A NameNode and DataNodes run as processes on loopback; the client is timed inside
its process, so that Python's start isn't. Put is durable: the clock stops when
close has been acknowledged. Inputs are warmed before each run.
"""

import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.table import Row
from blockstore import BlockStore

READ_BYTES = 1024 * 1024
READY_S = 30


def run(*, megabytes: int, runs: int) -> list[Row]:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = _source(folder / "source.bin", megabytes)
        for replication in (1, 3):
            with _store(folder / f"store-{replication}", datanodes=replication) as address:
                rows += _rows(address, source, folder, replication, runs)
    return rows


def _rows(address: str, source: Path, folder: Path, replication: int, runs: int) -> list[Row]:
    with BlockStore(address) as store:
        size = f"{source.stat().st_size / 2**20:.0f} MiB, replication {replication}"
        put = _pairs(
            lambda: _put(store, source, replication),
            lambda: _copies(source, folder, replication),
            runs,
        )
        rows = [_row(f"put {size}, durable close", f"{replication} × cp + fsync, at once", put)]
        if replication == 1:
            get = _pairs(lambda: _get(store, source), lambda: _cat(source), runs)
            rows.append(_row(f"get {size}, co-located, checksums verified", "cat > /dev/null", get))
    return rows


def _pairs(
    ours: Callable[[], None], peer: Callable[[], None], runs: int
) -> list[tuple[float, float]]:
    taken = [(_timed(ours), _timed(peer)) for _ in range(runs + 1)]
    return taken[1:]


def _timed(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _row(what: str, peer: str, pairs: list[tuple[float, float]]) -> Row:
    return Row(
        what,
        peer,
        statistics.median(ours for ours, _ in pairs),
        statistics.median(peer_s for _, peer_s in pairs),
        statistics.median(peer_s / ours for ours, peer_s in pairs),
        len(pairs),
    )


def _put(store: BlockStore, source: Path, replication: int) -> None:
    with (
        source.open("rb", buffering=0) as file,
        store.open("/bench", "wb", replication=replication) as target,
    ):
        while piece := file.read(READ_BYTES):
            target.write(piece)


def _get(store: BlockStore, source: Path) -> None:
    read = 0
    with store.open("/bench", "rb") as file:
        while piece := file.read(READ_BYTES):
            read += len(piece)
    if read != source.stat().st_size:
        raise AssertionError(f"read {read} bytes of {source.stat().st_size}")


def _copies(source: Path, folder: Path, count: int) -> None:
    command = 'cp "$1" "$2" && sync "$2"'
    targets = [folder / f"copy-{number}" for number in range(count)]
    copies = [subprocess.Popen(["sh", "-c", command, "sh", source, target]) for target in targets]
    if any(copy.wait() for copy in copies):
        raise AssertionError("cp failed")
    for target in targets:
        target.unlink()


def _cat(source: Path) -> None:
    with open(os.devnull, "wb") as nowhere:
        subprocess.run(["cat", source], stdout=nowhere, check=True)


def _source(path: Path, megabytes: int) -> Path:
    seed = hashlib.sha256(b"benchmark").digest()
    block = b"".join(
        hashlib.sha256(seed + bytes([n % 256, n // 256])).digest() for n in range(32768)
    )
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(block)
    return path


@contextmanager
def _store(folder: Path, *, datanodes: int) -> Iterator[str]:
    mapred = str(Path(sys.executable).with_name("mapred"))
    daemons: list[subprocess.Popen[str]] = []

    def start(*words: str) -> str:
        log = (folder / f"{len(daemons)}.log").open("w")
        daemon = subprocess.Popen([mapred, *words], stdout=subprocess.PIPE, stderr=log, text=True)
        daemons.append(daemon)
        assert daemon.stdout is not None
        return daemon.stdout.readline().rpartition(" ")[2].strip()

    folder.mkdir()
    try:
        namenode = start("namenode", "--dir", str(folder / "name"), "--port", "0")
        for number in range(datanodes):
            where = ["--dir", str(folder / f"data-{number}"), "--namenode", namenode]
            start("datanode", *where, "--port", "0")
        yield namenode
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            daemon.wait(READY_S)
