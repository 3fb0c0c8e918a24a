"""The store's kill loop: `python -m tests.cluster.killstore --cycles 30`.

Writers write, sync, append, truncate, rename, delete and read without a pause while NameNode and
DataNodes are killed with SIGKILL and started again, the NameNode also while it makes a checkpoint.
What was acknowledged is kept in a manifest outside the
store: path, length and SHA-256 of closed files. After every cycle some of it is read back, at
the end all of it, once through the wire and once short-circuit. Zero bytes may be lost or wrong.
"""

import argparse
import hashlib
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from blockstore import BlockStore
from blockstore.client.settings import ClientSettings
from blockstore.client.wholeblocks import SMALL_BYTES
from blockstore.errors import StoreError
from tests.cluster import killchanges
from tests.cluster.daemons import StoreCluster
from tests.cluster.killchanges import ChangeError, Content

WRITERS: Final = 4
# A checkpoint every second or so.
CHECKPOINT_TRANSACTIONS: Final = 100
CHECKPOINT_WAIT_S: Final = 1.0
FILE_BYTES_MAX: Final = 5 * 1024 * 1024
CYCLE_S: Final = (0.5, 4.0)
READ_BACK: Final = 10
# How long a writer may be without one success while somebody is always being killed.
PATIENCE_S: Final = 240.0
# Bytes are lost when nobody has had them for so long: on a busy machine a server starts slowly.
LOST_S: Final = 60.0

Change: TypeAlias = Callable[[BlockStore, str, Content, random.Random], Content]


@dataclass
class Manifest:
    """What the store has acknowledged; guarded by `lock`."""

    digests: dict[str, str] = field(default_factory=dict)
    bytes: int = 0
    # Operations that ended in an error the writer was told of.
    refused: int = 0
    # What was found wrong by a writer.
    wrong: list[str] = field(default_factory=list)
    # Files that were written further or cut.
    changes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def sample(self, rng: random.Random, count: int) -> list[tuple[str, str]]:
        with self.lock:
            items = sorted(self.digests.items())
        return rng.sample(items, min(count, len(items)))


class Writer:
    """One client and its own directory: only it changes what is there."""

    def __init__(self, number: int, address: str, manifest: Manifest, seed: int) -> None:
        self.name = f"writer-{number}"
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._home = f"/writer-{number}"
        self._address = address
        self._manifest = manifest
        self._rng = random.Random(seed)
        self._mine: list[str] = []
        self._contents: dict[str, Content] = {}
        self._ended = threading.Event()
        self._made = 0
        self.error: BaseException | None = None

    def end(self) -> None:
        self._ended.set()

    def _run(self) -> None:
        try:
            with BlockStore(self._address) as store:
                succeeded_at = time.monotonic()
                while not self._ended.is_set():
                    try:
                        self._step(store)
                        succeeded_at = time.monotonic()
                    except StoreError as error:
                        with self._manifest.lock:
                            self._manifest.refused += 1
                        if time.monotonic() - succeeded_at > PATIENCE_S:
                            raise TimeoutError(f"{self.name} gets nowhere: {error}") from error
                        self._ended.wait(0.2)
        except BaseException as error:
            self.error = error

    def _step(self, store: BlockStore) -> None:
        draw = self._rng.random()
        if draw < 0.5 or not self._mine:
            self._write(store)
        elif draw < 0.7:
            self._change(store, killchanges.append if draw < 0.6 else killchanges.truncate)
        elif draw < 0.85:
            self._rename(store)
        else:
            self._delete(store)

    def _write(self, store: BlockStore) -> None:
        self._made += 1
        path = f"{self._home}/{self._made}"
        # Small ones go to their nodes whole, and are closed on their receipts.
        is_small = self._rng.random() < 0.4
        seed = self._rng.getrandbits(32)
        size = self._rng.randrange(SMALL_BYTES if is_small else FILE_BYTES_MAX)
        content = Content().plus(seed, size)
        data = content.data()
        cuts = sorted(self._rng.randrange(len(data) + 1) for _ in range(3))
        with store.open(path, "wb", replication=self._rng.choice((2, 3, 3))) as file:
            for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
                file.write(data[start:end])
                if not is_small and self._rng.random() < 0.3:
                    file.sync()
        with self._manifest.lock:
            self._manifest.digests[path] = hashlib.sha256(data).hexdigest()
            self._manifest.bytes += len(data)
        self._mine.append(path)
        self._contents[path] = content

    def _change(self, store: BlockStore, change: Change) -> None:
        path = self._rng.choice(self._mine)
        with self._manifest.lock:
            self._manifest.digests.pop(path)
        left = self._contents[path]
        try:
            left = change(store, path, left, self._rng)
        except ChangeError as error:
            left = error.left
            with self._manifest.lock:
                self._manifest.refused += 1
                self._manifest.wrong += [error.wrong] * bool(error.wrong)
        self._contents[path] = left
        with self._manifest.lock:
            self._manifest.digests[path] = left.digest()
            self._manifest.changes += 1

    def _rename(self, store: BlockStore) -> None:
        at = self._rng.randrange(len(self._mine))
        source = self._mine[at]
        target = f"{source}.{self._rng.getrandbits(24):x}"
        # Until the answer is there, the file may be under either name.
        with self._manifest.lock:
            digest = self._manifest.digests.pop(source)
        path = source
        try:
            store.rename(source, target)
            path = target
        except StoreError:
            path = self._find(store, source, target)
            raise
        finally:
            with self._manifest.lock:
                self._manifest.digests[path] = digest
            self._mine[at] = path
            self._contents[path] = self._contents.pop(source)

    def _find(self, store: BlockStore, source: str, target: str) -> str:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return target if store.exists(target) else source
            except StoreError:
                if time.monotonic() > until:
                    raise

    def _delete(self, store: BlockStore) -> None:
        path = self._mine.pop(self._rng.randrange(len(self._mine)))
        del self._contents[path]
        with self._manifest.lock:
            self._manifest.digests.pop(path)
        store.delete(path)


def check(store: BlockStore, items: list[tuple[str, str]]) -> list[str]:
    """The files that are lost or wrong, in words."""
    wrong = []
    for path, digest in items:
        try:
            with store.open(path) as file:
                found = hashlib.sha256()
                while piece := file.read(1 << 20):
                    found.update(piece)
            if found.hexdigest() != digest:
                wrong.append(f"{path}: wrong bytes")
        except StoreError as error:
            wrong.append(f"{path}: {type(error).__name__}: {error}")
    return wrong


def look(cluster: StoreCluster, manifest: Manifest, rng: random.Random) -> list[str]:
    """Reads some files back; one that was renamed, changed or deleted meanwhile is not lost."""
    sampled = manifest.sample(rng, READ_BACK)
    with BlockStore(cluster.address, settings=ClientSettings(missing_after_s=LOST_S)) as store:
        wrong = {item: check(store, [item]) for item in sampled}
    with manifest.lock:
        same = [item for item in sampled if manifest.digests.get(item[0]) == item[1]]
        return [word for item in same for word in wrong[item]]


def campaign(root: Path, *, cycles: int, seed: int) -> tuple[Manifest, list[str]]:
    """The kill loop; what is wrong at the end, in words.

    Raises:
        AssertionError: a writer came to a stop.
    """
    rng = random.Random(seed)
    cluster = StoreCluster(root)
    manifest = Manifest()
    wrong: list[str] = []
    try:
        cluster.start(4, checkpoint_transactions=CHECKPOINT_TRANSACTIONS)
        writers = [
            Writer(n, cluster.address, manifest, rng.getrandbits(32)) for n in range(WRITERS)
        ]
        for writer in writers:
            writer.thread.start()
        for cycle in range(cycles):
            time.sleep(rng.uniform(*CYCLE_S))
            told = kill_and_restart(cluster, rng)
            wrong += look(cluster, manifest, rng)
            print(f"{cycle + 1:3}/{cycles}  {told}; {len(manifest.digests)} files", flush=True)
        for writer in writers:
            writer.end()
        for writer in writers:
            writer.thread.join(PATIENCE_S)
            if writer.thread.is_alive() or writer.error:
                raise AssertionError(f"{writer.name} stopped: {writer.error!r}")
        everything = sorted(manifest.digests.items())
        wrong += check(cluster.client(short_circuit=False, missing_after_s=LOST_S), everything)
        wrong += check(cluster.client(missing_after_s=LOST_S), everything)
        return manifest, wrong + manifest.wrong
    finally:
        cluster.close()


def kill_and_restart(cluster: StoreCluster, rng: random.Random) -> str:
    """One cycle: the NameNode, one or two DataNodes, or both kinds; told in words."""
    victims = rng.sample(sorted(cluster.datanodes), rng.choice((0, 1, 1, 2)))
    with_namenode = not victims or rng.random() < 0.3
    for number in victims:
        cluster.datanodes[number].kill()
    if with_namenode and cluster.namenode is not None:
        if rng.random() < 0.5:
            await_checkpoint(cluster.root / "namenode")
        cluster.namenode.kill()
    time.sleep(rng.uniform(0, 1.5))
    if with_namenode:
        cluster.start_namenode()
    for number in victims:
        cluster.start_datanode(number)
    names = [f"datanode {number}" for number in victims] + ["namenode"] * with_namenode
    return "killed " + ", ".join(names)


def await_checkpoint(directory: Path) -> None:
    """Returns in the middle of one, if one is made within some seconds."""
    images = set(directory.glob("*image*"))
    until = time.monotonic() + CHECKPOINT_WAIT_S
    while set(directory.glob("*image*")) == images and time.monotonic() < until:
        time.sleep(0.002)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.killstore", description=__doc__)
    parser.add_argument("--cycles", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="killstore-") as root:
        manifest, wrong = campaign(Path(root), cycles=options.cycles, seed=options.seed)
    for line in wrong:
        print(line)
    size = manifest.bytes / 2**20
    print(
        f"{options.cycles} cycles, {len(manifest.digests)} files kept, "
        f"{size:.0f} MiB acknowledged, {manifest.changes} changed, {manifest.refused} refused, "
        f"{len(wrong)} lost or wrong"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
