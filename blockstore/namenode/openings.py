"""Why a file is open, and since when: journaled for as long as it's open."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Opening:
    """One file's way from open to closed."""

    # Seconds since the epoch, wall clock.
    at_s: float
    # The file's blocks before this one were closed earlier and don't change.
    blocks_before: int = 0
    # No writer: its last block is being cut to the length that the namespace has for it.
    is_cut: bool = False
