"""Imported before numpy and pyarrow: how their libraries behave in a task process.

One thread: slots are the parallelism, and a thread per core in each makes all slower.

One heap: what one of the two frees is what the other takes next. Arrow's own allocator keeps what
was freed for itself: a sort of several times its budget took twice the memory.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
