"""What happened to one task, in order and in words, for the user whose job it has ended. Pure."""

from collections.abc import Iterable
from typing import Final

from mapred.jobtracker.entries import AttemptLaunched, AttemptMoved, Entry
from mapred.model import TaskId

# Of a long story the first and the last lines: how it began, and how it ended.
FIRST_LINES: Final = 5
LAST_LINES: Final = 25


def story_of(entries: Iterable[Entry], task: TaskId) -> tuple[str, ...]:
    """Its launches and what became of them, each with its seconds since the first."""
    ours = [
        entry
        for entry in entries
        if isinstance(entry, AttemptLaunched | AttemptMoved) and entry.attempt.task == task
    ]
    hosts = {one.attempt: one.host for one in ours if isinstance(one, AttemptLaunched)}
    lines = [
        f"{one.at_s - ours[0].at_s:8.1f} s  {one.attempt} on {hosts[one.attempt]}: {_words(one)}"
        for one in ours
    ]
    left_out = len(lines) - FIRST_LINES - LAST_LINES
    if left_out > 0:
        lines[FIRST_LINES:-LAST_LINES] = [f"           … {left_out} more …"]
    return tuple(lines)


def _words(entry: AttemptLaunched | AttemptMoved) -> str:
    if isinstance(entry, AttemptLaunched):
        return "launched"
    reason = f": {entry.failure.reason}" if entry.failure else ""
    return f"{entry.event.value}{reason}"
