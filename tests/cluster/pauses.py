"""Processes that stop for a while, as those of a machine do that swaps or migrates.

    python -m tests.cluster.pauses --seconds 1 5 20 60

prints how long each role took to recover.

A program of its own writes a file all the time. One process is stopped (SIGSTOP) and goes on; then
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
from pathlib import Path
from typing import Final

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
        while not told.wait(0.02):
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

    def __init__(self, address: str, path: str, **settings: float) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITE, address, path, json.dumps(settings)],
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


def pause(cluster: StoreCluster, role: str, seconds: float, path: str) -> float:
    """Stops one process for so long; returns the seconds from its waking until all was well."""
    store = cluster.client()
    writer = Writer(cluster.address, path)
    try:
        first = store.locate(path)[-1].nodes[0].address
        assert cluster.namenode is not None
        process = {
            "namenode": cluster.namenode.process,
            "datanode": cluster.datanodes[cluster.number_of(first)].process,
            "client": writer.process,
        }[role]
        process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            process.send_signal(signal.SIGCONT)
        woke = time.monotonic()
        count = int(writer.end())
    finally:
        writer.process.kill()
        writer.process.wait()
    with store.open(path) as file:
        assert file.read() == b"".join(map(piece, range(count)))
    eventually(lambda: {n.state for n in store.report().nodes} == {"live"}, "all nodes live")
    eventually(lambda: store.fsck("/").state == "healthy", "the store is healthy")
    eventually(
        lambda: all(len(block.nodes) == 2 for block in store.locate(path)), "two replicas each"
    )
    return time.monotonic() - woke


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
                    well_s = pause(cluster, role, seconds, "/file")
                finally:
                    cluster.close()
            print(f"{role} stopped for {seconds:g} s: all well {well_s:.1f} s later", flush=True)


if __name__ == "__main__":
    main()
