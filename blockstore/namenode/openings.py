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
    # The stamp that its last block had when a writer reopened it; 0: none was. The writer's own
    # requests name a newer one, so one that names this was made before the file was reopened.
    reopened_generation: int = 0
