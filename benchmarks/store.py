"""Block store put, get and pread of one file against what the machine does by itself.

    put                   `cp` and fsync of the same file, as many at once as there are replicas
    get, co-located       `cat` of the same file
    get, through the wire a plain gRPC stream of raw bytes from another process
    pread                 HDFS 2.7.3's 0.3 ms

A NameNode and DataNodes run as processes on loopback; the client is timed inside
its process, so that Python's start isn't. Put is durable: the clock stops when
close has been acknowledged. Inputs are warmed before each run.
"""

import hashlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.cluster import Cluster, cluster, cpu_s
from benchmarks.echo import STREAM
from benchmarks.table import Row
from blockstore import BlockStore
from blockstore.client.settings import ClientSettings
from blockstore.runtime import rpc

READ_BYTES: Final = 1024 * 1024
PREADS: Final = 300
HDFS_PREAD_S: Final = 0.0003
# MiB/s of real HDFS 2.7.3 with sync on close, on a machine of our kind; floor and aim.
HDFS_PUT: Final = {1: (285, 1.2, 2.0), 3: (138, 1.0, 1.4)}
PUT_GOALS: Final = {1: (0.5, 0.8), 3: (0.7, 0.95)}


def run(*, megabytes: int, runs: int) -> list[Row]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = _source(folder / "source.bin", megabytes)
        for replication in (1, 3):
            with cluster(folder / f"store-{replication}", datanodes=replication) as servers:
                rows += _puts(servers, source, folder, replication, runs)
                if replication == 1:
                    rows += _gets(servers, source, runs)
    return rows


# --- put -----------------------------------------------------------------------------------


def _puts(
    servers: Cluster, source: Path, folder: Path, replication: int, runs: int
) -> Iterator[Row]:
    megabytes = source.stat().st_size / 2**20
    what = f"put {megabytes:.0f} MiB, replication {replication}, durable close"
    with BlockStore(servers.address) as store:
        before = _cpu_s(servers)
        pairs = _pairs(
            lambda: _put(store, source, replication),
            lambda: _copies(source, folder, replication),
            runs,
        )
        used = [
            (now - then) / (runs + 1) for now, then in zip(_cpu_s(servers), before, strict=True)
        ]
    note = f"CPU s: client {used[0]:.2f}, DataNodes {used[1]:.2f}"
    yield _row(what, f"{replication} x cp + fsync, at once", pairs, PUT_GOALS[replication], note)
    rate = megabytes / statistics.median(ours for ours, _ in pairs)
    hdfs, floor, aim = HDFS_PUT[replication]
    peer = "HDFS 2.7.3, measured before"
    yield Row(what, peer, rate, hdfs, rate / hdfs, runs, "", "MiB/s", floor, aim)


def _cpu_s(servers: Cluster) -> tuple[float, float]:
    """Processor seconds so far: ours, and the DataNodes'."""
    return time.process_time(), sum(map(cpu_s, servers.datanodes))


def _put(store: BlockStore, source: Path, replication: int) -> None:
    with (
        source.open("rb", buffering=0) as file,
        store.open("/bench", "wb", replication=replication) as target,
    ):
        while piece := file.read(READ_BYTES):
            target.write(piece)


def _copies(source: Path, folder: Path, count: int) -> None:
    command = 'cp "$1" "$2" && sync "$2"'
    targets = [folder / f"copy-{number}" for number in range(count)]
    copies = [subprocess.Popen(["sh", "-c", command, "sh", source, target]) for target in targets]
    if any(copy.wait() for copy in copies):
        raise AssertionError("cp failed")
    for target in targets:
        target.unlink()


# --- get -----------------------------------------------------------------------------------


def _gets(servers: Cluster, source: Path, runs: int) -> Iterator[Row]:
    size = f"{source.stat().st_size / 2**20:.0f} MiB"
    wired = ClientSettings(short_circuit=False)
    with BlockStore(servers.address) as near, BlockStore(servers.address, settings=wired) as far:
        with _echo() as echo:
            pairs = _pairs(lambda: _get(far, source), lambda: _raw(echo, source), runs)
        what = f"get {size} through the wire, checksums verified"
        yield _row(what, "plain gRPC stream of raw bytes", pairs, (0.8, 1.0))
        pairs = _pairs(lambda: _get(near, source), lambda: _cat(source), runs)
        what = f"get {size}, co-located, checksums verified"
        yield _row(what, "cat > /dev/null", pairs, (0.5, 0.9))
        for kib in (4, 64):
            for store, place in ((near, "co-located"), (far, "through the wire")):
                median, p99 = _pread(store, kib * 1024, source.stat().st_size)
                yield Row(
                    f"pread {kib} KiB, {place}",
                    "HDFS 2.7.3, measured before",
                    1000 * median,
                    1000 * HDFS_PREAD_S,
                    HDFS_PREAD_S / median,
                    PREADS,
                    f"p99 {1000 * p99:.2f} ms",
                    "ms",
                    0.5,
                    1.0,
                )


def _get(store: BlockStore, source: Path) -> None:
    read = 0
    buffer = memoryview(bytearray(READ_BYTES))
    with store.open("/bench", "rb") as file:
        while count := file.readinto(buffer):
            read += count
    if read != source.stat().st_size:
        raise AssertionError(f"read {read} bytes of {source.stat().st_size}")


def _raw(echo: str, source: Path) -> None:
    with rpc.channel(echo) as channel:
        method: Any = channel.unary_stream(STREAM)
        read = sum(len(frame) for frame in method(str(source.stat().st_size).encode(), timeout=600))
    if read != source.stat().st_size:
        raise AssertionError(f"the echo server sent {read} bytes")


def _cat(source: Path) -> None:
    with open(os.devnull, "wb") as nowhere:
        subprocess.run(["cat", source], stdout=nowhere, check=True)


def _pread(store: BlockStore, size: int, length: int) -> tuple[float, float]:
    """Median and 99th percentile, seconds, at random places of one open file."""
    rng = random.Random(7)
    taken = []
    with store.open("/bench", "rb") as file:
        for _ in range(PREADS):
            offset = rng.randrange(max(1, length - size))
            taken.append(_timed(lambda: file.pread(offset, size)))  # noqa: B023
    taken.sort()
    return taken[len(taken) // 2], taken[int(0.99 * len(taken))]


# --- taking turns --------------------------------------------------------------------------


def _pairs(
    ours: Callable[[], None], peer: Callable[[], None], runs: int
) -> list[tuple[float, float]]:
    taken = [(_timed(ours), _timed(peer)) for _ in range(runs + 1)]
    return taken[1:]


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _row(
    what: str,
    peer: str,
    pairs: Sequence[tuple[float, float]],
    goals: tuple[float, float],
    note: str = "",
) -> Row:
    return Row(
        what,
        peer,
        statistics.median(ours for ours, _ in pairs),
        statistics.median(peer_s for _, peer_s in pairs),
        statistics.median(peer_s / ours for ours, peer_s in pairs),
        len(pairs),
        note,
        "s",
        *goals,
    )


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
def _echo() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.echo"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().rpartition(" ")[2].strip()
    finally:
        server.terminate()
        server.wait(30)
