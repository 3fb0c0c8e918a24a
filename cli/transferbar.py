"""A bar for `put` and `get` on a terminal; nothing elsewhere."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def transfer_bar(
    title: str, total_bytes: Callable[[], int] | None
) -> Iterator[Callable[[int], None]]:
    """A function to call with every number of bytes moved, from any thread.

    The total is asked for only when there is a bar; `None`: it isn't known.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=40),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True))
    task = bar.add_task(title, total=total_bytes() if total_bytes else None)
    # Shown when there is something to show: what is refused leaves no empty bar.
    shown = threading.Lock()

    def advance(moved: int) -> None:
        if shown.acquire(blocking=False):
            bar.start()
        bar.advance(task, moved)

    try:
        yield advance
    finally:
        if shown.locked():
            bar.stop()
