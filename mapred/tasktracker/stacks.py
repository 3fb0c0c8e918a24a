"""What faulthandler wrote of a task process, in a few lines for its user. Pure."""

from typing import Final

# The signal comes to the main thread, and that is where the task runs.
_TASK_THREAD: Final = "Current thread 0x"
_MOST_RECENT: Final = "(most recent call first)"
NO_STACK: Final = "It wrote no stack when it was asked to (SIGUSR1)."


def stuck_stack(words: str) -> str:
    """Of what faulthandler wrote, the stack of the thread that runs the task; all, if it isn't
    there: then the process was past writing it, or its code has taken the signal for it."""
    _, found, stack = words.rpartition(_TASK_THREAD)
    if found:
        return f"Stack, innermost first{stack.partition(_MOST_RECENT)[2]}"
    return f"{NO_STACK}\n{words}".rstrip()
