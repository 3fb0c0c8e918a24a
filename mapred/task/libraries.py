"""Imported before numpy and pyarrow: how their libraries behave in a task process.

One thread: slots are the parallelism, and a thread per core in each makes all slower.

One heap: what one of the two frees is what the other takes next. Arrow's own allocator keeps what
was freed for itself: a sort of several times its budget took twice the memory.
"""

import os
from typing import Final

from blockstore.runtime.heap import keep_freed_memory
from mapred.shuffle.budget import AMPLE_BYTES, Budget

# A column of a split of the usual size. Fetched anew from the system for every split, and zeroed,
# such pieces are a fifth of the time of a sort.
_PIECE_BYTES_MAX: Final = 32 * 1024 * 1024
# Larger parts of the budget than this go back to the system when they are freed. Measured with
# 32 MiB over the wire: free memory between pieces in use was 40 MB where a sixteenth stayed, and is
# 20 where a 128th does, for a twelfth more of a sort's CPU time; a 512th costs a third more.
_SHARE_OF_AMPLE: Final = 4
_SHARE_OF_LITTLE: Final = 128
# Asking the system for less at a time costs more than it saves.
_PIECE_BYTES_MIN: Final = 128 * 1024

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def one_heap(budget: Budget) -> None:
    """For all threads, too: those that fetch come and go, and each would leave a heap of its own
    with as much in it as is kept. Called before there are others."""
    keep_freed_memory(_piece_bytes_max(budget), budget.kept_bytes, heaps_max=1)


def _piece_bytes_max(budget: Budget) -> int:
    """Of what may stay in the heap."""
    share = _SHARE_OF_AMPLE if budget.memory_bytes >= AMPLE_BYTES else _SHARE_OF_LITTLE
    return max(_PIECE_BYTES_MIN, min(budget.memory_bytes // share, _PIECE_BYTES_MAX))
