"""Histories of a real store, checked: `python -m tests.cluster.histories --count 500`.

Some clients work on a few names at once while the NameNode is killed and started again, or
frozen for a while, or some of them are cut off from it. A client that waits too long gives up
and goes on as somebody else: what it had asked for may happen at any later time, or never.
"""

import argparse
import itertools
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLong
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blockstore import BlockStore, errors
from blockstore.client.settings import ClientSettings
from tests.cluster.cable import Cable
from tests.cluster.daemons import CLIENT_SETTINGS, StoreCluster
from tests.cluster.linearizability import Operation, check
from tests.cluster.namespacespec import START, simplified, step
from tests.cluster.proxy import free_port

CLIENTS = 4
OPERATIONS = 300
# Shorter than a restart takes, so that some operations have no known outcome; but then a client
# is patient, so that not all have none.
PATIENCE_S = 0.6
PATIENCE_AFTER_S = 60.0
FROZEN_S = 1.0
NAMES = ("a", "b")
PATHS = [f"/{x}" for x in NAMES] + [f"/{x}/{y}" for x in NAMES for y in NAMES]

_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (errors.AlreadyBeingCreatedException, "busy"),
    (errors.FileAlreadyExistsException, "exists"),
    (errors.ParentNotDirectoryException, "no-directory"),
    (errors.IsADirectoryException, "is-directory"),
    (errors.PathIsNotEmptyDirectoryException, "not-empty"),
    (errors.InvalidPathException, "below-itself"),
    (errors.FileNotFoundException, "missing"),
    (errors.LeaseExpiredException, "gone"),
)


class Unknown(Exception):
    """An error that says neither yes nor no."""


class Session:
    """One client's operations below `home`; a result is as namespacespec.py has it."""

    def __init__(self, address: str, home: str) -> None:
        self.store = BlockStore(address, settings=ClientSettings(**CLIENT_SETTINGS))
        self.files: dict[str, Any] = {}
        # One at a time; who has lost patience leaves one behind that still runs.
        self.caller = ThreadPoolExecutor(1)
        self._home = home

    def do(self, action: tuple[Any, ...]) -> Any:
        name, *arguments = action
        try:
            return getattr(self, "_" + name)(*arguments)
        except errors.StoreError as error:
            word = next((word for kind, word in _WORDS if isinstance(error, kind)), None)
            if word is None:
                raise Unknown from error
            return {("create", "busy"): "exists", ("finish", "missing"): "gone"}.get(
                (name, word), word
            )

    def _at(self, path: str) -> str:
        return self._home + path

    def _mkdir(self, path: str) -> str:
        self.store.mkdir(self._at(path), parents=False)
        return "ok"

    def _create(self, path: str, token: str) -> str:
        self.files[token] = self.store.open(self._at(path), "xb", replication=1)
        return "ok"

    def _append(self, path: str, token: str) -> str:
        self.files[token] = self.store.open(self._at(path), "ab")
        return "ok"

    def _finish(self, token: str, size: int) -> str:
        file = self.files[token]
        file.write(b"x" * size)
        file.close()
        return "ok"

    def _rename(self, old: str, new: str, replace: bool) -> str:
        self.store.rename(self._at(old), self._at(new), replace)
        return "ok"

    def _delete(self, path: str) -> bool:
        return self.store.delete(self._at(path), recursive=True, skip_trash=True)

    def _stat(self, path: str) -> Any:
        try:
            status = self.store.stat(self._at(path))
        except errors.FileNotFoundException:
            return None
        if status.is_directory:
            return "directory"
        return ("open",) if status.under_construction else ("file", status.length)

    def _list(self, path: str) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.store.list(self._at(path)))

    def close(self) -> None:
        # What still runs may open one more file.
        self.caller.shutdown()
        for file in self.files.values():
            file.discard()
        self.store.close()


class Way:
    """One client's cables: one to each of the NameNode's two ports, on a host of the client's own,
    because the second is dialled under the number that the NameNode tells."""

    def __init__(self, cluster: StoreCluster, call_port: int, number: int) -> None:
        host, server = f"127.0.3.{number + 1}", cluster.address.rpartition(":")[0]
        first = Cable(cluster.address, (host, 0))
        self.address = first.address
        self._cables = (first, Cable(f"{server}:{call_port}", (host, call_port)))

    def cut(self) -> None:
        for cable in self._cables:
            cable.cut()

    def mend(self) -> None:
        for cable in self._cables:
            cable.mend()

    def close(self) -> None:
        for cable in self._cables:
            cable.close()


class Recording:
    """The history of one run; its clients end when it has enough operations."""

    def __init__(self, cables: list[Way], home: str, rng: random.Random, operations: int) -> None:
        self.history: list[Operation] = []
        self.sessions: list[Session] = []
        self._home = home
        self._operations = operations
        self._order = itertools.count(1)
        self._tokens = itertools.count(1)
        self._begun = itertools.count()
        self._threads = [
            threading.Thread(
                target=self._client, args=(cable.address, random.Random(rng.random())), daemon=True
            )
            for cable in cables
        ]

    def run(self, disturb: Callable[[], None], when: list[int]) -> None:
        """Disturbs once when the history is as long as each number says."""
        for thread in self._threads:
            thread.start()
        for length in when:
            while len(self.history) < length:
                time.sleep(0.001)
            disturb()
        for thread in self._threads:
            thread.join(2 * PATIENCE_AFTER_S)
            assert not thread.is_alive(), "a client hangs"

    def close(self) -> None:
        for session in self.sessions:
            session.close()

    def _session(self, address: str) -> Session:
        session = Session(address, self._home)
        self.sessions.append(session)
        return session

    def _client(self, address: str, rng: random.Random) -> None:
        session = self._session(address)
        mine: list[str] = []
        patience_s = PATIENCE_S
        while next(self._begun) < self._operations:
            action = self._choose(rng, mine)
            call = next(self._order)
            future: Future[Any] = session.caller.submit(session.do, action)
            try:
                result = future.result(patience_s)
            except (TooLong, Unknown):
                self.history.append(Operation(call, None, action))
                session = self._session(address)
                mine, patience_s = [], PATIENCE_AFTER_S
                continue
            self.history.append(Operation(call, next(self._order), action, result))
            patience_s = PATIENCE_S
            if action[0] in ("create", "append") and result == "ok":
                mine.append(action[-1])

    def _choose(self, rng: random.Random, mine: list[str]) -> tuple[Any, ...]:
        if mine and rng.random() < 0.4:
            return ("finish", mine.pop(0), rng.randrange(1, 1000))
        name = rng.choice(["mkdir", "create", "append", "rename", "delete", *["stat"] * 4, "list"])
        path = rng.choice(PATHS)
        match name:
            case "create" | "append":
                return (name, path, f"t{next(self._tokens)}")
            case "rename":
                return (name, path, rng.choice(PATHS), rng.random() < 0.5)
            case "list":
                return (name, rng.choice(["", *PATHS]))
            case _:
                return (name, path)


@dataclass
class Disturbance:
    """What happens to the NameNode, or to the way there."""

    cluster: StoreCluster
    cables: list[Way]
    rng: random.Random

    def __call__(self) -> None:
        assert self.cluster.namenode is not None
        draw = self.rng.random()
        if draw < 0.6:
            self.cluster.namenode.kill()
            self.cluster.start_namenode()
        elif draw < 0.75:
            self.cluster.namenode.freeze()
            time.sleep(FROZEN_S)
            self.cluster.namenode.thaw()
        else:
            cut = self.rng.sample(self.cables, self.rng.randrange(1, CLIENTS))
            for cable in cut:
                cable.cut()
            time.sleep(FROZEN_S)
            for cable in cut:
                cable.mend()


def record(
    cluster: StoreCluster,
    number: int,
    seed: int,
    operations: int = OPERATIONS,
    *,
    call_port: int,
) -> list[Operation]:
    """One history, with one or two disturbances."""
    rng = random.Random(seed)
    home = f"/history-{number}"
    cluster.client().mkdir(home)
    cables = [Way(cluster, call_port, client) for client in range(CLIENTS)]
    recording = Recording(cables, home, rng, operations)
    when = sorted(rng.sample(range(operations // 10, operations * 9 // 10), rng.choice((1, 1, 2))))
    try:
        recording.run(Disturbance(cluster, cables, rng), when)
    finally:
        recording.close()
        for cable in cables:
            cable.close()
    return list(recording.history)


def campaign(root: Path, *, count: int, seed: int, operations: int = OPERATIONS) -> tuple[int, int]:
    """Records and checks; how many operations, and how many of them without a known outcome.

    Raises:
        NotLinearizable, BudgetExceeded: with the seed.
    """
    done = unknown = 0
    cluster = StoreCluster(root)
    try:
        call_port = free_port()
        cluster.start(1, call_port=call_port)
        for number in range(count):
            history = record(cluster, number, seed + number, operations, call_port=call_port)
            done += len(history)
            unknown += sum(not operation.is_known for operation in history)
            try:
                check(simplified(history), step, START)
            except AssertionError as error:
                told = "\n".join(map(str, sorted(history, key=lambda each: each.call)))
                raise type(error)(f"seed {seed + number}: {error}\nof\n{told}") from None
    finally:
        cluster.close()
    return done, unknown


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.histories", description=__doc__)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--operations", type=int, default=OPERATIONS)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="histories-") as root:
        done, unknown = campaign(
            Path(root), count=options.count, seed=options.seed, operations=options.operations
        )
    print(
        f"{options.count} histories, {done} operations, {unknown} of unknown outcome: "
        "all linearizable"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
