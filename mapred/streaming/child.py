"""One program with three pipes: one loop feeds and hears it, so that neither waits for the other.

    child = Child("mapper 'cat'", command, folder, environment, stderr, alive)
    for lines in child.feed(data): …      what it has said meanwhile; feeding stops while it is used
    for lines in child.finish(): …        its input ends; what it says until its end
    child.kill()                          whenever the attempt ends

- What isn't used yet is bounded: a program that writes much is left waiting, as in any pipe.
- A program that ends well before it has read everything has done its work.
- Waiting has no deadline of its own: without progress the tracker ends the attempt.
"""

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil

from mapred.streaming.stderr import Stderr
from mapred.task.failure import ProgramError

_READ_BYTES: Final = 256 * 1024
# Said and not yet used: more than a pipe holds, little enough beside a task's buffers.
_HELD_BYTES: Final = 1024 * 1024
# The kernel takes this much at a time from us, at most.
_WRITE_BYTES: Final = 256 * 1024
# A program that has closed its output ends soon: how long to sleep until the next look.
_LOOK_MS: Final = (1, 5, 20, 50)
# How often to look whether one that says nothing has ended.
_EXIT_LOOK_MS: Final = 200


class Child:
    """Started by construction."""

    def __init__(
        self,
        title: str,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        stderr: Stderr,
        alive: Callable[[], None],
        *,
        exit_code_counts: bool = True,
    ) -> None:
        self._title = title
        self._stderr = stderr
        self._alive = alive
        self._exit_code_counts = exit_code_counts
        self._process = _started(title, command, folder, environment)
        stdin, out, err = self._process.stdin, self._process.stdout, self._process.stderr
        assert stdin
        assert out
        assert err
        self._in, self._out, self._err = stdin.fileno(), out.fileno(), err.fileno()
        for pipe in (self._in, self._out, self._err):
            os.set_blocking(pipe, False)
        self._poll = select.poll()
        self._poll.register(self._out, select.POLLIN)
        self._poll.register(self._err, select.POLLIN)
        self._open = {self._in, self._out, self._err}
        self._held: list[bytes] = []
        self._held_bytes = 0
        # Of a line whose end hasn't come.
        self._begun: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Raises ProgramError: it has ended, and not well."""
        left = memoryview(data)
        if left and self._in in self._open:
            self._poll.register(self._in, select.POLLOUT)
            while left and self._in in self._open:
                for pipe, _ in self._poll.poll():
                    if pipe == self._in:
                        left = left[self._write(left) :]
                    else:
                        self._read(pipe)
                if self._held_bytes >= _HELD_BYTES:
                    yield from self._whole_lines()
            if self._in in self._open:
                self._poll.unregister(self._in)
        if left and self._process.poll():
            yield from self.finish()

    def finish(self) -> Iterator[bytes]:
        """Raises ProgramError."""
        self._close_input()
        # What has failed isn't waited for any longer, though others may hold its pipes open.
        while self._out in self._open and not self._process.poll():
            self._hear(_EXIT_LOOK_MS)
            if self._held_bytes >= _HELD_BYTES:
                yield from self._whole_lines()
        looks = iter(_LOOK_MS)
        while self._process.poll() is None:
            # With its pipes closed it may work on: the time is up to the tracker.
            self._hear(next(looks, _LOOK_MS[-1]))
        self._hear(0)
        self._stderr.end()
        yield from self._whole_lines()
        if self._begun:
            yield b"".join(self._begun)
            self._begun = []
        self._judge()

    def kill(self) -> None:
        """Ends it and what it has started, at once; safe at any time. What has outlived it ends
        with the task process, whose group it is of."""
        self._close_input()
        if self._process.poll() is None:
            with contextlib.suppress(psutil.Error):
                for one in psutil.Process(self._process.pid).children(recursive=True):
                    with contextlib.suppress(psutil.Error):
                        one.kill()
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def _hear(self, wait_ms: int) -> None:
        for pipe, _ in self._poll.poll(wait_ms):
            self._read(pipe)

    def _write(self, data: memoryview) -> int:
        try:
            written = os.write(self._in, data[:_WRITE_BYTES])
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            self._poll.unregister(self._in)
            self._close_input()
            return 0
        self._alive()
        return written

    def _close_input(self) -> None:
        if self._in in self._open and self._process.stdin:
            self._open.discard(self._in)
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def _read(self, pipe: int) -> None:
        try:
            data = os.read(pipe, _READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._open.discard(pipe)
            self._poll.unregister(pipe)
            return
        self._alive()
        if pipe == self._err:
            self._stderr.take(data)
        else:
            self._held.append(data)
            self._held_bytes += len(data)

    def _whole_lines(self) -> Iterator[bytes]:
        said, self._held, self._held_bytes = b"".join(self._held), [], 0
        end = said.rfind(b"\n") + 1
        if end:
            yield b"".join((*self._begun, said[:end]))
            self._begun = []
        if end < len(said):
            self._begun.append(said[end:])

    def _judge(self) -> None:
        code = self._process.returncode
        if code == 0 or (code > 0 and not self._exit_code_counts):
            return
        how = f"exit code {code}" if code > 0 else f"signal {-code}, {_signal_name(-code)}"
        tail = self._stderr.tail
        last = f": {tail.splitlines()[-1].strip()}" if tail else ""
        raise ProgramError(f"{self._title} ended with {how}{last}", tail)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def _started(
    title: str, command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0
        )
    except FileNotFoundError:
        raise ProgramError(
            f"{title}: there is no program '{command[0]}' on this machine, neither among the job's "
            "files nor on the PATH (or the interpreter of its first line is missing). "
            "Send it along:  -file PATH"
        ) from None
    except OSError as error:
        raise ProgramError(
            f"{title}: '{command[0]}' can't be started: {error.strerror}. A script needs a first "
            "line such as #!/usr/bin/env python3, or its interpreter in the command"
        ) from None
