"""Sheets of this tracker's maps for reduces elsewhere: many by one question (shuffle/parts.py).

They are served out of packs. Where there are none, a process of its own makes them: numpy and
pyarrow aren't imported here. A few small sheets are sent whole, and so are all when no pack can be
made.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import DecodeError

from mapred.errors import FetchError
from mapred.model import TaskId, TaskKind
from mapred.shuffle.packs import PACKS, Share, Shelves, making, shared_out
from mapred.shuffle.parts import Kind, Part, frames_of, piece_part
from mapred.shuffle.segments import SHEET_NAME
from mapred.tasktracker.workdirs import WorkDirs, work_dir
from mapred.wire import tasktracker_pb2 as pb

log = logging.getLogger(__name__)

# Of sheets that are sent whole: a reduce reads so much sooner than a process starts.
_WHOLE_BYTES: Final = 64 * 1024
# For a process that makes packs, and for another one's: of a few million pairs it takes seconds.
MAKING_S: Final = 60.0
# Packs that a job with a small budget asks for, and one with a large one.
_PACK_BYTES_MIN: Final = 128 * 1024
_PACK_BYTES_MAX: Final = 64 * 1024 * 1024


class SheetServicer:
    """Registered by `rpc.raw_handler`."""

    def __init__(self, workdirs: WorkDirs) -> None:
        self._workdirs = workdirs
        self._shelves = Shelves()

    def fetch(self, request: bytes, _: Any) -> Iterator[bytes]:
        """One partition of many maps' sheets.

        Raises:
            FetchError: the request makes no sense. What is wrong with an output is in the answer.
        """
        try:
            wanted = pb.SheetsRequest.FromString(request)
        except DecodeError as error:
            raise FetchError(f"not a SheetsRequest: {error}") from None
        if not wanted.job_id.replace("_", "").isalnum():
            raise FetchError(f"'{wanted.job_id}' is no job id")
        if len(wanted.maps) != len(wanted.attempts):
            raise FetchError(f"{len(wanted.maps)} maps and {len(wanted.attempts)} attempts")
        attempts = dict(zip(wanted.maps, wanted.attempts, strict=True))
        answer = _Answer(self._workdirs, self._shelves, wanted, attempts)
        yield from frames_of(answer.parts())


class _Answer:
    """To one question."""

    def __init__(
        self,
        workdirs: WorkDirs,
        shelves: Shelves,
        wanted: pb.SheetsRequest,
        attempts: Mapping[int, int],
    ) -> None:
        self._workdirs = workdirs
        self._shelves = shelves
        self._job_id = wanted.job_id
        self._partition = wanted.partition
        self._pack_bytes = max(_PACK_BYTES_MIN, min(wanted.pack_bytes, _PACK_BYTES_MAX))
        self._attempts = attempts
        self._lost: dict[int, str] = {}

    def parts(self) -> Iterator[Part]:
        shares, left = self._shared_out(self._attempts)
        if left:
            self._make(left)
            shares, left = self._shared_out(self._attempts)
        for share in shares:
            try:
                data = share.pack.piece(self._partition)
            except FetchError as error:
                log.warning("%s; its sheets are sent instead", error)
                share.pack.discard()
                left.update(share.attempts)
            else:
                if data:
                    yield piece_part(data, share.maps)
        for index, number in left.items():
            yield self._sheet(index, number)

    def _shared_out(self, wanted: Mapping[int, int]) -> tuple[list[Share], dict[int, int]]:
        shares: list[Share] = []
        left = dict(wanted)
        for root in self._workdirs.roots:
            packs = self._shelves.packs(f"{root}/{self._job_id}/{PACKS}")
            found, left = shared_out(left, packs)
            shares += found
        return shares, left

    def _make(self, left: Mapping[int, int]) -> None:
        by_root: dict[str, list[tuple[int, int, str]]] = {}
        together = 0
        for index, number in left.items():
            root, path = self._path(index, number)
            with suppress(OSError):
                together += os.path.getsize(path)
                by_root.setdefault(root, []).append((index, number, path))
        if together <= _WHOLE_BYTES:
            return
        for root, sheets in by_root.items():
            folder = f"{root}/{self._job_id}/{PACKS}"
            try:
                self._make_in(folder, sheets)
            except (OSError, subprocess.SubprocessError, ValueError) as error:
                log.warning("no packs in %s: %s; sheets are sent instead", folder, error)

    def _make_in(self, folder: str, sheets: Iterable[tuple[int, int, str]]) -> None:
        with making(Path(folder), MAKING_S) as allowed:
            _, left = self._shared_out({index: number for index, number, _ in sheets})
            sheets = [sheet for sheet in sheets if sheet[0] in left]
            if allowed and sheets:
                order = {"folder": folder, "sheets": sheets, "bytes_max": self._pack_bytes}
                self._lost.update(made_elsewhere(order))

    def _sheet(self, index: int, number: int) -> Part:
        if why := self._lost.get(index):
            return Part(Kind.LOST, index, why.encode())
        _, path = self._path(index, number)
        try:
            return Part(Kind.SHEET, index, Path(path).read_bytes())
        except OSError as error:
            why = f"map output {path} can't be read: {error.strerror or error}"
            return Part(Kind.LOST, index, why.encode())

    def _path(self, index: int, number: int) -> tuple[str, str]:
        """Its root, and where it is or would be."""
        attempt = TaskId(self._job_id, TaskKind.MAP.value, index).attempt(number)
        root = self._workdirs.root_of(attempt)
        return root, f"{work_dir(root, attempt)}/{SHEET_NAME}"


def made_elsewhere(order: Mapping[str, Any]) -> dict[int, str]:
    """Packs, made by a process; the maps whose sheets can't be had, and why.

    Raises:
        OSError, subprocess.SubprocessError, ValueError: it hasn't made them.
    """
    package_root = str(Path(__file__).resolve().parents[2])
    code = (
        f"import sys; sys.path.append({package_root!r}); "
        "from mapred.shuffle.packmaker import main; main()"
    )
    done = subprocess.run(
        # -P: nothing that lies in the working directory is imported by accident.
        [sys.executable, "-P", "-c", code],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        timeout=MAKING_S,
        check=False,
    )
    if done.returncode:
        raise ValueError(
            f"the process that makes them has ended with {done.returncode}: "
            f"{done.stderr.strip()[-300:]}"
        )
    return {int(index): str(why) for index, why in json.loads(done.stdout)["lost"]}
