"""The files that the contests read, made from seeds and kept in the cache."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import corpus

RECORD_BYTES: Final = 100
KEY_BYTES: Final = 10
USERS: Final = 1_000_000
_SEED: Final = 4
_PIECE: Final = 1_000_000
# Printable, and no space: GNU sort, Spark and Hadoop see lines.
_FIRST, _LAST = 33, 126


def text(kind: str, megabytes: int) -> Path:
    """Zipf's or English text whose words have one space between them: all tools split it alike."""
    return _made(
        f"{kind}-words-{megabytes}.txt", lambda path: _write_text(path, kind, megabytes * 1_000_000)
    )


def _write_text(path: Path, kind: str, size: int) -> None:
    # A piece of Zipf's text that is repeated has all 200,000 words already.
    source = corpus.english(1) if kind == "english" else corpus.zipf(min(size, 50_000_000))
    # Python's split takes away the rarer white space too, which the peers take for letters.
    once = "".join(
        f"{' '.join(line.split())}\n" for line in source.read_text().split("\n")
    ).encode()
    with path.open("wb") as file:
        left = size
        while left > 0:
            piece = once if left >= len(once) else once[: once.rfind(b"\n", 0, left) + 1]
            if not piece:
                break
            file.write(piece)
            left -= len(piece)


def records(megabytes: int) -> Path:
    """Lines of 100 bytes: ten random printable ones as key, a number, filling."""
    return _made(f"records-{megabytes}.txt", lambda path: _write_records(path, megabytes * 10_000))


def _write_records(path: Path, count: int) -> None:
    rng = np.random.default_rng(_SEED)
    with path.open("wb") as file:
        for start in range(0, count, _PIECE):
            rows = np.full((min(_PIECE, count - start), RECORD_BYTES), ord("."), np.uint8)
            rows[:, :KEY_BYTES] = rng.integers(
                _FIRST, _LAST + 1, (len(rows), KEY_BYTES), dtype=np.uint8
            )
            number = np.arange(start, start + len(rows))
            for digit in range(10):
                rows[:, 20 - digit] = ord("0") + number // 10**digit % 10
            # As much entropy as real rows have: half of the filling differs.
            rows[:, 50:] = rng.integers(_FIRST, _LAST + 1, (len(rows), 50), dtype=np.uint8)
            rows[:, -1] = ord("\n")
            file.write(rows.tobytes())


def payments(rows: int) -> Path:
    """Parquet: user (a million ints), name (as many strings), amount, and a column nobody reads."""
    return _made(f"payments-{rows}.parquet", lambda path: _write_payments(path, rows))


def _write_payments(path: Path, rows: int) -> None:
    rng = np.random.default_rng(_SEED)
    names = pa.array([f"user-{number * 7919 % USERS:07d}@example" for number in range(USERS)])
    schema = pa.schema(
        [("user", pa.int64()), ("name", pa.string()), ("amount", pa.int64()), ("at", pa.float64())]
    )
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, _PIECE):
            count = min(_PIECE, rows - start)
            users = rng.integers(0, USERS, count)
            columns = [
                pa.array(users * 1013),
                names.take(pa.array(users)),
                pa.array(rng.integers(-1000, 100_000, count)),
                pa.array(rng.random(count)),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _made(name: str, write: Callable[[Path], None]) -> Path:
    path = corpus.cache() / name
    if not path.exists():
        partial = path.with_suffix(".partial")
        write(partial)
        os.replace(partial, path)
    return path


def warm(path: Path) -> None:
    """Into the page cache, which machines with little memory take away again."""
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass
