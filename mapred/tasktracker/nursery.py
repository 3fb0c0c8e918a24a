"""The server that forks task processes: one a tracker, single-threaded, imports done once.

    tracker  ── {"spawn": 7} + pipe ──>  nursery  ── fork ──>  task process
             ── {"end": 7, …} ────────>           ── SIGTERM, later SIGKILL to its group
             <─ {"spawned": 7, "pid"} ─
             <─ {"exited": 7, "status"}

- It holds no thread and no gRPC channel, so forking is safe; a child starts in about 10 ms
  with numpy and pyarrow imported.
- Why not multiprocessing's forkserver: that imports the parent's __main__ again in every child
  (the user's script, or our command line), and needs a second helper process.
- When the tracker dies, the socket ends: the nursery kills its children and ends. When the
  nursery dies, the kernel kills the children (PR_SET_PDEATHSIG).
- Children are leaders of process groups, so that what they started ends with them.
"""

import contextlib
import ctypes
import faulthandler
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from multiprocessing.connection import Connection
from typing import Any, Final, NoReturn

from mapred.tasktracker.nurserylink import MESSAGE_BYTES_MAX

# From the request for stacks to the end: faulthandler writes them in microseconds.
DUMP_S: Final = 0.3
_PR_SET_PDEATHSIG: Final = 1
# Of 1000; servers have 0.
OOM_SCORE: Final = "700"


class Server:
    """Serves one socket until the other side closes it."""

    def __init__(self, tracker: socket.socket, child: str) -> None:
        self._tracker = tracker
        self._child = child
        self._pids: dict[int, int] = {}
        self._ids: dict[int, int] = {}
        # When to send which signal to which process.
        self._due: list[tuple[float, int, signal.Signals]] = []
        self._libc = ctypes.CDLL(None, use_errno=True)

    def serve(self) -> None:
        wake_reader, wake_writer = socket.socketpair()
        for end in (wake_reader, wake_writer):
            end.setblocking(False)
        signal.set_wakeup_fd(wake_writer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        selector = selectors.DefaultSelector()
        selector.register(self._tracker, selectors.EVENT_READ)
        selector.register(wake_reader, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select(self._pause_s()):
                if key.fileobj is wake_reader:
                    with contextlib.suppress(BlockingIOError):
                        wake_reader.recv(4096)
                elif not self._obey():
                    # The sockets end with this function; signals may still come.
                    signal.set_wakeup_fd(-1)
                    self._kill_all()
                    return
            self._reap()
            self._send_due()

    def _pause_s(self) -> float | None:
        if not self._due:
            return None
        return max(0.0, min(at for at, _, _ in self._due) - time.monotonic())

    def _obey(self) -> bool:
        """False when the tracker is gone."""
        try:
            data, fds, _, _ = socket.recv_fds(self._tracker, MESSAGE_BYTES_MAX, 1)
        except OSError:
            return False
        if not data:
            return False
        order: dict[str, Any] = json.loads(data)
        if "spawn" in order:
            self._spawn(order["spawn"], fds[0])
        elif "end" in order:
            self._end(order["end"], order["after_s"], order["grace_s"], order["dump"])
        return True

    def _spawn(self, process_id: int, pipe: int) -> None:
        pid = os.fork()
        if pid == 0:
            self._be_child(pipe)
        os.close(pipe)
        # Both sides do it: whoever is first, a signal to the group finds it.
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        self._pids[process_id], self._ids[pid] = pid, process_id
        self._tell({"spawned": process_id, "pid": pid})

    def _end(self, process_id: int, after_s: float, grace_s: float, dump: bool) -> None:
        at = time.monotonic() + after_s
        if dump:
            self._due.append((at, process_id, signal.SIGUSR1))
            at += DUMP_S
        self._due.append((at, process_id, signal.SIGTERM))
        self._due.append((at + grace_s, process_id, signal.SIGKILL))

    def _send_due(self) -> None:
        now = time.monotonic()
        due = [item for item in self._due if item[0] <= now]
        self._due = [item for item in self._due if item[0] > now and item[1] in self._pids]
        for _, process_id, number in due:
            self._signal(process_id, number)

    def _signal(self, process_id: int, number: signal.Signals) -> None:
        pid = self._pids.get(process_id)
        if pid is None:
            return
        # Only the task itself can write its stack; the end is for all that it started.
        with contextlib.suppress(ProcessLookupError):
            if number is signal.SIGUSR1:
                os.kill(pid, number)
            else:
                os.killpg(pid, number)

    def _reap(self) -> None:
        while self._ids:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            process_id = self._ids.pop(pid, None)
            if process_id is None:
                continue
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            del self._pids[process_id]
            self._tell({"exited": process_id, "status": status})

    def _tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._tracker.send(json.dumps(message).encode())

    def _kill_all(self) -> None:
        for pid in self._ids:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def _be_child(self, pipe: int) -> NoReturn:
        """The task process: never returns into the nursery's code."""
        status = 1
        try:
            nursery = os.getppid()
            os.setpgid(0, 0)
            self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != nursery:
                os._exit(1)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            self._tracker.close()
            _first_to_go()
            gc.enable()
            faulthandler.register(signal.SIGUSR1, file=2, all_threads=True)
            importlib.import_module(self._child).run(Connection(pipe))
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            # Libraries' exit handlers may hang or crash; everything that counts is written.
            os._exit(status)


def _first_to_go() -> None:
    """When the machine runs out of memory, the kernel ends a task, and not a server."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(OOM_SCORE)


def main(fd: int, child: str, preload: list[str]) -> None:
    """Entry of the process: `fd` is the socket to the tracker, `child` the module whose
    `run(connection)` is a task process's life."""
    # Ctrl-C on a terminal goes to the whole foreground group: only the tracker answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tracker = socket.socket(fileno=fd)
    for name in (child, *preload):
        try:
            importlib.import_module(name)
        except Exception as error:
            print(f"task processes start without {name}: {error}", file=sys.stderr)
    # What is there now is never garbage; children share it as long as nobody touches it.
    gc.disable()
    gc.freeze()
    Server(tracker, child).serve()
    # Taking numpy and pyarrow apart takes longer than all of the above, and the tracker waits.
    os._exit(0)
