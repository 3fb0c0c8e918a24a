"""How a task's memory is shared out; all in bytes, all from one number.

Every threshold is a function of the budget and of the data alone, never of the machine's
load: a task that runs again cuts its spills in the same places, and so gives the same bytes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from mapred.model import JobSpec, TrackerInfo

# Enough that a split of 32 MiB of text never spills.
MEMORY_BYTES_DEFAULT: Final = 128 * 1024 * 1024
# Below this the parts would be too small to be of use.
MEMORY_BYTES_MIN: Final = 1024 * 1024
# What of a small slot's memory is a budget: its process takes up 1.3 times that and 100 MB, user
# code what it wants.
_SLOT_SHARE: Final = 4
_SMALL_MACHINES_MIN: Final = 16 * 1024 * 1024
# From here on time counts more than memory.
AMPLE_BYTES: Final = 64 * 1024 * 1024
# Going through the heap costs as much as copying a MiB does.
_GIVE_BACK_BYTES_MIN: Final = 4 * 1024 * 1024
# What gRPC begins with by itself.
_AHEAD_BYTES_MIN: Final = 64 * 1024
# Arrow's columns hold at most 2 GiB.
_BUFFER_BYTES_MAX: Final = 1024 * 1024 * 1024
# Large enough for vectors, small enough for many runs at a time and for a CPU's cache.
_FRAME_BYTES: Final = 512 * 1024


def with_memory(spec: JobSpec, infos: Iterable[TrackerInfo]) -> JobSpec:
    """With the budget of its tasks. It is decided once, by who takes the job up or, for all rounds,
    by the driver of a loop: a job's tasks have the same wherever they run."""
    if spec.memory_bytes:
        return spec
    slots_bytes = [info.share_bytes for info in infos if not info.refuses]
    return replace(spec, memory_bytes=memory_bytes_of(slots_bytes))


def memory_bytes_of(slots_bytes: Iterable[int]) -> int:
    """The budget of a job that names none, where slots have so much memory each (0: unknown): the
    default, and less on machines that are too small for it."""
    least = min((one for one in slots_bytes if one), default=MEMORY_BYTES_DEFAULT * _SLOT_SHARE)
    return max(_SMALL_MACHINES_MIN, min(MEMORY_BYTES_DEFAULT, least // _SLOT_SHARE))


@dataclass(frozen=True, slots=True)
class Budget:
    """The parts of one task's memory."""

    memory_bytes: int

    @classmethod
    def of(cls, memory_bytes: int) -> "Budget":
        """0: the default."""
        return cls(max(memory_bytes or MEMORY_BYTES_DEFAULT, MEMORY_BYTES_MIN))

    @property
    def buffer_bytes(self) -> int:
        """Columns that a map gathers before it sorts and spills, which takes as much once more."""
        return min(self.memory_bytes // 3, _BUFFER_BYTES_MAX)

    @property
    def combine_bytes(self) -> int:
        """What a combiner's table may hold, beside what a map gathers."""
        return self.memory_bytes // 4

    @property
    def reduce_table_bytes(self) -> int:
        """What a reduce's table of keys may hold: it gathers nothing beside it."""
        return self.memory_bytes // 3

    @property
    def frame_bytes(self) -> int:
        """Rows of one frame before compression."""
        return max(16 * 1024, min(_FRAME_BYTES, self.memory_bytes // 64))

    @property
    def merge_bytes(self) -> int:
        """Frames that a merge has open at a time: merging takes thrice as much again."""
        return self.memory_bytes // 8

    @property
    def fetch_bytes(self) -> int:
        """Fetched segments that a reduce holds before it writes them to disk: they stay while it
        merges, and its output is on its way."""
        return self.memory_bytes // (4 if self.memory_bytes >= AMPLE_BYTES else 8)

    @property
    def ahead_bytes(self) -> int:
        """Of each map output on its way from another tracker, what may have come before somebody
        takes it; 0: as much as gRPC finds best, where there's enough."""
        if self.memory_bytes >= AMPLE_BYTES:
            return 0
        return max(self.memory_bytes // 64, _AHEAD_BYTES_MIN)

    @property
    def output_bytes(self) -> int:
        """Of a file in the block store, what may be on its way to the DataNodes."""
        return self.memory_bytes // 8

    @property
    def give_back_bytes(self) -> int:
        """Of a reduce's output, after which freed memory goes back to the system; 0: never, where
        there's so much that time counts more."""
        if self.memory_bytes >= AMPLE_BYTES:
            return 0
        return max(self.memory_bytes // 4, _GIVE_BACK_BYTES_MIN)

    @property
    def kept_bytes(self) -> int:
        """Freed memory that isn't given back at once: the next piece comes from it."""
        return self.memory_bytes // 4
