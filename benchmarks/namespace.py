"""Operations on names per second, durable, against an empty gRPC echo; small files, too.

Clients are processes; echo and operation take turns, so that the machine's noise hits both.
The processor times in the notes are per operation: of all clients, and of the server.
"""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from benchmarks.clients import BATCH, Clients, Load, clients
from benchmarks.cluster import Cluster, cluster, cpu_s
from benchmarks.table import Row

NAMES: Final = ("mkdir", "create", "stat", "rename", "delete")
CLIENTS: Final = 8
# Real HDFS 2.7.3 on a machine of our kind, over RPC with 8 Java clients, per second.
HDFS: Final = {"mkdir": 4300, "create": 2250, "stat": 9700, "rename": 4200, "delete": 5100}
HDFS_SMALL_FILES: Final = 70
PARTS: Final = ("names", "small")
WHAT: Final = {"create": "create + close empty", "small": "1 KB file"}


@dataclass(frozen=True)
class _Goal:
    floor: float
    aim: float


OF_ECHO: Final = _Goal(0.5, 0.9)
OF_HDFS: Final = _Goal(0.3, 0.6)
SMALL: Final = _Goal(5, 20)


@dataclass(frozen=True)
class _Stage:
    """Where operations are measured."""

    store: Cluster
    echo: psutil.Process
    runs: int
    count: int


def run(*, runs: int, count: int = 800, parts: str = "") -> list[Row]:
    """`count` operations a turn, shared by the clients. `parts`: some of PARTS, by commas; all."""
    chosen = parts.split(",") if parts else PARTS
    if unknown := set(chosen) - set(PARTS):
        raise SystemExit(
            f"no part of namespace: {', '.join(unknown)}; there are {', '.join(PARTS)}"
        )
    with (
        tempfile.TemporaryDirectory() as folder,
        cluster(Path(folder), datanodes=3) as store,
        _echo() as (echo, address),
    ):
        stage = _Stage(store, echo, runs, count)
        rows: list[Row] = []
        if "names" in chosen:
            with clients(1, store.address, address) as alone:
                rows += _rows(stage, alone, 1)
        with clients(CLIENTS, store.address, address) as team:
            if "names" in chosen:
                rows += _rows(stage, team, CLIENTS)
            if "small" in chosen:
                rows += _small_files(stage, team)
        return rows


def _rows(stage: _Stage, team: Clients, number: int) -> Iterator[Row]:
    each = max(1, stage.count // 4 if number == 1 else stage.count // number)
    counts = dict.fromkeys(NAMES, each) | {f"{name} batched": 10 * each for name in NAMES}
    taken: dict[str, list[tuple[Load, Load]]] = {name: [] for name in counts}
    team.turn("echo", each, 0, stage.echo)
    for turn in range(stage.runs + 1):
        for name, count in counts.items():
            echo = team.turn("echo", each, turn, stage.echo)
            ours = team.turn(name, count, turn, stage.store.namenode)
            if turn:
                taken[name].append((ours, echo))
    who = "1 client" if number == 1 else f"{number} clients"
    for name, pairs in taken.items():
        yield _against_echo(f"{_what(name)}, {who}", pairs, _goals(name)[0])
    if number > 1:
        for name, pairs in taken.items():
            rates = [ours.per_s for ours, _ in pairs]
            hdfs = HDFS[name.removesuffix(" batched")]
            yield _against_hdfs(f"{_what(name)}, {who}", rates, hdfs, _goals(name)[1])


def _small_files(stage: _Stage, team: Clients) -> Iterator[Row]:
    each = max(1, stage.count // CLIENTS)
    for name, count in {"small": max(1, each // 4), "small batched": 2 * each}.items():
        # The first turn is for the caches.
        team.turn(name, count, 0, stage.store.namenode)
        before_s = sum(map(cpu_s, stage.store.datanodes))
        turns = range(1, stage.runs + 1)
        loads = [team.turn(name, count, turn, stage.store.namenode) for turn in turns]
        nodes_s = sum(map(cpu_s, stage.store.datanodes)) - before_s
        note = (
            f"CPU ms: client {_cpu_ms(loads, 'client')}, NameNode {_cpu_ms(loads, 'server')}, "
            f"DataNodes {1000 * nodes_s / (stage.runs * count * CLIENTS):.2f}"
        )
        what = f"{_what(name)}, {CLIENTS} clients, replication 3, durable"
        yield _against_hdfs(what, [load.per_s for load in loads], HDFS_SMALL_FILES, SMALL, note)


def _what(name: str) -> str:
    plain = name.removesuffix(" batched")
    how = f", {BATCH} at once" if name != plain else ""
    return WHAT.get(plain, plain) + how


def _goals(name: str) -> tuple[_Goal, _Goal]:
    """Against the echo, and against HDFS."""
    if name.endswith(" batched"):
        return _Goal(10, 10), _Goal(1, 3)
    return OF_ECHO, OF_HDFS


def _against_echo(what: str, pairs: Sequence[tuple[Load, Load]], goal: _Goal) -> Row:
    ours, echo = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return Row(
        what,
        "empty gRPC echo",
        statistics.median(load.per_s for load in ours),
        statistics.median(load.per_s for load in echo),
        statistics.median(mine.per_s / its.per_s for mine, its in pairs),
        len(pairs),
        f"CPU ms: client {_cpu_ms(ours, 'client')}, server {_cpu_ms(ours, 'server')}; "
        f"echo {_cpu_ms(echo, 'client')}, {_cpu_ms(echo, 'server')}",
        "/s",
        goal.floor,
        goal.aim,
    )


def _cpu_ms(loads: Sequence[Load], side: str) -> str:
    return f"{1000 * statistics.median(getattr(load, f'{side}_cpu_s') for load in loads):.2f}"


def _against_hdfs(what: str, rates: Sequence[float], hdfs: int, goal: _Goal, note: str = "") -> Row:
    rate = statistics.median(rates)
    peer = "HDFS 2.7.3, measured before"
    return Row(what, peer, rate, hdfs, rate / hdfs, len(rates), note, "/s", goal.floor, goal.aim)


@contextmanager
def _echo() -> Iterator[tuple[psutil.Process, str]]:
    command = [sys.executable, "-m", "benchmarks.echo"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield psutil.Process(server.pid), server.stdout.readline().rpartition(" ")[2].strip()
    finally:
        server.terminate()
        server.wait(30)
