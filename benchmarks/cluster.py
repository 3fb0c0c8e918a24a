"""A NameNode and DataNodes as processes on loopback, for a measurement."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

STOP_S: Final = 30


@dataclass(frozen=True)
class Cluster:
    """The servers of one run."""

    address: str
    namenode: psutil.Process
    datanodes: tuple[psutil.Process, ...]


def mapred() -> str:
    """The command beside this Python."""
    return str(Path(sys.executable).with_name("mapred"))


@contextmanager
def cluster(folder: Path, *, datanodes: int, settings: Sequence[str] = ()) -> Iterator[Cluster]:
    """Started in `folder`, stopped at the end; what is in `folder/name` is served again.

    `settings` are the NameNode's.
    """
    daemons: list[subprocess.Popen[str]] = []

    def start(*words: str) -> str:
        log = (folder / f"{len(daemons)}.log").open("w")
        daemon = subprocess.Popen([mapred(), *words], stdout=subprocess.PIPE, stderr=log, text=True)
        daemons.append(daemon)
        assert daemon.stdout is not None
        return daemon.stdout.readline().rpartition(" ")[2].strip()

    folder.mkdir(parents=True, exist_ok=True)
    try:
        conf = [word for setting in settings for word in ("--conf", setting)]
        address = start("namenode", "--dir", str(folder / "name"), "--port", "0", *conf)
        for number in range(datanodes):
            where = ["--dir", str(folder / f"data-{number}"), "--namenode", address]
            start("datanode", *where, "--port", "0")
        processes = [psutil.Process(daemon.pid) for daemon in daemons]
        yield Cluster(address, processes[0], tuple(processes[1:]))
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            daemon.wait(STOP_S)


def cpu_s(process: psutil.Process) -> float:
    """Seconds of processor time that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)
