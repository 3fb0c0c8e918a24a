"""What user code prints: into files of the attempt, bounded, whoever prints and however.

Besides `stdout` and `stderr` there is `log`: what is said through Python's `logging`.
The redirection is of the descriptors 1 and 2, so that C libraries and child processes of
the user's code are caught too.
"""

import io
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

STDOUT_NAME: Final = "stdout"
STDERR_NAME: Final = "stderr"
LOG_NAME: Final = "log"
# A print in a map over a terabyte must not fill the disk: only the end is kept.
_LOG_BYTES_MAX: Final = 8 * 1024 * 1024
_LOG_FORMAT: Final = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")


class CapturedOutput:
    """The two files of one attempt."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def trim(self) -> None:
        """Cuts a file that has grown too long down to its end."""
        for path in self._paths:
            with suppress(OSError):
                if path.stat().st_size > _LOG_BYTES_MAX:
                    _keep_end(path)


def _keep_end(path: Path) -> None:
    with open(path, "r+b") as file:
        file.seek(-_LOG_BYTES_MAX // 2, os.SEEK_END)
        kept = file.read()
        file.seek(0)
        file.truncate()
        file.write(b"[the beginning was dropped]\n" + kept)


@contextmanager
def captured_output(folder: str) -> Iterator[CapturedOutput]:
    """Sends stdout and stderr into files in `folder` until the block ends; "" leaves them."""
    if not folder:
        yield CapturedOutput(())
        return
    paths = Path(folder, STDOUT_NAME), Path(folder, STDERR_NAME)
    captured = CapturedOutput((*paths, Path(folder, LOG_NAME)))
    saved = os.dup(1), os.dup(2)
    _flush()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What was printed before a kill is what one wants to see.
        sys.stdout.reconfigure(line_buffering=True)
    for number, path in zip((1, 2), paths, strict=True):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(file, number)
        os.close(file)
    log = _begin_log(folder)
    try:
        yield captured
    finally:
        logging.getLogger().removeHandler(log)
        with suppress(OSError):
            log.close()
        _flush()
        for number, old in zip((1, 2), saved, strict=True):
            os.dup2(old, number)
            os.close(old)
        captured.trim()


def _begin_log(folder: str) -> logging.Handler:
    """What is said through Python's `logging`; a file only if there is anything."""
    handler = logging.FileHandler(Path(folder, LOG_NAME), encoding="utf-8", delay=True)
    handler.setFormatter(_LOG_FORMAT)
    root = logging.getLogger()
    if root.level == logging.WARNING:
        root.setLevel(logging.INFO)
    root.addHandler(handler)
    return handler


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
