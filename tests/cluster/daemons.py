"""Real daemons as processes: a NameNode and DataNodes on free ports of this machine.

They are started as the commands start them, killed as machines die (SIGKILL), started
again on their old ports and directories, and always ended with the test.
"""

import contextlib
import json
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from blockstore import BlockStore
from blockstore.client.settings import ClientSettings

READY_S = 60.0
STOP_S = 60.0
POLL_S = 0.05

# Deaths are noticed within seconds, but not on a machine that is merely busy.
NAMENODE_SETTINGS = {
    "heartbeat_interval_s": 0.2,
    "stale_after_s": 2.0,
    "dead_after_s": 4.0,
    "tick_interval_s": 0.1,
    "recovery_timeout_s": 4.0,
    "order_timeout_s": 5.0,
    "block_bytes": 1024 * 1024,
}
# Jobs of tests are small, and most of them stand for large ones, whose tasks spread.
JOBTRACKER_SETTINGS = {"heartbeat_interval_s": 0.5, "dead_after_s": 4.0, "small_job_bytes": 0}
DATANODE_SETTINGS = {"scan_period_s": 0, "pipeline_setup_s": 5.0, "pipeline_ack_s": 8.0}
CLIENT_SETTINGS: dict[str, Any] = {
    "pipeline_setup_s": 8.0,
    "pipeline_ack_s": 10.0,
    "missing_after_s": 3.0,
}

_PROGRAM = """
import json, sys
from importlib import import_module
module, arguments, options = json.loads(sys.argv[1])
sys.exit(import_module(module).run(*arguments, **options))
"""


class Daemon:
    """One process, its ready line, and its log."""

    def __init__(self, module: str, arguments: list[Any], options: dict[str, Any], log: Path):
        self.log = log
        # When it is ready.
        self.address = ""
        words = json.dumps([module, arguments, options])
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, words],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )

    def ready(self) -> str:
        """The address of the ready line."""
        stdout = self.process.stdout
        assert stdout is not None
        readable, _, _ = select.select([stdout], [], [], READY_S)
        line = stdout.readline() if readable else ""
        if " waiting on " in line:
            line = stdout.readline()
        if " ready on " not in line:
            raise AssertionError(f"no ready line but {line!r}:\n{self.log.read_text()[-4000:]}")
        self.address = line.strip().rpartition(" ")[2]
        return self.address

    def kill(self) -> None:
        """As a machine dies."""
        self._signal(signal.SIGKILL)

    def stop(self) -> int:
        """As an administrator ends it; returns the exit code."""
        return self._signal(signal.SIGTERM)

    def freeze(self) -> None:
        """As a machine hangs: connections stay, nobody answers."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
            if number is signal.SIGTERM:
                self.thaw()
        try:
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            if self.process.stdout:
                self.process.stdout.close()
        return code


class StoreCluster:
    """A NameNode and DataNodes; `datanodes` by their number."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.namenode: Daemon | None = None
        self.address = ""
        self.datanodes: dict[int, Daemon] = {}
        self.addresses: dict[int, str] = {}
        # Directories that a DataNode gets beside its own.
        self.further_volumes: dict[int, list[Path]] = {}
        # Where a DataNode stands, if not on the default rack.
        self.racks: dict[int, str] = {}
        # The host that others are told to dial, if not the one a DataNode listens on.
        self.advertised: dict[int, str] = {}
        self._stores: list[BlockStore] = []

    def start(self, datanodes: int = 3, **namenode_settings: Any) -> None:
        self.start_namenode(**namenode_settings)
        for number in range(datanodes):
            self.spawn_datanode(number)
        for number in range(datanodes):
            self.await_datanode(number)

    def start_namenode(self, **settings: Any) -> None:
        """Anew, or again on its old port and directory."""
        port = int(self.address.rpartition(":")[2]) if self.address else 0
        self._settings = (
            NAMENODE_SETTINGS | settings if settings or not self.address else (self._settings)
        )
        self.namenode = Daemon(
            "blockstore.namenode.daemon",
            [str(self.root / "namenode"), "127.0.0.1", port],
            {"settings": _words(self._settings)},
            self.root / "namenode.log",
        )
        self.address = self.namenode.ready()

    def spawn_datanode(self, number: int, **settings: Any) -> None:
        port = int(self.addresses[number].rpartition(":")[2]) if number in self.addresses else 0
        volumes = [self.directory(number), *self.further_volumes.get(number, [])]
        self.datanodes[number] = Daemon(
            "blockstore.datanode.daemon",
            [list(map(str, volumes)), self.address, "127.0.0.1", port],
            {
                "rack": self.racks.get(number, "/default"),
                "advertise": self.advertised.get(number),
                "settings": _words(DATANODE_SETTINGS | settings),
            },
            self.root / f"datanode-{number}.log",
        )

    def await_datanode(self, number: int) -> None:
        self.addresses[number] = self.datanodes[number].ready()

    def start_datanode(self, number: int, **settings: Any) -> None:
        """Anew, or again on its old port and directory."""
        self.spawn_datanode(number, **settings)
        self.await_datanode(number)

    def directory(self, number: int) -> Path:
        return self.root / f"datanode-{number}"

    def number_of(self, address: str) -> int:
        """Which DataNode listens there."""
        return next(number for number, known in self.addresses.items() if known == address)

    def block_files(self, number: int) -> list[Path]:
        """Data files of finalised replicas."""
        current = self.directory(number) / "current"
        return sorted(path for path in current.iterdir() if path.suffix != ".crc")

    def client(self, user: str | None = None, **settings: Any) -> BlockStore:
        """A client that is closed with the test."""
        chosen = ClientSettings(**CLIENT_SETTINGS | settings)
        store = BlockStore(self.address, user=user, settings=chosen)
        self._stores.append(store)
        return store

    def close(self) -> None:
        # All of them, whatever happens to one.
        with contextlib.ExitStack() as ending:
            for daemon in [*self.datanodes.values(), *([self.namenode] if self.namenode else [])]:
                ending.callback(daemon.kill)
            for store in self._stores:
                ending.callback(store.close)


class MapReduceCluster(StoreCluster):
    """A store, a JobTracker and TaskTrackers; `tasktrackers` by their number."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.jobtracker: Daemon | None = None
        self.jobtracker_address = ""
        self.tasktrackers: dict[int, Daemon] = {}
        # As `advertised`, of TaskTrackers.
        self.advertised_trackers: dict[int, str] = {}

    def start(self, datanodes: int = 3, *, tasktrackers: int = 3, **namenode_settings: Any) -> None:
        super().start(datanodes, **namenode_settings)
        self.start_jobtracker()
        for number in range(tasktrackers):
            self.spawn_tasktracker(number)
        for number in range(tasktrackers):
            self.tasktrackers[number].ready()

    def start_jobtracker(self, **settings: Any) -> None:
        """Anew, or again on its old port."""
        port = int(self.jobtracker_address.rpartition(":")[2]) if self.jobtracker_address else 0
        self.jobtracker = Daemon(
            "mapred.jobtracker.daemon",
            [self.address, "127.0.0.1", port],
            {"settings": _words(JOBTRACKER_SETTINGS | settings)},
            self.root / "jobtracker.log",
        )
        self.jobtracker_address = self.jobtracker.ready()

    def spawn_tasktracker(
        self, number: int, *further: Path, first: bool = True, slots: int = 1, **settings: Any
    ) -> None:
        """Without its `first` directory it has the further ones only."""
        directories = [self.root / f"tasktracker-{number}"] if first else []
        self.tasktrackers[number] = Daemon(
            "mapred.tasktracker.daemon",
            [
                self.jobtracker_address,
                self.address,
                list(map(str, [*directories, *further])),
                "127.0.0.1",
                0,
            ],
            {
                "slots": slots,
                "advertise": self.advertised_trackers.get(number),
                # They stand for machines of their own.
                "settings": _words({"short_circuit": False} | settings),
            },
            self.root / f"tasktracker-{number}.log",
        )

    def start_tasktracker(self, number: int) -> None:
        self.spawn_tasktracker(number)
        self.tasktrackers[number].ready()

    def close(self) -> None:
        with contextlib.ExitStack() as ending:
            ending.callback(super().close)
            if self.jobtracker is not None:
                ending.callback(self.jobtracker.kill)
            # Gently, where it works: a tracker ends its task processes.
            for tasktracker in self.tasktrackers.values():
                ending.callback(tasktracker.stop)


def _words(settings: dict[str, Any]) -> list[str]:
    return [f"{name}={value}" for name, value in settings.items()]


def eventually(true: Callable[[], bool], what: str, within_s: float = 60.0) -> None:
    """Waits for something that a cluster does in its own time."""
    until = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < until, f"not within {within_s:.0f} s: {what}"
        time.sleep(POLL_S)
