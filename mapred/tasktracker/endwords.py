"""How a task process ended, and what it said last, in words for its user."""

import os
import signal
from typing import Final

# The signal comes to the main thread, and that is where the task runs.
_TASK_THREAD: Final = "Current thread 0x"
_MOST_RECENT: Final = "(most recent call first)"


def how_ended(status: int) -> str:
    """Of a wait status."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        hint = " (out of memory?)" if number == signal.SIGKILL else ""
        return f"killed by {name}{hint}"
    return f"exit code {os.WEXITSTATUS(status)}"


def stuck_stack(words: str) -> str:
    """Of what faulthandler wrote, the stack of the thread that runs the task; all, if it isn't
    there: then the process was past writing it."""
    _, found, stack = words.rpartition(_TASK_THREAD)
    return f"Stack, innermost first{stack.partition(_MOST_RECENT)[2]}" if found else words


def tail(path: str, bytes_max: int) -> str:
    """The end of a text file from a whole line on; empty when there is none."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - bytes_max))
            data = file.read(bytes_max)
    except OSError:
        return ""
    if size > bytes_max:
        data = data.partition(b"\n")[2] or data
    return data.decode(errors="replace")
