"""When checkpoints are made, and the process that makes them (checkpoint.py)."""

import asyncio
import logging
import sys

from blockstore.namenode import image
from blockstore.namenode.disk import RealDisk
from blockstore.namenode.journal import Journal
from blockstore.namenode.recovery import purge
from blockstore.namenode.shell import Shell

log = logging.getLogger(__name__)


class Checkpointer:
    """Due after so many transactions, or at an age; one at a time."""

    def __init__(self, shell: Shell, disk: RealDisk, journal: Journal) -> None:
        self._shell = shell
        self._disk = disk
        self._journal = journal
        self._transaction = max(image.images(disk), default=0)
        self._made_at = shell.now
        self._process: asyncio.subprocess.Process | None = None

    def is_due(self) -> bool:
        new = self._shell.commit.position - self._transaction
        config = self._shell.config
        aged = self._shell.now - self._made_at > config.checkpoint_age_s
        return new >= config.checkpoint_transactions or (aged and new > 0)

    async def make(self) -> bool:
        """Seals the journal so far and has an image made of it; whether that went well."""
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
