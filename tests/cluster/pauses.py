"""Processes that stop for a while, as those of a machine do that swaps or migrates.

    python -m tests.cluster.pauses --seconds 1 5 20 60

prints how long each role took to recover.

A program of its own writes a file all the time. A process is stopped (SIGSTOP) and goes on; then
the file ends, and every byte that was written must be there, on as many nodes as it should be.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from blockstore import BlockStore
from tests.cluster.daemons import StoreCluster, eventually

ROLES: Final = ("namenode", "datanode", "client")
PIECE_BYTES: Final = 16 * 1024
END_S: Final = 120.0

WRITE: Final = """
import json, sys, threading
from blockstore import BlockStore
from blockstore.client.settings import ClientSettings
from blockstore.errors import StoreError
from tests.cluster.pauses import piece
told = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), told.set()), daemon=True).start()
settings = ClientSettings(**json.loads(sys.argv[3]))
try:
    with (
        BlockStore(sys.argv[1], settings=settings) as store,
        store.open(sys.argv[2], "wb", replication=2) as file,
    ):
        count = 0
        while not told.wait(float(sys.argv[4])):
            file.write(piece(count))
            file.hflush()
            count += 1
            if count == 3:
                print("writing", flush=True)
    print(count, flush=True)
except StoreError as error:
    print(type(error).__name__, flush=True)
"""


def piece(number: int) -> bytes:
    return random.Random(number).randbytes(PIECE_BYTES)


class Writer:
    """The program that writes."""

    def __init__(
        self, address: str, path: str, interval_s: float = 0.02, **settings: float
    ) -> None:
        """A piece each `interval_s`."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITE, address, path, json.dumps(settings), str(interval_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "writing\n"

    def end(self) -> str:
        """How many pieces the closed file has, or the name of the error that it ended with."""
        out, _ = self.process.communicate("end\n", timeout=END_S)
        assert self.process.returncode == 0
        return out.strip()

    def end_now(self) -> None:
        """However far it is."""
        self.process.kill()
        self.process.wait()


def pause(
    cluster: StoreCluster, roles: Sequence[str], seconds: float, path: str, interval_s: float = 0.02
) -> float:
    """Stops a process of each role for so long, all at the same time, each while a file of its own
    is written; returns the seconds from their waking until all was well.
    """
    store = cluster.client()
    with ExitStack() as ending:
        writers, stopped = {}, []
        for role in roles:
            name = f"{path}-{role}"
            writer = writers[name] = Writer(cluster.address, name, interval_s)
            ending.callback(writer.end_now)
            stopped.append(_process(cluster, store, role, name, writer))
        for process in stopped:
            process.send_signal(signal.SIGSTOP)
            ending.callback(process.send_signal, signal.SIGCONT)
        time.sleep(seconds)
        for process in stopped:
            process.send_signal(signal.SIGCONT)
        woke = time.monotonic()
        counts = {name: int(writer.end()) for name, writer in writers.items()}
    for name, count in counts.items():
        with store.open(name) as file:
            assert file.read() == b"".join(map(piece, range(count))), name
    eventually(lambda: {n.state for n in store.report().nodes} == {"live"}, "all nodes live")
    eventually(lambda: store.fsck("/").state == "healthy", "the store is healthy")
    eventually(
        lambda: all(len(block.nodes) == 2 for name in counts for block in store.locate(name)),
        "two replicas each",
    )
    return time.monotonic() - woke


def _process(
    cluster: StoreCluster, store: BlockStore, role: str, path: str, writer: Writer
) -> subprocess.Popen[str]:
    """The one of that role that the file is written by."""
    assert cluster.namenode is not None
    first = store.locate(path)[-1].nodes[0].address
    return {
        "namenode": cluster.namenode.process,
        "datanode": cluster.datanodes[cluster.number_of(first)].process,
        "client": writer.process,
    }[role]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, nargs="+", default=[1.0, 5.0, 20.0, 60.0])
    parser.add_argument("--roles", nargs="+", choices=ROLES, default=list(ROLES))
    options = parser.parse_args()
    for role in options.roles:
        for seconds in options.seconds:
            with tempfile.TemporaryDirectory(prefix="pauses-") as folder:
                cluster = StoreCluster(Path(folder))
                try:
                    cluster.start(3)
                    well_s = pause(cluster, [role], seconds, "/file")
                finally:
                    cluster.close()
            print(f"{role} stopped for {seconds:g} s: all well {well_s:.1f} s later", flush=True)


if __name__ == "__main__":
    main()
