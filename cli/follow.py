"""A submitted job from its start to its end, and what happens when the user has enough.

Ctrl-C and SIGTERM kill the job, wait for its end, and leave nothing half-written behind.
A second Ctrl-C ends the command at once.
"""

import contextlib
import signal
import time
from collections.abc import Iterator
from types import FrameType
from typing import Final

from blockstore.errors import StoreError, UnreachableException
from mapred.engine import Engine
from mapred.errors import MapredError
from mapred.model import JobStatus

from .errors import CommandError, Terminated
from .output import tell
from .progress import Progress

# One call waits this long for news; between news the elapsed time on a bar moves anyway.
NEWS_WAIT_S: Final = 5.0
# From a kill to the end of the job: its processes are ended, its files removed.
KILL_DEADLINE_S: Final = 15.0


def to_the_end(engine: Engine, job_id: str, progress: Progress) -> JobStatus:
    """Shows the job until it has ended.

    Raises:
        CommandError: the JobTracker is gone, and hasn't come back in time.
    """
    version = 0
    with progress:
        while True:
            try:
                status, version = engine.status(job_id, known_version=version, wait_s=NEWS_WAIT_S)
            except UnreachableException as error:
                raise CommandError(
                    f"{error}\n  {job_id} goes on when the JobTracker is back. "
                    f"Ask then:  mapred job status {job_id}"
                ) from None
            progress.show(status)
            if status.state.ended:
                return status


@contextlib.contextmanager
def killed_on_interrupt(engine: Engine, output_uri: str) -> Iterator[None]:
    """Ctrl-C and SIGTERM inside the block kill the job that writes to `output_uri`.

    The output says which job is meant, for the block may end before a submit has told its id.
    """
    try:
        yield
    except (KeyboardInterrupt, Terminated) as interrupt:
        why = "Ctrl-C" if isinstance(interrupt, KeyboardInterrupt) else "SIGTERM"
        try:
            for status in engine.jobs():
                if status.output_uri == output_uri and not status.state.ended:
                    tell(f"mapred: {why}: killing {status.job_id}")
                    _kill(engine, status.job_id, f"{why} in mapred submit")
        except (MapredError, StoreError) as error:
            tell(f"mapred: the job can't be killed: {error}")
        raise


def _kill(engine: Engine, job_id: str, reason: str) -> None:
    engine.kill(job_id, reason)
    deadline = time.monotonic() + KILL_DEADLINE_S
    version = 0
    while time.monotonic() < deadline:
        status, version = engine.status(job_id, known_version=version, wait_s=1.0)
        if status.state.ended:
            return
    tell(f"mapred: {job_id} hasn't ended yet. See:  mapred job status {job_id}")


@contextlib.contextmanager
def terminated_by_signal() -> Iterator[None]:
    """SIGTERM and SIGHUP raise Terminated inside the block."""

    def terminate(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, terminate) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
