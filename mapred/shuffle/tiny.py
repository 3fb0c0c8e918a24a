"""Segments of a few KB, of which a shuffle of many maps and reducers has thousands.

What a segment costs by itself (files that are opened, frames that are decoded, columns that a
merge or a table takes) is a hundred times what its rows do. So small ones are read at once, and
neighbours are decoded together: one batch, sorted where they are, equal keys in the order of the
segments. No row stands where it wouldn't have come to stand in the merge of them.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from mapred.errors import FetchError
from mapred.shuffle.columns import SCHEMAS, Kind, Rows
from mapred.shuffle.frames import MemorySegment, Segment, plain_payload
from mapred.shuffle.ordering import sort_order
from mapred.shuffle.segments import FRAME_HEAD, UNORDERED, frame_bytes

# Above it the rows cost more than that they are a segment.
TINY_BYTES: Final = 8 * 1024


def read(path: str | os.PathLike[str], start: int, length: int) -> bytes:
    """A small piece of a file.

    Raises:
        FetchError: it can't be read, or ends too early.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.pread(descriptor, length, start)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FetchError(f"map output {path} can't be read: {error.strerror or error}") from None
    if len(data) < length:
        raise FetchError(f"map output {path} ends {length - len(data)} bytes too early")
    return data


@dataclass(frozen=True, slots=True)
class _Look:
    """What neighbours must have in common."""

    keys: int
    values: int
    flags: int


class Together:
    """Neighbours that look alike, of one frame each. Their bytes were verified when they came."""

    def __init__(self, look: _Look, parts: Sequence[MemorySegment]) -> None:
        self._look = look
        self._parts = parts
        self.length = sum(part.length for part in parts)

    @property
    def ordered(self) -> bool:
        return not self._look.flags & UNORDERED

    def frames(self) -> Iterator[Rows]:
        keys, values = Kind(self._look.keys), Kind(self._look.values)
        schema = SCHEMAS[keys, values]
        # As an IPC stream, whose messages the frames are, so that Arrow goes through them.
        messages = [schema.serialize(), *(plain_payload(part.data) for part in self._parts)]
        with pa.ipc.open_stream(pa.py_buffer(b"".join(messages))) as stream:
            batch = stream.read_all().combine_chunks().to_batches()[0]
        rows = Rows(keys, values, batch)
        yield rows.take(sort_order(rows.order)) if self.ordered else rows


def gathered(segments: Sequence[Segment], bytes_max: int) -> list[Segment]:
    """The same rows in the same order in fewer segments, which unpack to `bytes_max` at most."""
    found: list[Segment] = []
    run: list[MemorySegment] = []
    run_look: _Look | None = None
    run_bytes = 0

    def end_run() -> None:
        found.extend(run if len(run) < 2 or run_look is None else [Together(run_look, list(run))])
        run.clear()

    for segment in segments:
        look, size = _look(segment)
        if look is None or look != run_look or run_bytes + size > bytes_max:
            end_run()
            run_look, run_bytes = look, 0
        if look is None:
            found.append(segment)
        else:
            assert isinstance(segment, MemorySegment)
            run.append(segment)
            run_bytes += size
    end_run()
    return found


def _look(segment: Segment) -> tuple[_Look | None, int]:
    """And what it unpacks to; None: it isn't small, or not of one frame."""
    if not isinstance(segment, MemorySegment) or segment.length > TINY_BYTES:
        return None, 0
    head = bytes(segment.data[: FRAME_HEAD.size])
    if frame_bytes(head) != segment.length:
        return None, 0
    _, raw_bytes, rows, _, keys, values, flags = FRAME_HEAD.unpack(head)
    return _Look(keys, values, flags) if rows else None, raw_bytes
