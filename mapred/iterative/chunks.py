"""How a large file of a state is cut: pieces that are checked one by one, whoever they come from.

The file's name is the hash of its chunks' hashes, so whoever has checked each has checked all.

    <bytes of the file>:<bytes of a chunk>:<the hashes, one behind the other, as base64>
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

# A smaller file isn't cut: each process reads it.
BYTES_MIN: Final = 1024 * 1024
# As large as makes a call's own cost small, and small enough that machines soon have some to give.
CHUNK_BYTES: Final = 4 * 1024 * 1024
# Their hashes are in the settings of each round, which the JobTracker writes into its journal.
CHUNKS_MAX: Final = 128
_HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Chunks:
    """The pieces of one file."""

    length: int
    chunk_bytes: int
    hashes: bytes

    def __len__(self) -> int:
        return len(self.hashes) // _HASH_BYTES

    @property
    def sha256(self) -> str:
        """The file's name."""
        return hashlib.sha256(self.hashes).hexdigest()

    def start(self, number: int) -> int:
        return number * self.chunk_bytes

    def size(self, number: int) -> int:
        return min(self.chunk_bytes, self.length - self.start(number))

    def is_right(self, number: int, data: bytes | memoryview) -> bool:
        at = number * _HASH_BYTES
        return hashlib.sha256(data).digest() == self.hashes[at : at + _HASH_BYTES]

    @property
    def text(self) -> str:
        return f"{self.length}:{self.chunk_bytes}:{base64.b64encode(self.hashes).decode()}"

    def __repr__(self) -> str:
        return f"Chunks({len(self)} of {self.chunk_bytes} bytes, {self.length} in all)"


def chunks_in(text: str) -> Chunks:
    length, chunk_bytes, hashes = text.split(":")
    return Chunks(int(length), int(chunk_bytes), base64.b64decode(hashes))


def cut(data: bytes, chunk_bytes: int = CHUNK_BYTES) -> Chunks:
    """Into chunks of that size, or as much larger ones as make them not too many."""
    view = memoryview(data)
    chunk_bytes = max(chunk_bytes, -(-len(data) // CHUNKS_MAX))
    starts = range(0, len(data), chunk_bytes)
    hashes = b"".join(
        hashlib.sha256(view[start : start + chunk_bytes]).digest() for start in starts
    )
    return Chunks(len(data), chunk_bytes, hashes)
