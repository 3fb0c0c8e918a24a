"""Python's cycle collector in a process whose state is millions of objects without cycles.

Left to itself it looks through all that has come since the start, again and again: steps of a
second with a million files, in which nobody is answered. Here each full look ends with putting
aside what it has found (`gc.freeze`): that goes by its reference counts as before, and no later
look sees it. So a look has to do with what has come since the last one, whatever there is.

What is in a call just then is put aside too, and if it ends as a cycle it stays. Looks come only
after some ten thousand new objects, beside which that is nothing.
"""

import gc
from typing import Any, Final

_FULL: Final = 2


def put_aside_what_lasts() -> None:
    """Of the whole process: only a daemon's own root calls this."""
    gc.freeze()
    if _after_look not in gc.callbacks:
        gc.callbacks.append(_after_look)


def _after_look(phase: str, info: dict[str, Any]) -> None:
    if phase == "stop" and info["generation"] == _FULL:
        gc.freeze()
