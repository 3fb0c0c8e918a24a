"""Compressed inputs, recognised by their names: read as one stream, so they are one split.

.gz (several members in a row too), .bz2, .xz, .zst, .lz4 (frames)
"""

import bz2
import gzip
import lzma
from collections.abc import Callable
from typing import Any, BinaryIO, Final

from mapred.errors import InputError


def _arrow(codec: str) -> Callable[[BinaryIO], Any]:
    def opened(file: BinaryIO) -> Any:
        # Those who plan a job import this module too: they don't need pyarrow.
        import pyarrow as pa

        return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), codec)

    return opened


_OPENERS: Final[dict[str, Callable[[BinaryIO], Any]]] = {
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".zst": _arrow("zstd"),
    ".lz4": _arrow("lz4"),
}


def suffix_of(uri: str) -> str:
    """The suffix that says how the file is compressed, or ""."""
    return next((suffix for suffix in _OPENERS if uri.endswith(suffix)), "")


def is_compressed(uri: str) -> bool:
    return suffix_of(uri) != ""


class Decompressed:
    """Reads a compressed file from its beginning."""

    def __init__(self, uri: str, file: BinaryIO) -> None:
        self._uri = uri
        self._file = file
        self._stream = _OPENERS[suffix_of(uri)](file)
        self._bytes = 0

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; b"" at the end.

        Raises:
            InputError: cut off, or not what its name says.
        """
        try:
            data: bytes = self._stream.read(size)
        except EOFError:
            raise InputError(self._damaged("it is cut off")) from None
        except (OSError, lzma.LZMAError, ValueError) as error:
            raise InputError(self._damaged(str(error))) from None
        self._bytes += len(data)
        return data

    def _damaged(self, why: str) -> str:
        return (
            f"{self._uri} can't be unpacked past {self._bytes} bytes of its content: {why}. "
            "Replace the file, or leave it out of the inputs"
        )

    @property
    def compressed_bytes_read(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._stream.close()
        self._file.close()
