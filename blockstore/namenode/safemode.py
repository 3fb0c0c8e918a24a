"""Safe mode: nothing is changed while the NameNode doesn't know enough of the blocks.

Rules
- At start it's on until `threshold` of all committed blocks have a good replica, and ends in
  the moment when they have. A namespace without blocks never enters it.
- An administrator may enter and leave it at any time; what they entered, only they end.
- While the journal has no room it's on, whatever else; nobody needs to end it.
- Reads work; changes raise SafeModeException; no replica is copied or deleted, except while
  only the journal's room is missing: that touches no entry, and blocks may need it.
"""

import logging
import math
from collections.abc import Callable

from blockstore.errors import ManualSafeModeException, SafeModeException
from blockstore.model import SafeMode as Status

log = logging.getLogger(__name__)


class SafeMode:
    """`blocks` and `reported` are asked for the numbers of the moment."""

    def __init__(
        self, threshold: float, *, blocks: Callable[[], int], reported: Callable[[], int]
    ) -> None:
        self._blocks = blocks
        self._reported = reported
        # Fixed at start: blocks that are written later are known anyway.
        self._needed = math.ceil(threshold * blocks())
        self._starting = True
        self._by_hand = False
        # Why the journal can't take changes; empty when it can.
        self._held = ""
        self.progress()

    @property
    def on(self) -> bool:
        return self._starting or self._by_hand or bool(self._held)

    @property
    def keeps_replicas(self) -> bool:
        """No replica may be copied or deleted."""
        return self._starting or self._by_hand

    @property
    def can_record(self) -> bool:
        """The journal has room."""
        return not self._held

    def hold(self, reason: str) -> None:
        if bool(reason) != bool(self._held):
            log.warning("%s", reason or "the journal has room again: changes are taken")
        self._held = reason

    def progress(self) -> bool:
        """Looks whether enough blocks are there; true when safe mode ended just now."""
        if not self._starting or self._reported() < self._needed:
            return False
        self._starting = False
        return not self._by_hand

    def enter(self) -> None:
        self._by_hand = True

    def leave(self) -> None:
        self._by_hand = self._starting = False

    def status(self) -> Status:
        if self._held:
            reason = self._held
        elif self._by_hand:
            reason = "an administrator entered it: mapred admin safemode leave"
        elif self._starting:
            reason = (
                f"{self._reported()} of {self._blocks()} blocks are reported, "
                f"{self._needed} are needed"
            )
        else:
            reason = "enough blocks are reported"
        return Status(self.on, reason, self._reported(), self._needed)

    def check(self, what: str) -> None:
        """Refuses a change.

        Raises:
            SafeModeException: safe mode is on until enough is reported; says what is.
            ManualSafeModeException: it is on until an administrator ends it.
        """
        if self.on:
            kind = ManualSafeModeException if self._by_hand else SafeModeException
            reason = self.status().reason
            if self._starting and not self._by_hand and not self._held:
                reason += "; what is missing, and who may have it: mapred admin safemode why"
            raise kind(f"{what} is refused in safe mode: {reason}")
