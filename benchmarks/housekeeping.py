"""How long a client waits for a `stat` while the NameNode is told of a million replicas, or of
the death of a node with many, or is to send one away.

The image is written by the NameNode's own writer. Two DataNodes are played over the wire by a
process of its own: both report as real ones do and send heartbeats; the second falls silent when
it's told to. The one who waits asks for one name again and again, before and meanwhile.
"""

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from benchmarks.cluster import cluster
from benchmarks.listing import ALONE_S, waits
from benchmarks.restart import make_in_process
from benchmarks.table import Row
from blockstore import BlockStore

SETTINGS: Final = ("heartbeat_interval_s=0.5", "stale_after_s=2", "dead_after_s=4")
PLAY: Final = """
import sys
from benchmarks.housekeeping import play
play(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
"""
# The work for a dead node's blocks goes on for longer; its longest steps are at the beginning.
WATCH_S: Final = 8.0


def run(*, blocks: int = 1_000_000) -> list[Row]:
    lost = blocks * 3 // 10
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "name").mkdir()
        make_in_process(folder / "name", blocks)
        with (
            cluster(folder, datanodes=0, settings=SETTINGS) as servers,
            BlockStore(servers.address) as store,
            subprocess.Popen(
                [sys.executable, "-c", PLAY, servers.address, str(blocks), str(lost)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as player,
        ):
            assert player.stdin is not None
            assert player.stdout is not None
            said = _Said(player.stdout)
            store.stat("/")
            alone = waits(store, _for(ALONE_S))
            said.until("registered")
            report = waits(store, lambda: not said.has("reported") and player.poll() is None)
            said.until("both reported")
            duty = _beside(store, lambda: _send_away(servers.address))
            print("silence", file=player.stdin, flush=True)
            loss = waits(store, _for(WATCH_S))
            states = {node.node.node_id: node.state for node in store.report().nodes}
            player.terminate()
    if states != {"a": "live", "b": "dead"}:
        raise RuntimeError(f"the nodes are {states}")
    return [
        row
        for what, beside in (
            (f"a full report of {blocks:,} replicas", report),
            (f"the decommission of a node with {blocks:,}", duty),
            (f"the death of a node with {lost:,}", loss),
        )
        for row in _rows(what, beside, alone)
    ]


def _rows(what: str, beside: list[float], alone: list[float]) -> list[Row]:
    note = f"{len(beside)} stats"
    pairs = (("median", statistics.median), ("longest", max))
    return [
        Row(
            f"a stat beside {what}, {word}", "nothing beside", 1000 * of(beside),
            1000 * of(alone), of(alone) / of(beside), 1, note, "ms",
        )
        for word, of in pairs
    ]  # fmt: skip


def _for(seconds: float) -> Callable[[], bool]:
    until = time.perf_counter() + seconds
    return lambda: time.perf_counter() < until


def _beside(store: BlockStore, call: Callable[[], None]) -> list[float]:
    thread = threading.Thread(target=call)
    thread.start()
    until = time.perf_counter() + WATCH_S
    found = waits(store, lambda: thread.is_alive() or time.perf_counter() < until)
    thread.join()
    return found


def _send_away(address: str) -> None:
    with BlockStore(address) as store:
        store.admin.assign_duty(["a"], "decommission", force=True)


class _Said:
    """Lines of the player, as they come."""

    def __init__(self, lines: IO[str]) -> None:
        self._lines: list[str] = []
        self._more = threading.Condition()
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            with self._more:
                self._lines.append(line.strip())
                self._more.notify_all()

    def has(self, line: str) -> bool:
        return line in self._lines

    def until(self, line: str) -> None:
        with self._more:
            if not self._more.wait_for(lambda: line in self._lines, 120):
                raise RuntimeError(f"the DataNodes never said '{line}': {self._lines}")


# --- inside the process of its own ------------------------------------------------------------


def play(address: str, blocks: int, lost: int) -> None:
    """Two DataNodes that have the first blocks of the namespace of benchmarks/restart.py."""
    from blockstore.datanode.namenode_link import NameNodeLink
    from blockstore.model import Block, Node, NodeLoad, Replica, ReplicaState
    from blockstore.runtime import rpc
    from blockstore.wire import namenode_pb2_grpc as services

    replicas = [
        Replica(Block(number, number, 999 + number), ReplicaState.FINALIZED)
        for number in range(1, blocks + 1)
    ]
    channel = rpc.channel(address)
    links = []
    for number, name in enumerate("ab"):
        stub = services.DataNodeProtocolStub(channel)
        links.append(NameNodeLink(stub, address, Node(name, "127.0.0.1", 1 + number), 1))
    silent = threading.Event()

    def beat(link: NameNodeLink, until: threading.Event) -> None:
        seen = 0
        while not until.is_set():
            reply = link.heartbeat(NodeLoad(2**50, 0, 2**50), seen)
            seen = max([seen, *(order.seq for order in reply.orders)])
            until.wait(0.1)

    for link, has, until in zip(links, (blocks, lost), (threading.Event(), silent), strict=True):
        link.register("")
        threading.Thread(target=beat, args=(link, until), daemon=True).start()
        print("registered", flush=True)
        link.full_report(replicas[:has], number=1)
        print("reported", flush=True)
    print("both reported", flush=True)
    sys.stdin.readline()
    silent.set()
    threading.Event().wait()
