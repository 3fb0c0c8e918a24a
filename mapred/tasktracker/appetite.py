"""Which attempt has to end for its memory. Pure.

Rules
- One that uses more than its limit.
- When all together use more than the tracker has for tasks: the one that is furthest above an
  even share, so that the node and its neighbours live. One a look: that may be enough.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mapred.model import AttemptId


@dataclass(frozen=True, slots=True)
class TooLarge:
    """An attempt, what it used, and what it should have kept to."""

    attempt: AttemptId
    used_bytes: int
    # "its limit is …", "the tasks here together may use …".
    bound: str


def too_large(
    used: Mapping[AttemptId, int],
    limits: Mapping[AttemptId, int],
    *,
    together_bytes: int,
) -> list[TooLarge]:
    """`limits`: 0 where there is none. `together_bytes`: 0 where nobody watches."""
    found = [
        TooLarge(attempt, size, f"its limit is {in_mib(limits[attempt])}")
        for attempt, size in sorted(used.items())
        if 0 < limits.get(attempt, 0) < size
    ]
    if not found and used and 0 < together_bytes < sum(used.values()):
        attempt = max(sorted(used), key=lambda one: used[one] - limits.get(one, 0))
        bound = f"all tasks here together may use {in_mib(together_bytes)}, and it used the most"
        found.append(TooLarge(attempt, used[attempt], bound))
    return found


def in_mib(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"
