"""The C allocator's habits, for processes that move bytes in pieces of a MiB.

By default glibc returns such pieces to the system when they are freed and fetches (and the
kernel zeroes) new ones for the next: half of the CPU time of a stream. A daemon of ours
keeps some freed memory instead. Only a process's own root calls this, never a library.
"""

import ctypes
from contextlib import suppress
from typing import Final

# From malloc.h of glibc; other C libraries have no mallopt, and nothing happens.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8

# Freed memory that a heap keeps: the packets of some streams.
KEPT_BYTES: Final = 64 * 1024 * 1024
# Larger pieces are rare, and go back to the system at once.
PIECE_BYTES_MAX: Final = 8 * 1024 * 1024


def keep_freed_memory(
    piece_bytes_max: int = PIECE_BYTES_MAX, kept_bytes: int = KEPT_BYTES, *, heaps_max: int = 0
) -> bool:
    """Whether the allocator has agreed; glibc takes pieces of 32 MiB at most. `heaps_max`: threads
    share so many heaps from now on, each of which keeps what was freed; 0: as many as it likes.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    if heaps_max and not mallopt(_M_ARENA_MAX, heaps_max):
        return False
    return bool(
        mallopt(_M_MMAP_THRESHOLD, piece_bytes_max) and mallopt(_M_TRIM_THRESHOLD, kept_bytes)
    )


def give_back_freed_memory() -> None:
    """Returns to the system what is free anywhere in the heap, and not only at its end.

    Pieces of many sizes that come and go leave holes which the next ones don't fit into.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


class GivingBack:
    """Gives back what is free whenever so many bytes have passed through; 0: never.

    What is on its way to others or from them comes in pieces that live for different times: in a
    process with little memory the holes between them become as large as what is in use.
    """

    def __init__(self, every_bytes: int) -> None:
        self._every_bytes = every_bytes
        self._next = every_bytes

    def passed(self, total_bytes: int) -> None:
        """So many by now."""
        if self._every_bytes and total_bytes >= self._next:
            give_back_freed_memory()
            self._next = total_bytes + self._every_bytes
