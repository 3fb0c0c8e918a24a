"""Where the bytes of a reduce's segments go as they arrive, and how many may be held in memory."""

import threading
from pathlib import Path

import numpy as np

from mapred.shuffle.frames import FileSegment, MemorySegment, Segment
from mapred.shuffle.segments import verify, verify_file


class Memory:
    """Bytes that may still be held."""

    def __init__(self, budget_bytes: int) -> None:
        self._lock = threading.Lock()
        self._left = budget_bytes

    def reserve(self, size: int) -> bool:
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def release(self, size: int) -> None:
        with self._lock:
            self._left += size


class Sink:
    """Takes the bytes of one segment as they arrive: to memory while there's room, else to disk."""

    def __init__(self, memory: Memory, path: Path, what: str) -> None:
        self._memory = memory
        self._path = path
        self._what = what
        self._chunks: list[bytes] = []
        self._held = 0
        self._on_disk = False

    def write(self, chunk: bytes) -> None:
        if not self._on_disk and not self._memory.reserve(len(chunk)):
            self._spill()
        if self._on_disk:
            with open(self._path, "ab") as file:
                file.write(chunk)
            return
        self._chunks.append(chunk)
        self._held += len(chunk)

    def _spill(self) -> None:
        with open(self._path, "wb") as file:
            file.writelines(self._chunks)
        self._release()
        self._on_disk = True

    def finish(self) -> tuple[Segment | None, int]:
        """The segment (None: empty) and its rows.

        Raises:
            FetchError: its bytes don't match their checksums.
        """
        if self._on_disk:
            size = self._path.stat().st_size
            return FileSegment(self._path, 0, size), verify_file(self._path, 0, size)
        if not self._held:
            return None, 0
        data = self._joined()
        return MemorySegment(data, self._what), verify(data, what=self._what)

    def _joined(self) -> memoryview:
        """The chunks as one, of which each goes when it is copied: never both of them whole."""
        data = np.empty(self._held, np.uint8)
        at = 0
        self._chunks.reverse()
        while self._chunks:
            chunk = self._chunks.pop()
            data[at : at + len(chunk)] = np.frombuffer(chunk, np.uint8)
            at += len(chunk)
        return data.data

    def restart(self) -> None:
        """Forgets what came so far."""
        self._path.unlink(missing_ok=True)
        self._release()
        self._on_disk = False

    def _release(self) -> None:
        self._memory.release(self._held)
        self._chunks, self._held = [], 0
