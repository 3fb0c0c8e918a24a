"""CRC32C of byte chunks, as stored beside every block and sent with every packet.

A buffer is cut into chunks of `chunk_bytes`; each chunk has one CRC32C, kept as
four bytes, big-endian, one after the other. The last chunk may be short.
"""

import ctypes
import struct
from collections.abc import Callable
from typing import Any, Final

import google_crc32c

from blockstore.errors import ChecksumException

# The C code does 10 GB/s on chunks of this size and 2.6 on HDFS's 512 bytes,
# and a 4 KiB read still fetches at most 64 KiB.
CHUNK_BYTES_DEFAULT: Final = 64 * 1024
CRC_BYTES: Final = 4

if google_crc32c.implementation != "c":
    raise ImportError(
        "google-crc32c has no C extension on this Python: checksums would be 100 times slower. "
        "Install a wheel of it for this platform: pip install --only-binary :all: google-crc32c"
    )


def chunk_count(length: int, chunk_bytes: int) -> int:
    return -(-length // chunk_bytes)


def crc32c(data: bytes | bytearray | memoryview) -> int:
    return int(google_crc32c.value(data if isinstance(data, bytes) else bytes(data)))


def extend(crc: int, data: bytes) -> int:
    """The CRC of what `crc` is the CRC of (0: of nothing), followed by `data`."""
    return int(google_crc32c.extend(crc, data))


def checksums(data: bytes | bytearray | memoryview, chunk_bytes: int) -> bytes:
    """The CRCs of `data`, four bytes a chunk."""
    crcs = _chunk_crcs(data, chunk_bytes)
    return struct.pack(f">{len(crcs)}I", *crcs)


def verify(
    data: bytes | bytearray | memoryview,
    crcs: bytes | memoryview,
    chunk_bytes: int,
    *,
    what: str,
    offset: int,
) -> None:
    """Checks `data`, whose first byte is at `offset` of `what`, against its CRCs.

    Raises:
        ChecksumException: names `what` and the offset of the first wrong chunk.
    """
    actual = checksums(data, chunk_bytes)
    if actual == crcs:
        return
    for at in range(0, max(len(actual), len(crcs)), CRC_BYTES):
        if actual[at : at + CRC_BYTES] != bytes(crcs[at : at + CRC_BYTES]):
            wrong = offset + at // CRC_BYTES * chunk_bytes
            raise ChecksumException(f"{what}: bytes at offset {wrong} don't match their checksum")


# --- chunks where they lie -------------------------------------------------------------


class _Buffer(ctypes.Structure):
    """Py_buffer of Python's stable ABI."""

    _fields_ = (
        ("address", ctypes.c_void_p),
        ("owner", ctypes.py_object),
        ("length", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_void_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    )


_get_buffer = ctypes.pythonapi.PyObject_GetBuffer
_get_buffer.argtypes = (ctypes.py_object, ctypes.POINTER(_Buffer), ctypes.c_int)
_release_buffer = ctypes.pythonapi.PyBuffer_Release
_release_buffer.argtypes = (ctypes.POINTER(_Buffer),)
_release_buffer.restype = None
# PyBUF_SIMPLE: contiguous bytes; anything else is refused with a BufferError.
_SIMPLE: Final = 0


def _find_extend() -> Callable[[int, int, int], int] | None:
    """The C function under google_crc32c, which its Python face calls with copies only.

    It keeps the interpreter's lock: a chunk takes 3 us, and getting the lock back may take 5 ms.
    """
    try:
        from google_crc32c import _crc32c

        function = ctypes.PyDLL(_crc32c.__file__).crc32c_extend
    except (ImportError, OSError, AttributeError):
        return None
    function.argtypes = (ctypes.c_uint32, ctypes.c_void_p, ctypes.c_size_t)
    function.restype = ctypes.c_uint32
    found: Callable[[int, int, int], int] = function
    return found


_extend_at = _find_extend()


def _chunk_crcs(data: Any, chunk_bytes: int) -> list[int]:
    if _extend_at is None:
        return _chunk_crcs_of_copies(data, chunk_bytes)
    buffer = _Buffer()
    _get_buffer(data, ctypes.byref(buffer), _SIMPLE)
    try:
        start, end = buffer.address or 0, (buffer.address or 0) + buffer.length
        return [
            _extend_at(0, at, min(chunk_bytes, end - at)) for at in range(start, end, chunk_bytes)
        ]
    finally:
        _release_buffer(ctypes.byref(buffer))


def _chunk_crcs_of_copies(data: Any, chunk_bytes: int) -> list[int]:
    """The same where that function can't be found."""
    view = memoryview(data)
    return [
        google_crc32c.value(bytes(view[at : at + chunk_bytes]))
        for at in range(0, len(view), chunk_bytes)
    ]
