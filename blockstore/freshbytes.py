"""Bytes that are filled after they were made, before anybody else sees them: a message of gRPC must
be `bytes`, and to put it together from a head and what was read of a file would be another copy.
"""

import ctypes
from collections.abc import Callable
from typing import Any, Final

_new: Final[Any] = ctypes.pythonapi.PyBytes_FromStringAndSize
_new.argtypes = (ctypes.c_void_p, ctypes.c_ssize_t)
_new.restype = ctypes.py_object
_address_of: Final[Any] = ctypes.pythonapi.PyBytes_AsString
_address_of.argtypes = (ctypes.py_object,)
_address_of.restype = ctypes.c_void_p


def fresh_bytes(head: bytes, length: int, fill: Callable[[memoryview], int]) -> tuple[bytes, int]:
    """`head` and `length` bytes that `fill` writes; and what `fill` returns.

    `fill` must not keep the memory that it gets. If it leaves something unwritten, that is whatever
    was there before: the caller must not hand it out.
    """
    made: bytes = _new(None, len(head) + length)
    if not made:
        return made, fill(memoryview(bytearray()))
    there = (ctypes.c_ubyte * len(made)).from_address(_address_of(made))
    with memoryview(there).cast("B") as whole:
        whole[: len(head)] = head
        with whole[len(head) :] as rest:
            return made, fill(rest)
