"""What becomes of a record that can't be read: the task fails, or it is set aside.

A reader hands every record that isn't of its format to its `BadRecords`, and goes on when
that returns. What makes the rest of a file unreadable (a file that is cut off, a field of
CSV that goes on over the split's end) isn't a bad record: it fails whatever was asked for.
"""

from typing import Any, Final, Protocol

from mapred.errors import InputError

_SAMPLE_LETTERS: Final = 200


class BadRecords(Protocol):
    """Where malformed records go."""

    def take(self, uri: str, offset: int, record: Any, reason: str) -> None:
        """`offset` in bytes, or the number of a row; returns if the reader is to go on.

        Raises:
            InputError: it isn't.
        """
        ...


class Refused:
    """The first one fails the task."""

    def take(self, uri: str, offset: int, record: Any, reason: str) -> None:
        raise InputError(
            f"{described(uri, offset, record, reason)}. "
            'With on_bad_record = "skip" in the job such records are set aside'
        )


def described(uri: str, offset: int, record: Any, reason: str) -> str:
    text = repr(record[: 2 * _SAMPLE_LETTERS] if isinstance(record, str | bytes) else record)
    return f"{uri} at byte {offset} {reason}: {text[:_SAMPLE_LETTERS]}"


REFUSED: Final = Refused()
