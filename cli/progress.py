"""How far a job is, on stderr: a live bar on a terminal, Hadoop-like lines elsewhere.

Lines are ` map 57% reduce 12%`, and only when a number changes.
"""

import sys
import time
from types import TracebackType
from typing import Final, Protocol, Self

from mapred.iterative.status import LoopStatus
from mapred.model import JobStatus

# More lines a second than this help nobody who reads a log.
LINE_INTERVAL_S: Final = 0.5


class Progress(Protocol):
    """Shows one job; `show` is called with every version of its status."""

    def __enter__(self) -> Self: ...

    def show(self, status: JobStatus) -> None: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def progress_for(*, quiet: bool) -> Progress:
    if quiet:
        return Silence()
    return Bar() if sys.stderr.isatty() else Lines()


class Silence:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def show(self, status: JobStatus) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


class Lines(Silence):
    """One line for each change of a whole percent, at most a few a second."""

    def __init__(self) -> None:
        self._shown = ""
        self._shown_at_s = -LINE_INTERVAL_S
        self._waiting_for = ""

    def show(self, status: JobStatus) -> None:
        line = percent_line(status)
        now = time.monotonic()
        if line != self._shown and (
            now - self._shown_at_s >= LINE_INTERVAL_S or status.state.ended
        ):
            print(line, file=sys.stderr, flush=True)
            self._shown, self._shown_at_s = line, now
        if status.waiting_for and status.waiting_for != self._waiting_for:
            print(f" waiting: {status.waiting_for}", file=sys.stderr, flush=True)
        self._waiting_for = status.waiting_for


def percent_line(status: JobStatus) -> str:
    """` map 57% reduce 12%`; 100 only when all is done. Of a loop: which round that is."""
    tasks = f" map {percent(status.map_progress)}% reduce {percent(status.reduce_progress)}%"
    return f" round {round_words(status)}{tasks}" if isinstance(status, LoopStatus) else tasks


def round_words(status: LoopStatus) -> str:
    """`7 (loss 0.0314)`, with what the job shows of its last round."""
    shown = ", ".join(f"{name} {value:.6g}" for name, value in status.metrics.items())
    number = max(1, status.rounds_done + (not status.state.ended))
    return f"{number} ({shown})" if shown else str(number)


def percent(fraction: float) -> int:
    # The margin forgives the last bit of a sum of task fractions.
    return int(fraction * 100 + 1e-6)


class Bar(Silence):
    """Two bars that live on the terminal: maps and reduces."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._bars = Progress(
            TextColumn("{task.description:<7}"),
            BarColumn(bar_width=40),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[tasks]:<14}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
        )
        self._maps = self._bars.add_task("map", total=1.0, tasks="", note="")
        self._reduces = self._bars.add_task("reduce", total=1.0, tasks="", note="")

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def show(self, status: JobStatus) -> None:
        note = status.waiting_for
        if isinstance(status, LoopStatus) and not note:
            note = f"round {round_words(status)}"
        if not note and status.attempts_failed:
            note = f"{status.attempts_failed} failed attempts"
        self._bars.update(
            self._maps,
            completed=status.map_progress,
            tasks=f"{status.maps_done} of {status.maps}",
            note=note,
        )
        self._bars.update(
            self._reduces,
            completed=status.reduce_progress,
            tasks=f"{status.reduces_done} of {status.reduces}",
            visible=status.reduces > 0,
        )

    def __exit__(self, *_: object) -> None:
        self._bars.stop()
