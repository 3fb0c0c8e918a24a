"""Which record a map is at, where a process that dies leaves it: a few bytes mapped from a file.

Written before each record of an attempt that goes carefully, because others of its task have
failed; read by the tracker when the process has died in the middle of one.
"""

import mmap
import struct
from pathlib import Path
from typing import Final

from mapred.model import RecordAt

MARK_NAME: Final = "record"
# Number of the file in the split and of the record in the file; -1: in none.
_FORMAT: Final = struct.Struct("<qq")


class Mark:
    """Kept by the operating system, however the process ends."""

    def __init__(self, folder: Path) -> None:
        with open(folder / MARK_NAME, "w+b") as file:
            file.write(_FORMAT.pack(-1, -1))
            file.flush()
            self._bytes = mmap.mmap(file.fileno(), _FORMAT.size)

    def enter(self, file: int, record: int) -> None:
        _FORMAT.pack_into(self._bytes, 0, file, record)

    def leave(self) -> None:
        _FORMAT.pack_into(self._bytes, 0, -1, -1)


def read_mark(folder: str) -> RecordAt | None:
    """Where the process died; None: in no record, or it went without a mark."""
    try:
        file, record = _FORMAT.unpack(Path(folder, MARK_NAME).read_bytes())
    except (OSError, struct.error):
        return None
    return None if file < 0 else (file, record)
