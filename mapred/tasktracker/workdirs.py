"""A tracker's files on local disk. All names are made here.

    <root>/<job id>/<attempt>/        work directory of an attempt; map outputs stay there
    <root>/<job id>/logs/<attempt>/   stdout, stderr and log of the attempt
    <root>/<job id>/code/             the job's code; of a job in a family:
    <root>/family_<hash>/             the family's, for as long as it has processes
    <root>/lock                       held by the one tracker that uses the root
    <root>/tracker.json               its id, and the highest incarnation so far

Job and family directories of an earlier life are of no use: nobody knows what is whole in
them. They are removed at start.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from blockstore.errors import ConfigException
from mapred.idwords import attempt_in
from mapred.keptlogs import STREAMS, AttemptLogs
from mapred.model import PROCESS_FAMILY, AttemptId, JobSpec
from mapred.tasktracker.endwords import tail

log = logging.getLogger(__name__)

IDENTITY: Final = "tracker.json"
LOCK: Final = "lock"
_OURS: Final = re.compile(r"job_[0-9]+_[0-9]+|family_[0-9a-f]+")


def work_dir(root: str, attempt: AttemptId) -> str:
    return f"{root}/{attempt.job_id}/{attempt}"


def log_dir(root: str, attempt: AttemptId) -> str:
    return f"{root}/{attempt.job_id}/logs/{attempt}"


def code_dir(root: str, job_id: str, spec: JobSpec) -> str:
    family = spec.settings.get(PROCESS_FAMILY)
    return family_dir(root, family) if family else f"{root}/{job_id}/code"


def family_dir(root: str, family: str) -> str:
    # Hashed, since the name is whatever a client says.
    return f"{root}/family_{hashlib.sha256(family.encode()).hexdigest()[:24]}"


class WorkDirs:
    """Thread-safe; `lock` first."""

    def __init__(self, root: str) -> None:
        self.root = os.path.abspath(root)
        self._lock: int | None = None

    def lock(self) -> None:
        """Makes the root this process's own until it ends.

        Raises:
            ConfigException: another tracker uses it, or it can't be made.
        """
        try:
            os.makedirs(self.root, exist_ok=True)
            self._lock = os.open(f"{self.root}/{LOCK}", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise ConfigException(f"--dir {self.root}: {error.strerror}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigException(
                f"--dir {self.root} is used by another tasktracker: give each its own"
            ) from None

    def identity(self, wall_s: float) -> tuple[str, int]:
        """The tracker's id, and an incarnation above all that it ever had."""
        path = Path(self.root, IDENTITY)
        try:
            known = json.loads(path.read_text())
            tracker_id, last = str(known["tracker_id"]), int(known["incarnation"])
        except (OSError, ValueError, KeyError):
            tracker_id, last = f"tracker_{socket.gethostname()}_{uuid.uuid4().hex[:8]}", 0
        # Sessions within one life count on from here: they never reach the next life's start.
        incarnation = max(last + 1_000_000, int(wall_s * 1_000_000))
        text = json.dumps({"tracker_id": tracker_id, "incarnation": incarnation})
        fresh = path.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(path)
        return tracker_id, incarnation

    def sweep(self) -> None:
        """Removes what earlier lives left."""
        for entry in os.scandir(self.root):
            if _OURS.fullmatch(entry.name):
                shutil.rmtree(entry.path, ignore_errors=True)

    def remove_attempt(self, attempt: AttemptId) -> None:
        try:
            # Of a short task it is often empty.
            os.rmdir(work_dir(self.root, attempt))
        except OSError:
            shutil.rmtree(work_dir(self.root, attempt), ignore_errors=True)

    def remove_job(self, job_id: str) -> None:
        shutil.rmtree(f"{self.root}/{job_id}", ignore_errors=True)

    def remove_family(self, family: str) -> None:
        shutil.rmtree(family_dir(self.root, family), ignore_errors=True)

    def logs(self, attempt: AttemptId, tail_bytes: int) -> AttemptLogs:
        """The end of what it said; without those streams that have (or had) nothing."""
        folder = log_dir(self.root, attempt)
        texts = {name: tail(f"{folder}/{name}", tail_bytes) for name in STREAMS}
        return AttemptLogs(attempt, {name: text for name, text in texts.items() if text})

    def job_logs(self, job_id: str, tail_bytes: int) -> Iterator[AttemptLogs]:
        """Of all its attempts that have said anything here, by id."""
        with contextlib.suppress(FileNotFoundError):
            for name in sorted(os.listdir(f"{self.root}/{job_id}/logs")):
                attempt = attempt_in(name, job_id)
                if attempt and (logs := self.logs(attempt, tail_bytes)).texts:
                    yield logs

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
