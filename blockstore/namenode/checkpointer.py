"""When checkpoints are made, and the process that makes them (checkpoint.py)."""

import asyncio
import logging
import random
import sys
from collections.abc import Iterator
from typing import Final

from blockstore.namenode import image
from blockstore.namenode.disk import RealDisk
from blockstore.namenode.journal import Journal, JournalFull
from blockstore.namenode.recovery import purge
from blockstore.namenode.shell import Shell
from blockstore.runtime.retry import RetryPolicy

log = logging.getLogger(__name__)

# What made it fail, such as a full disk, mostly takes a person to mend.
_AGAIN: Final = RetryPolicy(deadline_s=float("inf"), base_s=2.0, cap_s=300.0)


class Checkpointer:
    """Due after so many transactions, or at an age; one at a time."""

    def __init__(self, shell: Shell, disk: RealDisk, journal: Journal) -> None:
        self._shell = shell
        self._disk = disk
        self._journal = journal
        self._transaction = max(image.images(disk), default=0)
        self._made_at = shell.now
        # After a failure: not before then, and the pauses until it succeeds.
        self._not_before = shell.now
        self._pauses: Iterator[float] | None = None
        self._process: asyncio.subprocess.Process | None = None

    def is_due(self) -> bool:
        new = self._shell.commit.position - self._transaction
        config = self._shell.config
        if self._shell.now < self._not_before:
            return False
        aged = self._shell.now - self._made_at > config.checkpoint_age_s
        return new >= config.checkpoint_transactions or (aged and new > 0)

    async def make(self) -> bool:
        """Seals the journal so far and has an image made of it; whether that went well.

        When it didn't, the next one isn't due for a while, and longer every time.
        """
        made = False
        try:
            made = await self._make()
        except JournalFull as error:
            log.error("no checkpoint: the journal's volume is full: %s", error)
        if made:
            self._pauses = None
        else:
            self._pauses = self._pauses or _AGAIN.delays(random.Random())
            self._not_before = self._shell.now + next(self._pauses, _AGAIN.cap_s)
        return made

    async def _make(self) -> bool:
        self._made_at = self._shell.now
        through = await self._shell.commit.on_thread(self._journal.roll)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "blockstore.namenode.checkpoint",
            self._disk.place,
            str(through),
            stdin=asyncio.subprocess.DEVNULL,
        )
        try:
            code = await self._process.wait()
        finally:
            await self.stop()
        if code:
            log.error("the checkpoint of transaction %d failed (exit code %d)", through, code)
            return False
        self._transaction = through
        await self._shell.commit.on_thread(self._purge)
        log.info("checkpoint of transaction %d", through)
        return True

    def _purge(self) -> None:
        try:
            purge(self._disk, self._journal)
        except OSError as error:
            # Nothing needs these files any more; the next checkpoint tries again.
            log.warning("old images and segments in %s stay: %s", self._disk.place, error)

    async def stop(self) -> None:
        """Ends a checkpoint that is under way; what it has written is removed at the next start."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()
