"""Logs of attempts in the block store: what is kept of them, and where.

    /system/mapred/logs/<job id>/               its submitter's
    /system/mapred/logs/<job id>/<tracker>      a file a tracker and life of it

A file has a line of JSON for each attempt that has left something, {"attempt": "attempt_…",
"texts": {"stdout": …, "stderr": …, "log": …}}, and at its end {"dropped": N} if N attempts had
no room. What was torn by a death is no line of JSON, and is passed over; every batch
begins with an empty line, so that it tears nothing after it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mapred.idwords import attempt_in
from mapred.model import AttemptId

LOGS_DIRECTORY: Final = "/system/mapred/logs"
# What an attempt may leave: printed, printed as errors, and said through Python's `logging`.
STREAMS: Final = ("stdout", "stderr", "log")
# Of each stream the end; a traceback and what led to it fit.
TEXT_BYTES_MAX: Final = 128 * 1024


@dataclass(frozen=True, slots=True)
class AttemptLogs:
    """Texts by stream; those that are empty aren't there."""

    attempt: AttemptId
    texts: Mapping[str, str]


def job_directory(job_id: str) -> str:
    return f"{LOGS_DIRECTORY}/{job_id}"


def encode_logs(logs: AttemptLogs) -> bytes:
    return _line({"attempt": str(logs.attempt), "texts": dict(logs.texts)})


def encode_dropped(attempts: int) -> bytes:
    return _line({"dropped": attempts})


def _line(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def decode_logs(data: bytes) -> Iterator[AttemptLogs | int]:
    """Logs, and how many had no room."""
    for line in data.split(b"\n"):
        try:
            fields = json.loads(line)
            if "dropped" in fields:
                yield int(fields["dropped"])
            elif attempt := attempt_in(fields["attempt"]):
                yield AttemptLogs(attempt, fields["texts"])
        except (ValueError, TypeError, KeyError):
            continue
