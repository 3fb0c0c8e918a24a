"""The desk, which isn't there before the block store lets its history be read and begun: a
JobTracker that starts while the store is in safe mode says so to everybody, and goes on by itself.
"""

import asyncio
import logging

from mapred.errors import NotYetError
from mapred.jobtracker.desk import Desk
from mapred.jobtracker.journaling import within

log = logging.getLogger(__name__)


class Opening:
    """Belongs to the event loop."""

    def __init__(self, held_up_s: float = 0.0, desk: Desk | None = None) -> None:
        """Who asks before there is a desk waits `held_up_s` for it."""
        self._held_up_s = held_up_s
        self._desk = desk
        self._opened = asyncio.Event()
        self.why = "its history to be read"

    @property
    def is_over(self) -> bool:
        return self._desk is not None

    def waits_for(self, why: str) -> None:
        if why != self.why:
            self.why = why
            log.warning("waiting for %s", why)

    def opened(self, desk: Desk) -> None:
        self._desk = desk
        self._opened.set()

    async def desk(self) -> Desk:
        """Raises NotYetError."""
        if self._desk is None:
            await within(self._opened, self._held_up_s)
        if self._desk is None:
            raise NotYetError(self.why)
        return self._desk
