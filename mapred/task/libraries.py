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
# Larger parts of the budget than this go back to the system when they are freed. Measured: of less
# than AMPLE_BYTES the holes that a merge leaves take up a third, for an eighth more of its time.
_SHARE_OF_AMPLE: Final = 4
_SHARE_OF_LITTLE: Final = 16

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def one_heap(budget: Budget) -> None:
    """For all threads, too: those that fetch come and go, and each would leave a heap of its own
    with as much in it as is kept. Called before there are others."""
    share = _SHARE_OF_AMPLE if budget.memory_bytes >= AMPLE_BYTES else _SHARE_OF_LITTLE
    piece_bytes_max = min(budget.memory_bytes // share, _PIECE_BYTES_MAX)
    keep_freed_memory(piece_bytes_max, budget.kept_bytes, heaps_max=1)
