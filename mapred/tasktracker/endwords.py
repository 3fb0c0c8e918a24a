"""How a task process ended, and what it said last, in words for its user."""

import os
import signal


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
