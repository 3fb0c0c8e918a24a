"""The tracker's end of one nursery: its process, the socket to it, the thread that listens."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from mapred.tasktracker.endwords import how_ended

# Of what tracker and nursery tell each other.
MESSAGE_BYTES_MAX: Final = 4096

# The nursery kills its children and ends within milliseconds.
STOP_TIMEOUT_S: Final = 5.0
# One that dies so soon will die again: its successor waits a little.
SHORT_LIFE_S: Final = 2.0
PAUSE_S: Final = 0.5
# One thread a task: the slots are the parallelism.
ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Nursery:
    """A nursery that has been started, before anybody listens to it."""

    def __init__(self, child: str, preload: Sequence[str] = ()) -> None:
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = _start(theirs.fileno(), child, list(preload))


class Listener(Protocol):
    """Who is told; on the link's thread."""

    def spawned(self, process_id: int, pid: int) -> None: ...

    def exited(self, process_id: int, how: str) -> None: ...

    def nursery_died(self, link: "NurseryLink") -> None:
        """Without having been stopped. Nothing more comes from this link."""
        ...


class NurseryLink:
    """Thread-safe. The nursery may still be importing."""

    def __init__(self, listener: Listener, nursery: Nursery) -> None:
        self._listener = listener
        self._stopped = False
        self._started_at = time.monotonic()
        self._socket, self._process = nursery.socket, nursery.process
        self._thread = threading.Thread(target=self._listen, name="nursery", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"NurseryLink(pid {self._process.pid})"

    def spawn(self, process_id: int, pipe: int) -> None:
        """Raises OSError when the nursery is dead."""
        order = json.dumps({"spawn": process_id}).encode()
        socket.send_fds(self._socket, [order], [pipe])

    def end(self, process_id: int, *, after_s: float, grace_s: float, dump: bool) -> None:
        order = {"end": process_id, "after_s": after_s, "grace_s": grace_s, "dump": dump}
        with contextlib.suppress(OSError):
            self._socket.send(json.dumps(order).encode())

    def stop(self) -> None:
        """Ends the nursery and all its children; returns when they are gone."""
        self._stopped = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join(STOP_TIMEOUT_S)
        self._socket.close()

    def _listen(self) -> None:
        while news := self._next():
            if "spawned" in news:
                self._listener.spawned(news["spawned"], news["pid"])
            elif "exited" in news:
                self._listener.exited(news["exited"], how_ended(news["status"]))
        if not self._stopped:
            self._process.wait()
            self._socket.close()
            if time.monotonic() - self._started_at < SHORT_LIFE_S:
                time.sleep(PAUSE_S)
            self._listener.nursery_died(self)

    def _next(self) -> dict[str, Any] | None:
        try:
            data = self._socket.recv(MESSAGE_BYTES_MAX)
        except OSError:
            return None
        return dict(json.loads(data)) if data else None


def _start(fd: int, child: str, preload: list[str]) -> "subprocess.Popen[bytes]":
    package_root = str(Path(__file__).resolve().parents[2])
    code = (
        f"import sys; sys.path.append({package_root!r}); "
        "from mapred.tasktracker.nursery import main; "
        f"main({fd}, {child!r}, {preload!r})"
    )
    return subprocess.Popen(
        # -P: nothing that lies in the working directory is imported by accident.
        [sys.executable, "-P", "-c", code],
        pass_fds=[fd],
        stdin=subprocess.DEVNULL,
        # Tasks' own output goes to files; whatever else is said is for the log.
        stdout=sys.stderr.fileno() if _has_fileno(sys.stderr) else subprocess.DEVNULL,
        # One hash seed everywhere: user code that goes over a set yields in the same order
        # in every attempt, on every machine.
        env=os.environ | dict.fromkeys(ONE_THREAD, "1") | {"PYTHONHASHSEED": "0"},
        # Ctrl-C on a terminal and a SIGTERM to the whole group are for the tracker:
        # it ends the nursery by closing the socket.
        process_group=0,
    )


def _has_fileno(stream: Any) -> bool:
    try:
        return bool(stream.fileno() >= 0)
    except (AttributeError, OSError, ValueError):
        return False
