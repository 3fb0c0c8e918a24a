"""What is told of a loop that runs; light enough for a command line that runs none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mapred.model import JobSpec, JobStatus

# In JobSpec.settings: submitting this job means running a loop.
LOOP_SETTING: Final = "loop"
# Likewise: this job is a round of one (broadcast.py says more of it).
STATE_URI: Final = "loop.state_uri"
# Likewise: its tasks begin with what those of the round before have carried on (carried.py).
CARRIED: Final = "loop.carried"


@dataclass(frozen=True, slots=True)
class LoopStatus(JobStatus):
    """A loop: what a JobStatus says, of the round that runs, and how many are done."""

    rounds_done: int = 0
    # Of the last round done.
    metrics: Mapping[str, float] = field(default_factory=dict)
    # When it has ended by itself: why, and whether it has arrived.
    reason: str = ""
    converged: bool = False


def is_loop(spec: JobSpec) -> bool:
    return LOOP_SETTING in spec.settings


def is_round(spec: JobSpec) -> bool:
    return STATE_URI in spec.settings
