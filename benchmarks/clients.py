"""python -m benchmarks.clients STORE ECHO NUMBER: one client process, driven over a pipe.

A line `OPERATION,COUNT,ROUND` on stdin does that operation COUNT times on names of its own;
the answer is the seconds it took. Operations are the functions of `OPERATIONS`; those of one
round build on each other in the order in which they stand there.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import psutil

from benchmarks.cluster import cpu_s
from benchmarks.echo import UNARY
from blockstore import BlockStore
from blockstore.client.batch import Batch
from blockstore.runtime import rpc

KILOBYTE: Final = bytes(range(256)) * 4


class _Client:
    def __init__(self, store: BlockStore, echo: str, number: str) -> None:
        self.store = store
        self.home = f"/bench/{number}"
        channel: Any = rpc.channel(echo)
        self.unary: Any = channel.unary_unary(UNARY)

    def path(self, turn: str, kind: str, number: int) -> str:
        return f"{self.home}/{turn}-{kind}-{number}"


# Does an operation so many times.
_Turn: TypeAlias = Callable[[_Client, str, int], None]


def _each(operation: Callable[[_Client, str, int], None]) -> _Turn:
    def turn(client: _Client, name: str, count: int) -> None:
        for number in range(count):
            operation(client, name, number)

    return turn


def _echo(client: _Client, turn: str, number: int) -> None:
    client.unary(client.path(turn, "echo", number).encode(), timeout=10)


def _mkdir(client: _Client, turn: str, number: int) -> None:
    client.store.mkdir(client.path(turn, "directory", number))


def _create(client: _Client, turn: str, number: int) -> None:
    client.store.open(client.path(turn, "file", number), "wb").close()


def _stat(client: _Client, turn: str, number: int) -> None:
    client.store.stat(client.path(turn, "file", number))


def _rename(client: _Client, turn: str, number: int) -> None:
    client.store.rename(client.path(turn, "file", number), client.path(turn, "moved", number))


def _delete(client: _Client, turn: str, number: int) -> None:
    client.store.delete(client.path(turn, "moved", number), skip_trash=True)


def _small(client: _Client, turn: str, number: int) -> None:
    with client.store.open(client.path(turn, "small", number), "wb", replication=3) as file:
        file.write(KILOBYTE)


# Requests of one batch, and files of one put_many.
BATCH: Final = 200


def _batched(operation: Callable[[_Client, str, Batch, int], object]) -> _Turn:
    def turn(client: _Client, name: str, count: int) -> None:
        for start in range(0, count, BATCH):
            with client.store.batch() as batch:
                for number in range(start, min(count, start + BATCH)):
                    operation(client, name, batch, number)

    return turn


def _mkdirs(client: _Client, turn: str, batch: Batch, number: int) -> None:
    batch.mkdir(client.path(turn, "one", number))


def _stats(client: _Client, turn: str, batch: Batch, number: int) -> None:
    batch.stat(client.path(turn, "one", number))


def _renames(client: _Client, turn: str, batch: Batch, number: int) -> None:
    batch.rename(client.path(turn, "one", number), client.path(turn, "other", number))


def _deletes(client: _Client, turn: str, batch: Batch, number: int) -> None:
    batch.delete(client.path(turn, "other", number), skip_trash=True)


def _put_many(kind: str, data: bytes, replication: int | None = None) -> _Turn:
    def turn(client: _Client, name: str, count: int) -> None:
        for start in range(0, count, BATCH):
            numbers = range(start, min(count, start + BATCH))
            files = ((client.path(name, kind, number), data) for number in numbers)
            client.store.put_many(files, replication=replication)

    return turn


OPERATIONS: Final[dict[str, _Turn]] = {
    "echo": _each(_echo),
    "mkdir": _each(_mkdir),
    "create": _each(_create),
    "stat": _each(_stat),
    "rename": _each(_rename),
    "delete": _each(_delete),
    "small": _each(_small),
    "mkdir batched": _batched(_mkdirs),
    "create batched": _put_many("empties", b""),
    "stat batched": _batched(_stats),
    "rename batched": _batched(_renames),
    "delete batched": _batched(_deletes),
    "small batched": _put_many("smalls", KILOBYTE, 3),
}


def _serve(address: str, echo: str, number: str) -> None:
    with BlockStore(address) as store:
        client = _Client(store, echo, number)
        store.mkdir(client.home)
        print("ready", flush=True)
        for line in sys.stdin:
            name, count, turn = line.rstrip("\n").split(",")
            operation = OPERATIONS[name]
            started = time.perf_counter()
            operation(client, turn, int(count))
            print(time.perf_counter() - started, flush=True)


# --- the side that drives them -------------------------------------------------------------


@dataclass(frozen=True)
class Load:
    """What a turn of all clients did."""

    per_s: float
    # Processor time an operation, of all clients and of the server.
    client_cpu_s: float
    server_cpu_s: float


class Clients:
    """Client processes that start together on a word."""

    def __init__(self, processes: Sequence["subprocess.Popen[str]"]) -> None:
        self._processes = processes
        self._watched = [psutil.Process(process.pid) for process in processes]

    def turn(self, operation: str, count: int, number: int, server: psutil.Process) -> Load:
        """Each client does the operation `count` times."""
        before = sum(map(cpu_s, self._watched)), cpu_s(server)
        started = time.perf_counter()
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{operation},{count},{number}\n")
            process.stdin.flush()
        for process in self._processes:
            _answer(process)
        wall_s = time.perf_counter() - started
        total = count * len(self._processes)
        client_s = sum(map(cpu_s, self._watched)) - before[0]
        return Load(total / wall_s, client_s / total, (cpu_s(server) - before[1]) / total)


def _answer(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    answer = process.stdout.readline()
    if not answer:
        raise AssertionError(f"client process {process.pid} has ended")
    return answer


@contextmanager
def clients(count: int, address: str, echo: str) -> Iterator[Clients]:
    command = [sys.executable, "-m", "benchmarks.clients", address, echo]
    processes = [
        subprocess.Popen(
            [*command, f"{count}-{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]
    try:
        for process in processes:
            _answer(process)
        yield Clients(processes)
    finally:
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
        for process in processes:
            process.wait(30)


if __name__ == "__main__":
    _serve(*sys.argv[1:])
