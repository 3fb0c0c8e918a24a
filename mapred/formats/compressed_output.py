"""Compressed part files: the option `compression` of text formats, and its suffix.

    gzip .gz    bz2 .bz2    xz .xz    zstd .zst    lz4 .lz4

The same records give the same bytes: no times or names of files are in them.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from mapred.errors import JobDefinitionError
from mapred.formats.port import ColumnWriter, RecordWriter
from mapred.storage.port import OutputFile

if TYPE_CHECKING:
    from mapred.shuffle.columns import Rows

# zlib's number for gzip's frame around what it writes.
_GZIP_WINDOW: Final = 31
_GZIP_LEVEL: Final = 6


class _Stream(Protocol):
    def compress(self, data: Any, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _ArrowStream:
    """zstd and lz4, by pyarrow."""

    def __init__(self, codec: str) -> None:
        import pyarrow as pa

        self._written = _Collected()
        self._stream = pa.CompressedOutputStream(pa.PythonFile(self._written, mode="w"), codec)

    def compress(self, data: Any) -> bytes:
        self._stream.write(data)
        return self._written.take()

    def flush(self) -> bytes:
        self._stream.close()
        return self._written.take()


class _Collected:
    """A file that hands over what was written to it."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        self.closed = True

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


_CODECS: Final[dict[str, tuple[str, Callable[[], _Stream]]]] = {
    "gzip": (".gz", lambda: zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)),
    "bz2": (".bz2", bz2.BZ2Compressor),
    "xz": (".xz", lzma.LZMACompressor),
    "zstd": (".zst", lambda: _ArrowStream("zstd")),
    "lz4": (".lz4", lambda: _ArrowStream("lz4")),
}


def check_compression(codec: str | None) -> None:
    """Raises JobDefinitionError for one that there isn't."""
    if codec is not None and codec not in _CODECS:
        raise JobDefinitionError(
            f"there is no compression '{codec}'. There are: {', '.join(_CODECS)}"
        )


def compressed_suffix(suffix: str, codec: str | None) -> str:
    return suffix + _CODECS[codec][0] if codec else suffix


def compressing(
    file: OutputFile, codec: str | None, make: Callable[[OutputFile], RecordWriter]
) -> RecordWriter:
    """The writer that `make` gives for the file, or for what is compressed into it."""
    if codec is None:
        return make(file)
    packed = _CompressedFile(file, _CODECS[codec][1]())
    return _CompressedWriter(make(packed), packed)


class _CompressedFile:
    """What a writer takes for its file."""

    def __init__(self, file: OutputFile, stream: _Stream) -> None:
        self._file = file
        self._stream = stream
        self.bytes_written = 0

    def write(self, data: bytes | bytearray | memoryview) -> int:
        self._put(self._stream.compress(data))
        return len(data)

    def commit(self) -> None:
        self._put(self._stream.flush())

    def discard(self) -> None:
        """The file itself is its owner's."""

    def _put(self, data: bytes) -> None:
        if data:
            self._file.write(data)
            self.bytes_written += len(data)


class _CompressedWriter:
    """Records, and at the end the end of the compressed stream."""

    def __init__(self, records: RecordWriter, packed: _CompressedFile) -> None:
        self._records = records
        self._packed = packed

    @property
    def bytes_written(self) -> int:
        return self._packed.bytes_written

    def write(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        self._records.write(pairs)

    def write_rows(self, rows: "Rows") -> bool:
        return isinstance(self._records, ColumnWriter) and self._records.write_rows(rows)

    def close(self) -> None:
        self._records.close()
        self._packed.commit()
