"""A cluster on this machine: NameNode, DataNodes, JobTracker and TaskTrackers as processes.

`up` starts what doesn't run, in three steps (NameNode; DataNodes and JobTracker;
TaskTrackers), and writes down each member as soon as it is started, so that `down` finds
it whatever happens. What a failed `up` started, it ends.
"""

import contextlib
import fcntl
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from blockstore.runtime.config import NAMENODE_PORT

from . import clusterfile, processes
from .addresses import JOBTRACKER_PORT
from .clusterfile import ClusterFile, Member, Shape
from .errors import CommandError

# A daemon imports gRPC and replays its journal; a busy machine takes its time.
READY_DEADLINE_S: Final = 60.0
# A daemon cuts itself off after 8 s (blockstore/runtime/daemon.py); then it is killed.
STOP_GRACE_S: Final = 10.0
LOG_LINES_SHOWN: Final = 20

_READY_LINE: Final = re.compile(rb"^.* ready on (\S+:\d+)\s*$", re.MULTILINE)
# It answers, and goes on by itself when what it waits for is there.
_WAITING_LINE: Final = re.compile(rb"^\w+ waiting on (\S+:\d+) for (.*)$", re.MULTILINE)
_PAUSE_S: Final = 0.03

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Starting:
    """A process from which a ready line is expected in its log behind `log_offset`."""

    name: str
    role: str
    process: "subprocess.Popen[bytes]"
    log: Path
    log_offset: int
    deadline: float


class LocalCluster:
    """The cluster in one directory; one `up` or `down` at a time."""

    def __init__(self, home: Path, report: Report) -> None:
        self._home = home
        self._report = report
        # Names of those that `up` has started, and what they wait for.
        self.waiting: dict[str, str] = {}

    # --- up --------------------------------------------------------------------------

    def up(self, shape: Shape) -> ClusterFile:
        """Starts every member that doesn't run.

        Raises:
            CommandError: a member ended or wasn't ready in time; the message ends with its log.
        """
        self._home.mkdir(parents=True, exist_ok=True)
        with self._lock():
            before = self._without_unready(clusterfile.read(self._home))
            state = ClusterFile(
                directory=str(self._home),
                shape=_with_ports(shape, before),
                members=before.alive if before else (),
            )
            started: list[Starting] = []
            try:
                for step in (("namenode",), ("datanode", "jobtracker"), ("tasktracker",)):
                    state = self._start_step(state, step, started)
            except BaseException:
                self._undo(state, started)
                raise
            clusterfile.point_to(self._home)
        return state

    def _start_step(
        self, state: ClusterFile, roles: tuple[str, ...], started: list[Starting]
    ) -> ClusterFile:
        alive = {member.name for member in state.alive}
        step = []
        for name, role in _names(state.shape):
            if role in roles and name not in alive:
                step.append(self._start(state, name, role))
                started.append(step[-1])
                state = state.having(_member(step[-1], address=""))
                clusterfile.write(state)
        for starting in step:
            address, what = _await_ready(starting)
            member = _member(starting, address=address)
            state = state.having(member)
            clusterfile.write(state)
            if what:
                self.waiting[member.name] = what
            words = ", waiting" if what else ""
            self._report(f"{member.name:<14} {member.address:<21} pid {member.pid}{words}")
        return state

    def _without_unready(self, before: ClusterFile | None) -> ClusterFile | None:
        """Ends what a killed `up` left in the middle of its start."""
        unready = [member for member in before.alive if not member.address] if before else []
        processes.end([(member.pid, member.birth) for member in unready], grace_s=STOP_GRACE_S)
        return before

    def _start(self, state: ClusterFile, name: str, role: str) -> Starting:
        data = self._home / name
        data.mkdir(exist_ok=True)
        log = self._home / f"{name}.log"
        offset = log.stat().st_size if log.exists() else 0
        arguments = _arguments(state, role, data)
        return Starting(
            name,
            role,
            processes.start(arguments, log=log, directory=self._home),
            log,
            offset,
            time.monotonic() + READY_DEADLINE_S,
        )

    def _undo(self, state: ClusterFile, started: list[Starting]) -> None:
        # A second Ctrl-C must not leave anybody behind.
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            births = [(one.process.pid, processes.birth(one.process.pid)) for one in started]
            processes.end([(pid, born) for pid, born in births if born], grace_s=STOP_GRACE_S)
            ended = {one.name for one in started}
            left = tuple(member for member in state.members if member.name not in ended)
            clusterfile.write(msgspec.structs.replace(state, members=left))
        finally:
            signal.signal(signal.SIGINT, handler)

    # --- down ------------------------------------------------------------------------

    def down(self) -> tuple[int, list[str]]:
        """Ends every member, workers first; how many ran, and the names of those that had
        to be killed."""
        if not self._home.is_dir():
            return 0, []
        with self._lock():
            state = clusterfile.read(self._home)
            if state is None:
                return 0, []
            killed: list[int] = []
            alive = state.alive
            for roles in (("tasktracker",), ("jobtracker",), ("datanode",), ("namenode",)):
                group = [(member.pid, member.birth) for member in alive if member.role in roles]
                killed += processes.end(group, grace_s=STOP_GRACE_S)
            clusterfile.write(msgspec.structs.replace(state, members=()))
        return len(alive), [member.name for member in alive if member.pid in killed]

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        with open(self._home / "lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CommandError(
                    f"another `mapred cluster` command works in {self._home}: wait for its end"
                ) from None
            yield


def _names(shape: Shape) -> list[tuple[str, str]]:
    """Name and role of every member."""
    return [
        ("namenode", "namenode"),
        *((f"datanode-{number}", "datanode") for number in range(1, shape.datanodes + 1)),
        ("jobtracker", "jobtracker"),
        *((f"tasktracker-{number}", "tasktracker") for number in range(1, shape.tasktrackers + 1)),
    ]


def _arguments(state: ClusterFile, role: str, data: Path) -> list[str]:
    """The command line of one member; what it needs to know of the others is in `state`."""
    shape = state.shape
    settings = [
        word
        for text in shape.settings
        if text.startswith(f"{role}.")
        for word in ("--conf", text.removeprefix(f"{role}."))
    ]

    def address(name: str) -> str:
        member = state.member(name)
        assert member is not None
        return member.address

    match role:
        case "namenode":
            port = str(shape.namenode_port)
            return [role, "--dir", str(data), "--port", port, *settings]
        case "datanode":
            masters = ["--namenode", address("namenode")]
            return [role, "--dir", str(data), *masters, "--port", "0", *settings]
        case "jobtracker":
            port = str(shape.jobtracker_port)
            return [role, "--namenode", address("namenode"), "--port", port, *settings]
        case _:
            masters = ["--namenode", address("namenode"), "--jobtracker", address("jobtracker")]
            slots = ["--slots", str(shape.slots)]
            return [role, "--dir", str(data), *masters, *slots, "--port", "0", *settings]


def _await_ready(starting: Starting) -> tuple[str, str]:
    """The address in its ready line, and what it waits for where it can't serve yet."""
    while True:
        with open(starting.log, "rb") as log:
            log.seek(starting.log_offset)
            lines = log.read()
        if ready := _READY_LINE.search(lines):
            return ready[1].decode(), ""
        if waiting := _WAITING_LINE.search(lines):
            return waiting[1].decode(), waiting[2].decode(errors="replace")
        code = starting.process.poll()
        if code is not None:
            raise CommandError(f"{starting.name} ended with code {code}. {_end_of(starting.log)}")
        if time.monotonic() > starting.deadline:
            raise CommandError(
                f"{starting.name} wasn't ready in {READY_DEADLINE_S:.0f} s. {_end_of(starting.log)}"
            )
        time.sleep(_PAUSE_S)


def _member(starting: Starting, *, address: str) -> Member:
    return Member(
        name=starting.name,
        role=starting.role,
        pid=starting.process.pid,
        birth=processes.birth(starting.process.pid) or "",
        address=address,
        started_at_s=time.time(),
    )


def _end_of(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    shown = "\n".join(f"  | {line}" for line in lines)
    return f"The end of {log}:\n{shown}" if lines else f"{log} is empty."


def _with_ports(shape: Shape, before: ClusterFile | None) -> Shape:
    """Fixed ports for the masters, so that they come back where clients look for them."""
    known = before.shape if before else Shape()
    running = {member.role for member in before.alive} if before else set()
    return msgspec.structs.replace(
        shape,
        namenode_port=_port(
            shape.namenode_port, known.namenode_port, NAMENODE_PORT, "namenode" in running
        ),
        jobtracker_port=_port(
            shape.jobtracker_port, known.jobtracker_port, JOBTRACKER_PORT, "jobtracker" in running
        ),
    )


def _port(wanted: int, known: int, usual: int, running: bool) -> int:
    if running:
        return known
    if wanted:
        return wanted
    for port in (known, usual):
        if port and _is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
