"""Why an attempt failed, for the person who wrote the job: traceback, input, record."""

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from blockstore.errors import StoreError
from mapred.errors import InputError
from mapred.model import FailureKind
from mapred.task.messages import TaskFailed
from mapred.usercode import one_line, user_traceback

_SAMPLE_LETTERS: Final = 200
# A traceback of a deep recursion helps nobody, and travels through journals.
_TRACEBACK_LETTERS: Final = 20_000
# The disk is full or ill.
DISK_ERRORS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS})


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the data an attempt is; `sample` is the record, key or pair at hand."""

    input_uri: str = ""
    offset: int = -1
    sample: str = ""


class CodeError(Exception):
    """The job's code can't be had or imported: no other attempt can do better."""


class UnfitError(Exception):
    """This machine lacks what the job needs; another may have it."""


class RecordError(Exception):
    """A record that the engine can't take; the message tells the user what to change."""


class ProgramError(RecordError):
    """A program that does the job's work can't be started, or ended badly; `details` are its own
    last words."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


def sample_of(record: Any) -> str:
    """A record in a few words, whatever its __repr__ does."""
    try:
        # Long texts are cut before they are quoted.
        text = repr(record[: 2 * _SAMPLE_LETTERS] if isinstance(record, str | bytes) else record)
    except Exception as error:
        text = f"<{type(record).__name__} whose repr fails: {error!r}>"
    return text if len(text) <= _SAMPLE_LETTERS else text[: _SAMPLE_LETTERS - 1] + "…"


def disk_error(error: BaseException, folders: Sequence[str]) -> str:
    """What a full or ill disk below `folders` answered; empty when it was something else.

    Writing to an open file names none: then it was one of ours, since others go through a storage.
    """
    if not isinstance(error, OSError) or isinstance(error, StoreError):
        return ""
    if error.errno not in DISK_ERRORS:
        return ""
    name = error.filename
    if isinstance(name, str) and not any(name.startswith(f"{folder}/") for folder in folders):
        return ""
    return os.strerror(error.errno)


def failure_of(error: BaseException, place: Place, folder: Path) -> TaskFailed:
    """What to tell the tracker; `folder` is where the job's code is."""
    if isinstance(error, CodeError):
        cause = error.__cause__
        reason = f"{error}: {one_line(cause)}" if cause else str(error)
        trace = user_traceback(cause, folder) if cause else ""
        return TaskFailed(FailureKind.FATAL, reason, trace[:_TRACEBACK_LETTERS])
    if isinstance(error, UnfitError):
        return TaskFailed(FailureKind.UNFIT, str(error))
    if isinstance(error, RecordError):
        details, sample = "", place.sample
        if isinstance(error, ProgramError):
            details = error.details
        elif sample:
            # Pairs are taken some at a time.
            sample = f"at or shortly before {sample}"
        return TaskFailed(
            FailureKind.FAILED, str(error), details, place.input_uri, place.offset, sample
        )
    # An input that can't be read is told in words: no code of the user's had a part in it.
    trace = "" if isinstance(error, InputError) else user_traceback(error, folder)
    if len(trace) > _TRACEBACK_LETTERS:
        half = _TRACEBACK_LETTERS // 2
        trace = f"{trace[:half]}\n…\n{trace[-half:]}"
    return TaskFailed(
        FailureKind.FAILED, one_line(error), trace, place.input_uri, place.offset, place.sample
    )
