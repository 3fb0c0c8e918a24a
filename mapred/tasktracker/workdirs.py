"""A tracker's files on local disks. All names are made here. Of each root:

    <root>/<job id>/<attempt>/        work directory of an attempt; map outputs stay there
    <root>/<job id>/logs/<attempt>/   stdout, stderr and log of the attempt
    <root>/<job id>/.spare-<n>/       was one's that left nothing (sparedirs.py); in logs/, too
    <root>/<job id>/code/             the job's code; of a job in a family:
    <root>/family_<hash>/             the family's, for as long as it has processes
    <root>/carried/<job id>/<attempt>/   what an attempt has left for a job after its own
    <root>/lock                       held by the one tracker that uses the root
    <root>/tracker.json               its id, and the highest incarnation so far
    <root>/check                      for a moment: does the disk take bytes?

An attempt has all it has below one root; a job may have something below each.

Job and family directories of an earlier life are of no use: nobody knows what is whole in
them. They are removed at start, or when a root can be used (again) later. A root without the
lock file that was locked isn't the same any more: its disk is unmounted, or it was replaced.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import socket
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from blockstore.errors import ConfigException
from mapred.idwords import attempt_in
from mapred.keptlogs import STREAMS, AttemptLogs
from mapred.model import PROCESS_FAMILY, AttemptId, JobSpec
from mapred.owndirs import ENGINE_LOCK
from mapred.tasktracker.endwords import tail
from mapred.tasktracker.sparedirs import SpareDirs, make

log = logging.getLogger(__name__)

IDENTITY: Final = "tracker.json"
LOCK: Final = ENGINE_LOCK
CHECK_FILE: Final = "check"
CHECK_BYTES: Final = 4096
CARRIED: Final = "carried"
_JOB: Final = re.compile(r"job_[0-9]+_[0-9]+")
_OURS: Final = re.compile(rf"{_JOB.pattern}|family_[0-9a-f]+|{CARRIED}")
# A loop whose round waits for slots longer than this finds nothing carried, and goes back; what a
# driver that died has left lies on the disk for as long.
CARRIED_KEPT_S: Final = 1800.0


def work_dir(root: str, attempt: AttemptId) -> str:
    return f"{root}/{attempt.job_id}/{attempt}"


def log_dir(root: str, attempt: AttemptId) -> str:
    return f"{root}/{attempt.job_id}/logs/{attempt}"


def carried_dir(root: str, attempt: AttemptId) -> str:
    return f"{root}/{CARRIED}/{attempt.job_id}/{attempt}"


def code_dir(root: str, job_id: str, spec: JobSpec) -> str:
    family = spec.settings.get(PROCESS_FAMILY)
    return family_dir(root, family) if family else f"{root}/{job_id}/code"


def family_dir(root: str, family: str) -> str:
    # Hashed, since the name is whatever a client says.
    return f"{root}/family_{hashlib.sha256(family.encode()).hexdigest()[:24]}"


class WorkDirs:
    """Thread-safe; `lock` or `open` each root first."""

    def __init__(self, *roots: str) -> None:
        self.roots = tuple(dict.fromkeys(map(os.path.abspath, roots)))
        self._locks: dict[str, int] = {}
        self._spares = SpareDirs()
        # By job: what goes when it goes.
        self._done_with: dict[str, set[str]] = {}
        # What is written into each root's IDENTITY, once it is known.
        self._identity = ""

    @property
    def root(self) -> str:
        return self.roots[0]

    def lock(self) -> None:
        """Makes all roots this process's own until it ends.

        Raises:
            ConfigException: another tracker uses one of them, or one can't be made.
        """
        for root in self.roots:
            try:
                self._lock(root)
            except ConfigException:
                raise
            except OSError as error:
                raise ConfigException(f"--dir {root}: {error.strerror}") from None

    def _lock(self, root: str) -> None:
        """Raises ConfigException when another tracker uses it, OSError."""
        os.makedirs(root, exist_ok=True)
        descriptor = os.open(f"{root}/{LOCK}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        before = self._locks.get(root)
        if before is not None and os.path.samestat(os.fstat(before), os.fstat(descriptor)):
            os.close(descriptor)
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise ConfigException(
                f"--dir {root} is used by another tasktracker: give each its own"
            ) from None
        except OSError:
            os.close(descriptor)
            raise
        if before is not None:
            os.close(before)
        self._locks[root] = descriptor

    def identity(self, wall_s: float) -> tuple[str, int]:
        """The tracker's id, and an incarnation above all that it ever had."""
        known = [found for root in self.roots if (found := _known(root))]
        tracker_id = (
            known[0][0] if known else f"tracker_{socket.gethostname()}_{uuid.uuid4().hex[:8]}"
        )
        last = max((incarnation for _, incarnation in known), default=0)
        # Sessions within one life count on from here: they never reach the next life's start.
        incarnation = max(last + 1_000_000, int(wall_s * 1_000_000))
        self._identity = json.dumps({"tracker_id": tracker_id, "incarnation": incarnation})
        for root in self.roots:
            # A full one: the others know it, and the clock.
            with contextlib.suppress(OSError):
                self._write_identity(root)
        return tracker_id, incarnation

    def _write_identity(self, root: str) -> None:
        path = Path(root, IDENTITY)
        fresh = path.with_suffix(".new")
        fresh.write_text(self._identity)
        fresh.replace(path)

    def sweep(self, *roots: str) -> None:
        """Removes what earlier lives left: below these roots, or all."""
        for root in roots or self.roots:
            for entry in os.scandir(root):
                if _OURS.fullmatch(entry.name):
                    shutil.rmtree(entry.path, ignore_errors=True)

    # --- the disks below (dircheck.Places)

    def open(self, root: str) -> None:
        """Locks and sweeps it.

        Raises:
            ConfigException: another tracker uses it.
            OSError: it can't be used.
        """
        self._lock(root)
        self.sweep(root)

    def try_out(self, root: str) -> None:
        """Raises OSError also when it isn't the directory any more that was opened."""
        if not os.path.samestat(os.stat(f"{root}/{LOCK}"), os.fstat(self._locks[root])):
            raise OSError(errno.ESTALE, "another directory is in its place", root)
        content, path = os.urandom(CHECK_BYTES), f"{root}/{CHECK_FILE}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            os.pwrite(descriptor, content, 0)
            os.fsync(descriptor)
            found = os.pread(descriptor, CHECK_BYTES, 0)
        finally:
            os.close(descriptor)
        os.unlink(path)
        if found != content:
            raise OSError(errno.EIO, "the check read other bytes than it had written", path)

    def free_bytes(self, root: str) -> int:
        found = os.statvfs(root)
        return found.f_bavail * found.f_frsize

    # --- attempts and jobs

    def root_of(self, attempt: AttemptId) -> str:
        """The root below which the attempt works or worked; the first one when there is none."""
        if len(self.roots) > 1:
            for root in self.roots:
                if os.path.exists(work_dir(root, attempt)) or os.path.exists(
                    log_dir(root, attempt)
                ):
                    return root
        return self.root

    def make(self, folder: str) -> None:
        """A directory of an attempt. Raises OSError."""
        if not self._spares.take(folder):
            make(folder)

    def remove_attempt(self, attempt: AttemptId) -> None:
        for root in self.roots:
            folder = work_dir(root, attempt)
            # Of a short task it is often empty.
            if self._spares.give(folder):
                continue
            try:
                os.rmdir(folder)
            except FileNotFoundError:
                continue
            except OSError:
                shutil.rmtree(folder, ignore_errors=True)

    def spare_logs(self, attempt: AttemptId) -> None:
        """It has said nothing, and is over."""
        self._spares.give(log_dir(self.root_of(attempt), attempt), STREAMS)

    def remove_job(self, job_id: str) -> None:
        for root in self.roots:
            self._spares.forget(f"{root}/{job_id}", f"{root}/{job_id}/logs")
            shutil.rmtree(f"{root}/{job_id}", ignore_errors=True)
        for other in self._done_with.pop(job_id, ()):
            for root in self.roots:
                shutil.rmtree(f"{root}/{CARRIED}/{other}", ignore_errors=True)

    def done_with(self, job_id: str, others: Iterable[str]) -> None:
        """What those have left for other jobs goes with that job."""
        named = {other for other in others if _JOB.fullmatch(other)}
        self._done_with.setdefault(job_id, set()).update(named)

    def sweep_carried(self, wall_s: float) -> None:
        """Removes what nobody has asked for: it was left so long ago."""
        for root in self.roots:
            with contextlib.suppress(OSError):
                for entry in os.scandir(f"{root}/{CARRIED}"):
                    if entry.stat().st_mtime < wall_s - CARRIED_KEPT_S:
                        shutil.rmtree(entry.path, ignore_errors=True)

    def remove_family(self, family: str) -> None:
        for root in self.roots:
            shutil.rmtree(family_dir(root, family), ignore_errors=True)

    def logs(self, attempt: AttemptId, tail_bytes: int) -> AttemptLogs:
        """The end of what it said; without those streams that have (or had) nothing."""
        folder = log_dir(self.root_of(attempt), attempt)
        texts = {name: tail(f"{folder}/{name}", tail_bytes) for name in STREAMS}
        return AttemptLogs(attempt, {name: text for name, text in texts.items() if text})

    def job_logs(self, job_id: str, tail_bytes: int) -> Iterator[AttemptLogs]:
        """Of all its attempts that have said anything here, by id."""
        names: set[str] = set()
        for root in self.roots:
            with contextlib.suppress(OSError):
                names.update(os.listdir(f"{root}/{job_id}/logs"))
        for name in sorted(names):
            attempt = attempt_in(name, job_id)
            if attempt and (logs := self.logs(attempt, tail_bytes)).texts:
                yield logs

    def close(self) -> None:
        while self._locks:
            os.close(self._locks.popitem()[1])


def _known(root: str) -> tuple[str, int] | None:
    try:
        known = json.loads(Path(root, IDENTITY).read_text())
        return str(known["tracker_id"]), int(known["incarnation"])
    except (OSError, ValueError, KeyError):
        return None
