"""One CRC32C of many: the checksum of bytes from the checksums of their parts, without the bytes.

A CRC is the remainder of a polynomial over GF(2), so that of A followed by B is that of A times
x^(8 * length of B), plus that of B. The factor is found by squaring, in as many steps as the
length has bits. So the result doesn't depend on where the parts were cut: files of equal contents
have equal checksums, whatever their blocks and chunks. It is what CRC32C over all bytes gives,
and what HDFS calls COMPOSITE-CRC32C.
"""

from typing import Final

# The Castagnoli polynomial without its highest term; the lowest power is the highest bit.
_POLYNOMIAL: Final = 0x82F63B78
_ONE: Final = 1 << 31
_X_TO_THE_8: Final = 1 << 23


def combine(first: int, second: int, second_bytes: int) -> int:
    """The CRC of bytes with the CRC `first`, followed by `second_bytes` with the CRC `second`."""
    return _times(first, factor(second_bytes)) ^ second


def factor(length: int) -> int:
    """What `length` bytes that follow do to a CRC: x^(8 * length)."""
    result, square = _ONE, _X_TO_THE_8
    while length:
        if length & 1:
            result = _times(result, square)
        square = _times(square, square)
        length >>= 1
    return result


def compose(crcs: bytes, chunk_bytes: int, length: int) -> int:
    """The CRC of `length` bytes from those of their chunks (u32 each, big-endian)."""
    whole, rest = divmod(length, chunk_bytes)
    ahead = factor(chunk_bytes)
    crc = 0
    for at in range(0, whole * 4, 4):
        crc = _times(crc, ahead) ^ int.from_bytes(crcs[at : at + 4], "big")
    if rest:
        crc = combine(crc, int.from_bytes(crcs[whole * 4 : whole * 4 + 4], "big"), rest)
    return crc


def _times(a: int, b: int) -> int:
    """The product of two polynomials, modulo the CRC's."""
    product = 0
    while a:
        if a & _ONE:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
    return product
