"""Lines of bytes: `key<TAB>value<LF>`, both bytes as they are. What programs of streaming jobs say.

separator     instead of the tab
compression   compressed_output.py
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mapred.formats.compressed_output import check_compression, compressed_suffix, compressing
from mapred.formats.port import RecordWriter
from mapred.storage.port import OutputFile

_WRITE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True)
class ByteLinesOutput:
    """Lines of key and value."""

    separator: str = "\t"
    compression: str | None = None

    lazy = False

    def __post_init__(self) -> None:
        check_compression(self.compression)

    @property
    def suffix(self) -> str:
        return compressed_suffix("", self.compression)

    def writer(self, file: OutputFile) -> RecordWriter:
        return compressing(
            file, self.compression, lambda file: ByteLinesWriter(file, self.separator.encode())
        )


class ByteLinesWriter:
    """Lines into one part file."""

    def __init__(self, file: OutputFile, separator: bytes) -> None:
        self._file = file
        self._separator = separator
        self._held: list[bytes] = []
        self._held_bytes = 0
        self.bytes_written = 0

    def write(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        by = self._separator
        data = b"".join([part for key, value in pairs for part in (key, by, value, b"\n")])
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes >= _WRITE_BYTES:
            self.close()

    def close(self) -> None:
        if self._held:
            self._file.write(b"".join(self._held))
            self.bytes_written += self._held_bytes
            self._held, self._held_bytes = [], 0
