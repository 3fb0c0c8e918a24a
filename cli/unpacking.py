"""Files that one of five programs packed, read as what was packed.

The program shows in the first bytes (their "magic number", from each format's specification):
gzip RFC 1952, xz and bzip2 their file headers, zstd RFC 8878, lz4 its frame format. Zstandard's
and LZ4's numbers are little-endian. Several packed parts, one after another, are one file.
"""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Final, cast

from .errors import CommandError

if TYPE_CHECKING:
    from .copying import Readable

_MAGIC: Final = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
)
_MAGIC_BYTES: Final = 6


def unpacked(file: IO[bytes], path: str) -> "Readable":
    """A file of the block store, or what is packed in it; `path` is for messages."""
    first = file.read(_MAGIC_BYTES)
    file.seek(0)
    form = next((form for magic, form in _MAGIC if first.startswith(magic)), None)
    if form is None:
        return file
    return _Unpacked(_OPENERS[form](file), form, path)


class _Unpacked:
    """Says of damaged data what it is; the libraries each have their own errors."""

    def __init__(self, stream: "Readable", form: str, path: str) -> None:
        self._stream = stream
        self._form = form
        self._path = path

    def read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except (EOFError, ValueError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
            raise CommandError(
                f"{self._path}: damaged {self._form} data: {error}; "
                "cat shows the file as it is stored"
            ) from error


def _with_arrow(form: str) -> "Callable[[IO[bytes]], Readable]":
    def opened(file: IO[bytes]) -> "Readable":
        import pyarrow

        return cast("Readable", pyarrow.CompressedInputStream(file, form))

    return opened


_OPENERS: Final[dict[str, "Callable[[IO[bytes]], Readable]"]] = {
    "gzip": lambda file: gzip.GzipFile(fileobj=file),
    "bzip2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
    "zstd": _with_arrow("zstd"),
    "lz4": _with_arrow("lz4"),
}
