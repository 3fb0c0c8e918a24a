"""Outputs of other trackers whose disk this process sees: neither a network nor a copy.

- What lies at the path of an output is that output or nothing: an attempt's id is in its path,
  is never used twice, and the index is written last.
- The data file is linked into the reduce's own folder, so that its bytes stay until the reduce
  has done with them, whatever becomes of the other tracker and of its copy.
- It is verified as a whole, as what comes over the wire is.
- Whatever goes wrong (another machine, another file system, another user) is no error: the wire
  serves all, and tells what is wrong with an output.
"""

import os
from contextlib import suppress
from pathlib import Path

from mapred.errors import FetchError
from mapred.model import MapOutput
from mapred.shuffle.frames import FileSegment
from mapred.shuffle.indexes import INDEXES
from mapred.shuffle.segments import verify_file


def linked(output: MapOutput, partition: int, link: Path) -> tuple[FileSegment | None, int] | None:
    """The segment (None: it is empty) and its rows; None: it has to be fetched."""
    try:
        start, length = INDEXES.segment(output.path, partition)
        if not length:
            return None, 0
        # Of an earlier try.
        link.unlink(missing_ok=True)
        os.link(output.path, link)
        rows = verify_file(link, start, length)
    except (OSError, ValueError, FetchError):
        with suppress(OSError):
            link.unlink(missing_ok=True)
        return None
    return FileSegment(link, start, length), rows
