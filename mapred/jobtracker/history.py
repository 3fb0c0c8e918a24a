"""The journal of the JobTracker, which is the history of its jobs as well: the only I/O for it.

Segments `history-<number>.jsonl` in one directory, numbers rising. A line:

    <8 hex digits: CRC32C of the rest of the line> <JSON of {"entry": kind, ...fields}>

A segment begins with a snapshot (entries that make the whole state) and the line
{"entry": "SnapshotEnd"}; only then are older segments removed. So the newest segment that has
a SnapshotEnd is all that's needed, and one without it is the leaving of a crash.

- A torn last line is cut. A bad line before that stops the start, with its place.
- `append` keeps order and returns at once; `sync` returns when all that was appended is
  durable. One thread at a time.
"""

import json
from collections.abc import Iterable
from typing import Any, Final, Protocol

from mapred.errors import MapredError
from mapred.jobtracker.entries import ENTRY_KINDS, Entry

SEGMENT_PREFIX: Final = "history-"
SEGMENT_SUFFIX: Final = ".jsonl"
_END_OF_SNAPSHOT: Final = "SnapshotEnd"


class HistoryCorruptError(MapredError):
    """A line in the middle of the history is damaged."""


class History(Protocol):
    """Where entries are kept."""

    def load(self) -> list[Entry]:
        """What the newest whole segment says; empty at the very first start.

        Raises:
            HistoryCorruptError: with segment and line.
        """
        ...

    def begin(self, snapshot: Iterable[Entry]) -> None:
        """Opens a new segment that begins with the snapshot, durable on return. Also the way
        out when `append` or `sync` has failed: begin again with the state as it is now."""
        ...

    def append(self, entries: Iterable[Entry]) -> None: ...

    def sync(self) -> None: ...

    @property
    def overgrown(self) -> bool:
        """Whether a new segment would be worth its snapshot."""
        ...

    def close(self) -> None: ...


class MemoryHistory:
    """The twin for tests, simulators and the embedded engine; `crash` drops what isn't synced."""

    def __init__(self) -> None:
        self._durable: list[Entry] = []
        self._appended: list[Entry] = []

    def load(self) -> list[Entry]:
        return list(self._durable)

    def begin(self, snapshot: Iterable[Entry]) -> None:
        self._durable = list(snapshot)
        self._appended = list(self._durable)

    def append(self, entries: Iterable[Entry]) -> None:
        self._appended.extend(entries)

    def sync(self) -> None:
        self._durable = list(self._appended)

    @property
    def overgrown(self) -> bool:
        return False

    def crash(self) -> None:
        self._appended = list(self._durable)

    def close(self) -> None:
        self.sync()


# --- the format ------------------------------------------------------------------------
# Libraries for it are imported where they are needed: an embedded engine, which starts with every
# job, writes nothing.


def segment_name(number: int) -> str:
    return f"{SEGMENT_PREFIX}{number:08d}{SEGMENT_SUFFIX}"


def segment_number(name: str) -> int | None:
    """None for any other file."""
    digits = name.removeprefix(SEGMENT_PREFIX).removesuffix(SEGMENT_SUFFIX)
    return int(digits) if digits.isdecimal() and name == segment_name(int(digits)) else None


def encode(entries: Iterable[Entry]) -> bytes:
    return b"".join(map(_entry_line, entries))


def _entry_line(entry: Entry) -> bytes:
    import msgspec

    fields = msgspec.json.encode(entry)
    kind = b'{"entry":"%s"' % type(entry).__name__.encode()
    return _line(kind + (b"," if len(fields) > 2 else b"") + fields[1:])


def encode_segment_start(snapshot: Iterable[Entry]) -> bytes:
    return encode(snapshot) + _line(json.dumps({"entry": _END_OF_SNAPSHOT}).encode())


def _line(text: bytes) -> bytes:
    import google_crc32c

    return b"%08x %s\n" % (google_crc32c.value(text), text)


def decode_segment(data: bytes, name: str) -> list[Entry] | None:
    """The entries of one segment; None when its snapshot isn't whole.

    Raises:
        HistoryCorruptError: a line that isn't the last is damaged.
    """
    import msgspec

    entries: list[Entry] = []
    whole = False
    lines = data.split(b"\n")
    # Behind the last newline there is nothing, or a torn line.
    for number, line in enumerate(lines[:-1], start=1):
        fields = _fields(line)
        if fields is None:
            if number == len(lines) - 1:
                break
            raise HistoryCorruptError(
                f"{name}, line {number}: the checksum is wrong. Put the segment aside to start "
                "without its jobs"
            )
        kind = fields.pop("entry")
        if kind == _END_OF_SNAPSHOT:
            whole = True
        else:
            entries.append(msgspec.convert(fields, ENTRY_KINDS[kind]))
    return entries if whole else None


def _fields(line: bytes) -> dict[str, Any] | None:
    import google_crc32c

    crc, _, text = line.partition(b" ")
    if len(crc) != 8 or b"%08x" % google_crc32c.value(text) != crc:
        return None
    fields: dict[str, Any] = json.loads(text)
    return fields
