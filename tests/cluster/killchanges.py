"""The kill loop's files as they are changed: written further, cut, and what may be there after
a change that nobody heard the end of.
"""

import hashlib
import random
import time
from dataclasses import dataclass
from typing import Final

from blockstore import BlockStore
from blockstore.errors import StoreError

MORE_BYTES_MAX: Final = 1024 * 1024
# How long it may take until a file whose writer failed can be read again.
SETTLED_S: Final = 240.0


@dataclass(frozen=True)
class Content:
    """Random bytes, remembered by what makes them."""

    # Seed, bytes made of it, and how many of them are meant.
    pieces: tuple[tuple[int, int, int], ...] = ()

    def __len__(self) -> int:
        return sum(kept for _, _, kept in self.pieces)

    def plus(self, seed: int, size: int) -> "Content":
        return Content((*self.pieces, (seed, size, size)))

    def cut(self, length: int) -> "Content":
        pieces = []
        for seed, size, kept in self.pieces:
            pieces.append((seed, size, min(kept, length)))
            length -= pieces[-1][2]
        return Content(tuple(piece for piece in pieces if piece[2]))

    def data(self) -> bytes:
        return b"".join(random.Random(seed).randbytes(size)[:k] for seed, size, k in self.pieces)

    def digest(self) -> str:
        return hashlib.sha256(self.data()).hexdigest()


class ChangeError(Exception):
    """The change failed; `left` is what the file has, `wrong` what it should not be, in words."""

    def __init__(self, error: StoreError, left: Content, wrong: str) -> None:
        super().__init__(str(error))
        self.left = left
        self.wrong = wrong


def append(store: BlockStore, path: str, content: Content, rng: random.Random) -> Content:
    """What the file has then.

    Raises:
        ChangeError: the store refused; all that was flushed must be there.
    """
    more = content.plus(rng.getrandbits(32), rng.randrange(1, MORE_BYTES_MAX))
    data = more.data()[len(content) :]
    flushed, half = len(content), rng.randrange(len(data))
    file = None
    try:
        file = store.open(path, "ab")
        file.write(data[:half])
        file.hflush()
        flushed += half
        file.write(data[half:])
        file.close()
    except StoreError as error:
        if file is not None:
            file.discard()
        found = _settled(store, path)
        wrong = ""
        if not more.data().startswith(found) or len(found) < flushed:
            wrong = f"{path}: {len(found)} bytes after an append of which {flushed} were flushed"
        raise ChangeError(error, more.cut(len(found)), wrong) from error
    return more


def truncate(store: BlockStore, path: str, content: Content, rng: random.Random) -> Content:
    """What the file has then.

    Raises:
        ChangeError: the store refused; the file has its old length or the new one.
    """
    less = content.cut(rng.randrange(len(content) + 1))
    try:
        if not store.truncate(path, len(less), timeout_s=SETTLED_S):
            raise StoreError(f"{path} was not cut in {SETTLED_S:.0f} s")
    except StoreError as error:
        found = _settled(store, path)
        left = content if len(found) == len(content) else less
        wrong = "" if found == left.data() else f"{path}: {len(found)} wrong bytes after a cut"
        raise ChangeError(error, left, wrong) from error
    return less


def _settled(store: BlockStore, path: str) -> bytes:
    """The bytes of a file that nobody writes any more."""
    until = time.monotonic() + SETTLED_S
    while True:
        try:
            store.recover_lease(path)
            with store.open(path) as file:
                return file.read()
        except StoreError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
