"""The story of a job: all its entries, from the submit to its end, kept when it has ended.

A file `<job id>.jsonl` a job, in the format of a segment of the history (history.py). What the
JobTracker itself needs of an ended job is in its history; a story is for people.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from mapred.jobtracker.entries import Entry
from mapred.jobtracker.history import decode_segment, encode_segment_start

STORIES_DIRECTORY: Final = "/system/mapred/history"


class StoryArchive(Protocol):
    """Where stories are kept. Thread-safe; never raises, for no job depends on it."""

    def keep(self, job_id: str, entries: Sequence[Entry]) -> None:
        """Changes nothing where the job has one."""
        ...

    def remove(self, job_id: str) -> None:
        """And the logs of its attempts."""
        ...

    def sweep(self, oldest: str) -> None:
        """Removes what there is of jobs before this one: ids begin with the time of the submit."""
        ...


def story_path(job_id: str) -> str:
    return f"{STORIES_DIRECTORY}/{job_id}.jsonl"


def encode_story(entries: Sequence[Entry]) -> bytes:
    return encode_segment_start(entries)


def decode_story(data: bytes, name: str) -> list[Entry]:
    """Empty when it isn't whole.

    Raises:
        HistoryCorruptError: a line is damaged.
    """
    return decode_segment(data, name) or []
