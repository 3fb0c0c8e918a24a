"""Lines of bytes: `key<TAB>value<LF>`, both bytes as they are. What programs of streaming jobs say.

separator     instead of the tab
compression   compressed_output.py
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mapred.formats.compressed_output import check_compression, compressed_suffix, compressing
from mapred.formats.gathering import GatheringWriter
from mapred.formats.port import RecordWriter
from mapred.storage.port import OutputFile


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


class ByteLinesWriter(GatheringWriter):
    """Lines into one part file."""

    def __init__(self, file: OutputFile, separator: bytes) -> None:
        super().__init__(file)
        self._separator = separator

    def write(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        by = self._separator
        self._put(b"".join([part for key, value in pairs for part in (key, by, value, b"\n")]))
