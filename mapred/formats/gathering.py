"""A part file whose writer has many small pieces: they are gathered, and written together."""

from typing import Final

from mapred.storage.port import OutputFile

# About a chunk of pairs: more would only be copied once more.
WRITE_BYTES: Final = 64 * 1024


class GatheringWriter:
    """What writers of lines have in common; `bytes_written` counts what went into the file."""

    def __init__(self, file: OutputFile) -> None:
        self._file = file
        self._held: list[bytes] = []
        self._held_bytes = 0
        self.bytes_written = 0

    def close(self) -> None:
        """Writes what is held; the file stays open."""
        if self._held:
            self._file.write(b"".join(self._held))
            self.bytes_written += self._held_bytes
            self._held, self._held_bytes = [], 0

    def _put(self, data: bytes) -> None:
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes >= WRITE_BYTES:
            self.close()
